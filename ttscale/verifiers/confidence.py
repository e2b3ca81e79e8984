"""The verifier `confidence`: the model's own log-probability of its sample, as a score.

Groups and tail follow DeepConf (Fu et al. 2025, arXiv 2508.15260) in all but what they average: there a token's
confidence is the mean negative log-probability of the k most likely tokens at its place. Samples keep the
log-probability of the drawn token alone, so that is what is averaged here. What needs the distribution at each place cannot be
computed from stored samples: DeepConf's token confidence itself, entropy, and self-certainty (Kang et al. 2025, arXiv
2502.18581), the divergence from the uniform distribution over the vocabulary.
"""

import math
from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from ttscale.types import Outcome, Sample, Verdict
from ttscale.verifiers.contract import Candidate, by_threshold


class ConfidenceOptions(BaseModel):
    """Options of `confidence`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    statistic: Literal["sum", "mean", "lowest-group", "bottom-groups", "tail"] = "mean"
    """"sum": the log-probability of the whole completion, which favors short ones. "mean": per token.
    "lowest-group": the mean over the least likely `window` tokens in a row. "bottom-groups": the mean of the lowest
    `share` of all such groups. "tail": over the last `window`. These three need samples drawn with
    ``sampling.token_logprobs: true``."""
    window: int = Field(default=2048, ge=1)
    """Tokens of a group or tail; a shorter completion is one group."""
    share: float = Field(default=0.1, gt=0, le=1)
    """Of the groups that count with "bottom-groups", rounded up; DeepConf takes a tenth."""
    threshold: float | None = None
    """Accept samples that score at least this; None: only score."""


class ConfidenceVerifier:
    """Score samples by their log-probability in nats. It never sees the key and reads no text.

    Equal completions may differ in score where sampling rounds differently, or was cut into other tokens, so
    every sample is scored on its own.
    """

    Options: ClassVar[type[BaseModel]] = ConfidenceOptions
    version: ClassVar[str] = "2"
    sees_answer: ClassVar[bool] = False
    deterministic: ClassVar[bool] = False

    def __init__(self, options: ConfidenceOptions) -> None:
        self._statistic = options.statistic
        self._window = options.window
        self._share = options.share
        self._threshold = options.threshold

    def verify(self, batch: Sequence[Candidate]) -> list[Verdict]:
        """Return one verdict per candidate, in order; see `ttscale.verifiers.contract`."""
        return [self._verify_one(candidate.sample) for candidate in batch]

    def _verify_one(self, sample: Sample) -> Verdict:
        if sample.completion_tokens == 0:
            return Verdict(outcome=Outcome.NO_ANSWER)
        score = self._score(sample)
        if score is None:
            option = "logprobs" if self._statistic in ("sum", "mean") else "token_logprobs"
            detail = f"The sample was stored without log-probabilities; draw with 'sampling.{option}: true'."
            return Verdict(outcome=Outcome.ERROR, detail=detail)
        if not math.isfinite(score):
            return Verdict(outcome=Outcome.ERROR, detail=f"The sample's log-probability is {score}.")
        return Verdict(outcome=by_threshold(score, self._threshold), score=score)

    def _score(self, sample: Sample) -> float | None:
        """Compute the statistic, or None where the sample lacks what it needs."""
        total, tokens = sample.cumulative_logprob, sample.token_logprobs
        match self._statistic:
            case "sum":
                return total
            case "mean":
                return None if total is None else total / sample.completion_tokens
            case "lowest-group":
                return float(group_means(tokens, self._window).min()) if tokens else None
            case "bottom-groups":
                return lowest_share(group_means(tokens, self._window), self._share) if tokens else None
            case "tail":
                return float(np.mean(tokens[-self._window :])) if tokens else None


def group_means(logprobs: Sequence[float], window: int) -> NDArray[np.float64]:
    """Return the mean of every run of `window` values, or of all if there are fewer.

    >>> group_means([-1.0, -3.0, -5.0], 2).tolist()
    [-2.0, -4.0]
    """
    window = min(window, len(logprobs))
    sums = np.concatenate([[0.0], np.cumsum(logprobs)])
    means: NDArray[np.float64] = (sums[window:] - sums[:-window]) / window
    return means


def lowest_share(values: NDArray[np.float64], share: float) -> float:
    """Return the mean of the lowest values: this share of them, rounded up.

    >>> lowest_share(np.array([4.0, 1.0, 2.0, 3.0]), 0.3)
    1.5
    """
    count = math.ceil(round(share * len(values), 9))  # 0.1 of 30 is 3, whatever binary fractions say
    return float(np.partition(values, count - 1)[:count].mean())
