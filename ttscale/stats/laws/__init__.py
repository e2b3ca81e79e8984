"""Scaling laws of coverage by name; see `ttscale.stats.laws.frame` for what a law is."""
