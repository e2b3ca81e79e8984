"""Attempts of strategies: what one was made of, what they cost, and which is the best buy."""
