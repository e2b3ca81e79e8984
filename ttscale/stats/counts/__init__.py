"""Counts of correct samples and what follows from them exactly: pass@k and its kin."""
