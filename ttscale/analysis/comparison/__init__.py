"""Verifiers compared on the same samples."""
