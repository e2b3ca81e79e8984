"""The verifier `confidence`: the model's own log-probability of its sample, as a score."""

import math
from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from ttscale.types import Outcome, Sample, Verdict
from ttscale.verifiers.contract import Candidate


class ConfidenceOptions(BaseModel):
    """Options of `confidence`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    statistic: Literal["sum", "mean"] = "mean"
    """"sum": the log-probability of the whole completion, which favors short ones. "mean": per token."""
    threshold: float | None = None
    """Accept samples that score at least this; None: accept every sample, only the score tells."""


class ConfidenceVerifier:
    """Score samples by their log-probability in nats. It never sees the key and reads no text.

    Equal completions may differ in score where sampling rounds differently, or was cut into other tokens, so
    every sample is scored on its own.
    """

    Options: ClassVar[type[BaseModel]] = ConfidenceOptions
    version: ClassVar[str] = "1"
    sees_answer: ClassVar[bool] = False
    deterministic: ClassVar[bool] = False

    def __init__(self, options: ConfidenceOptions) -> None:
        self._is_mean = options.statistic == "mean"
        self._threshold = options.threshold

    def verify(self, batch: Sequence[Candidate]) -> list[Verdict]:
        """Return one verdict per candidate, in order; see `ttscale.verifiers.contract`."""
        return [self._verify_one(candidate.sample) for candidate in batch]

    def _verify_one(self, sample: Sample) -> Verdict:
        total = sample.cumulative_logprob
        if total is None:
            return Verdict(
                outcome=Outcome.ERROR,
                detail="The sample has no log-probability; draw samples with 'sampling.logprobs: true'.",
            )
        if not math.isfinite(total):
            return Verdict(outcome=Outcome.ERROR, detail=f"The sample's log-probability is {total}.")
        if sample.completion_tokens == 0:
            return Verdict(outcome=Outcome.NO_ANSWER)
        score = total / sample.completion_tokens if self._is_mean else total
        is_accepted = self._threshold is None or score >= self._threshold
        return Verdict(outcome=Outcome.CORRECT if is_accepted else Outcome.INCORRECT, score=score)
