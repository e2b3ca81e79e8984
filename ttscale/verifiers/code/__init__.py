"""Unit tests as a verifier: programs run in a sandbox and pass by evidence that they cannot forge."""

from ttscale.verifiers.code.verifier import CodeOptions, CodeVerifier

__all__ = ["CodeOptions", "CodeVerifier"]
