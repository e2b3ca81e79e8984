"""From a head's logits to a reward, and from the rewards of steps to one score."""

import math
from collections.abc import Sequence

from ttscale.verifiers.reward_model.options import Reduction, RewardModelOptions, Rewards


def reward_of(logits: Sequence[float], options: RewardModelOptions) -> float:
    """Return the reward that a head's logits say.

    >>> reward_of([2.0], RewardModelOptions(path="m"))
    2.0
    >>> reward_of([0.0, 0.0], RewardModelOptions(path="m"))
    0.5
    """
    label = len(logits) - 1 if options.label is None else options.label
    if label >= len(logits):
        raise IndexError(f"the head has {len(logits)} labels, and 'label' is {label}")
    activation: str = options.activation
    if activation == "auto":
        single = "sigmoid" if options.rewards == "steps" else "none"
        activation = "softmax" if len(logits) > 1 else single
    if activation == "sigmoid":
        return _sigmoid(logits[label])
    if activation == "softmax":
        highest = max(logits)
        return math.exp(logits[label] - highest) / math.fsum(math.exp(logit - highest) for logit in logits)
    return logits[label]


def reduced(rewards: Sequence[float], reduction: Reduction) -> float:
    """Return one score of the rewards of steps, at least one.

    >>> [reduced([0.5, 0.25, 1.0], how) for how in ("min", "prod", "last", "mean")]
    [0.25, 0.125, 1.0, 0.5833333333333334]
    """
    match reduction:
        case "min":
            return min(rewards)
        case "prod":
            return math.prod(rewards)
        case "last":
            return rewards[-1]
        case "mean":
            return math.fsum(rewards) / len(rewards)


def _sigmoid(logit: float) -> float:
    """Stay finite at both ends."""
    if logit >= 0:
        return 1.0 / (1.0 + math.exp(-logit))
    return math.exp(logit) / (1.0 + math.exp(logit))


def joined(found: Sequence[Rewards | str]) -> Rewards | str:
    """Join the rewards of a passage's texts; one that failed fails the passage."""
    together: list[float] = []
    for rewards in found:
        if isinstance(rewards, str):
            return rewards
        together += rewards
    return tuple(together)


def too_long(n_tokens: int, most: int) -> str:
    """Say that a text does not fit the model."""
    return f"The text has {n_tokens:,} tokens; the model reads {most:,}."
