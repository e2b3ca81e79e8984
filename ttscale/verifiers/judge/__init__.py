"""A language model as a verifier: of one answer (`verifier`) or of two (`pairs`)."""

from ttscale.verifiers.judge.pairs import JudgePairsOptions, JudgePairsVerifier
from ttscale.verifiers.judge.verifier import JudgeOptions, JudgeOracle, JudgeVerifier

__all__ = ["JudgeOptions", "JudgeOracle", "JudgePairsOptions", "JudgePairsVerifier", "JudgeVerifier"]
