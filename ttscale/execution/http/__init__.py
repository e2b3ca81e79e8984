"""Asking HTTP servers that may be busy, slow, broken or gone: one attempt, what its failure means, when to try again."""
