"""Formal proofs as verdicts: the proof assistant itself compares statements and lists axioms."""
