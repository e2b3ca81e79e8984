"""What samples cost and which choice is the best buy."""
