"""Formal proofs as verdicts: the statement is compared, and the axioms are counted, by the proof assistant itself."""
