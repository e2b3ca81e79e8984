"""Attempts of a strategy, driven through a sampler: many at once, every call of them recorded."""
