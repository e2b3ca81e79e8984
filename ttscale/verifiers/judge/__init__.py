"""A language model as a verifier; see `ttscale.verifiers.judge.verifier`."""

from ttscale.verifiers.judge.verifier import JudgeOptions, JudgeOracle, JudgeVerifier

__all__ = ["JudgeOptions", "JudgeOracle", "JudgeVerifier"]
