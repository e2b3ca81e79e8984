"""Picking one answer of k without the key: votes, best-of-k, first accepted, ensembles."""
