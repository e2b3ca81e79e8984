"""A trained reward model as a verifier; see `ttscale.verifiers.reward_model.verifier`."""

from ttscale.verifiers.reward_model.options import RewardModelOptions
from ttscale.verifiers.reward_model.verifier import RewardModelVerifier

__all__ = ["RewardModelOptions", "RewardModelVerifier"]
