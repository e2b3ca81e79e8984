"""Estimators, intervals, laws and forecasts: pure functions on arrays (NumPy and SciPy alone)."""
