"""Analysis: stored samples and verdicts in, results with intervals out."""
