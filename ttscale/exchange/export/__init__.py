"""Stored samples as files for other tools, and for `ttscale import table` to read back."""
