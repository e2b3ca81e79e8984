"""The verifier `confidence`: how sure the model was of its own sample, as a score.

What a token counts for is one of three numbers (option `token`):

* its log-probability;
* DeepConf's token confidence (Fu et al. 2025, arXiv 2508.15260), the mean of −log p over the k most probable tokens at its place:
  large where one token has nearly all the probability and the others next to none;
* self-certainty (Kang et al. 2025, arXiv 2502.18581), the divergence KL(U ‖ p) of the uniform distribution from the model's. The
  paper takes both over the whole vocabulary; here they are taken over the k tokens that were kept, with their probabilities scaled
  to sum to 1. With k the size of the vocabulary that is the paper's number, with fewer it is a number of its own: compare
  it between samples of the same k only.

The statistics over a sample's tokens are DeepConf's: mean, lowest group, lowest tenth of the groups, tail.
"""

import math
from collections.abc import Sequence
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, model_validator

from ttscale.options import Settings
from ttscale.types import Outcome, Sample, Verdict
from ttscale.verifiers.contract import Candidate, by_threshold, failed


class ConfidenceOptions(Settings):
    """Options of `confidence`."""

    statistic: Literal["sum", "mean", "lowest-group", "bottom-groups", "tail"] = "mean"
    """"sum": the log-probability of the whole completion, which favors short ones. "mean": per token.
    "lowest-group": the mean over the least sure `window` tokens in a row. "bottom-groups": the mean of the lowest
    `share` of all such groups. "tail": over the last `window`. With log-probabilities these three need samples drawn with
    ``sampling.token_logprobs: true``."""
    token: Literal["logprob", "top-k", "self-certainty"] = "logprob"
    """What a token counts for: its log-probability, DeepConf's confidence over the k most probable tokens ("top-k"), or
    self-certainty over them. The last two need samples drawn with ``sampling.top_logprobs: 20`` (DeepConf's k), and any statistic
    but "sum"."""
    window: int = Field(default=2048, ge=1)
    """Tokens of a group or tail; a shorter completion is one group."""
    share: float = Field(default=0.1, gt=0, le=1)
    """Of the groups that count with "bottom-groups", rounded up; DeepConf takes a tenth."""
    threshold: float | None = None
    """Accept samples that score at least this; None: only score."""

    @model_validator(mode="after")
    def _check_sum(self) -> Self:
        if self.token != "logprob" and self.statistic == "sum":
            raise ValueError(
                f"statistic 'sum' is the log-probability of the completion; with token '{self.token}' take 'mean'"
            )
        return self


class ConfidenceVerifier:
    """Score samples by the model's confidence in nats. It never sees the key and reads no text.

    Equal completions may differ in score where sampling rounds differently, or was cut into other tokens, so
    every sample is scored on its own.
    """

    Options: ClassVar[type[BaseModel]] = ConfidenceOptions
    version: ClassVar[str] = "2"
    sees_answer: ClassVar[bool] = False
    deterministic: ClassVar[bool] = False
    reads_logprobs: ClassVar[bool] = True

    def __init__(self, options: ConfidenceOptions) -> None:
        self._options = options
        self.reads_top_logprobs = options.token != "logprob"

    def verify(self, batch: Sequence[Candidate]) -> list[Verdict]:
        """Return one verdict per candidate, in order; see `ttscale.verifiers.contract`."""
        return [self._verify_one(candidate.sample) for candidate in batch]

    def _verify_one(self, sample: Sample) -> Verdict:
        if sample.completion_tokens == 0:
            return Verdict(outcome=Outcome.NO_ANSWER)
        score = self._score(sample)
        if score is None:
            return failed(
                f"The sample was stored without log-probabilities; draw with 'sampling.{self._needed()}'."
            )
        if not math.isfinite(score):
            return failed(f"The score from the sample's log-probabilities is {score}.")
        return Verdict(outcome=by_threshold(score, self._options.threshold), score=score)

    def _needed(self) -> str:
        """Return the sampling option that keeps what is needed."""
        if self.reads_top_logprobs:
            return "top_logprobs: 20"
        return "logprobs: true" if self._options.statistic in ("sum", "mean") else "token_logprobs: true"

    def _score(self, sample: Sample) -> float | None:
        """Compute the statistic, or None where the sample lacks what it needs."""
        total = sample.cumulative_logprob
        if self._options.token == "logprob" and self._options.statistic in ("sum", "mean"):
            n = 1 if self._options.statistic == "sum" else sample.completion_tokens
            return None if total is None or n is None else total / n
        tokens = self._tokens(sample)
        if tokens is None or not len(tokens):
            return None
        match self._options.statistic:
            case "lowest-group":
                return float(group_means(tokens, self._options.window).min())
            case "bottom-groups":
                return lowest_share(group_means(tokens, self._options.window), self._options.share)
            case "tail":
                return float(np.mean(tokens[-self._options.window :]))
            case _:
                return float(np.mean(tokens))

    def _tokens(self, sample: Sample) -> "Sequence[float] | NDArray[np.float64] | None":
        """Return what every token counts for."""
        if self._options.token == "logprob":
            return sample.token_logprobs
        if sample.top_logprobs is None:
            return None
        top = sample.top_logprobs.astype(np.float64)
        return token_confidence(top) if self._options.token == "top-k" else self_certainty(top)


def token_confidence(top_logprobs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return DeepConf's confidence of each token, the mean of −log p over the tokens kept: (T, k) -> (T,).

    NaN stands where a server listed fewer tokens.

    >>> token_confidence(np.log([[0.5, 0.25], [0.9, 0.1]])).round(3).tolist()
    [1.04, 1.204]
    """
    mean: NDArray[np.float64] = -np.nanmean(top_logprobs, axis=1)
    return mean


def self_certainty(top_logprobs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return KL(uniform ‖ model) over the tokens kept, their probabilities scaled to sum to 1: (T, k) -> (T,).

    >>> self_certainty(np.log([[0.5, 0.5], [0.9, 0.1]])).round(3).tolist()
    [0.0, 0.511]
    """
    kept = (~np.isnan(top_logprobs)).sum(axis=1)
    mass = np.nansum(np.exp(top_logprobs), axis=1)
    divergence: NDArray[np.float64] = token_confidence(top_logprobs) + np.log(mass) - np.log(kept)
    return divergence


def group_means(logprobs: "Sequence[float] | NDArray[np.float64]", window: int) -> NDArray[np.float64]:
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
