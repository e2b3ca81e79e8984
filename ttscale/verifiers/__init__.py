"""Verifiers: each way to tell right from wrong, over stored samples."""
