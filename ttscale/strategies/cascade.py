"""A cheap model first, a strong one where the first is not trusted (ATTS, https://arxiv.org/abs/2509.15148).

The run's model drafts. Its draft stands when its score reaches a threshold, else the target model answers. A threshold
may be calibrated: the given quantile of the scores of drafts on *other* problems than are answered, so that the
share of rejected drafts is that quantile in expectation, to within 1/(n + 1) (split conformal: Vovk et al. 2005).
"""

from typing import Any, ClassVar, Self

import numpy as np
from pydantic import BaseModel, Field, model_validator

from ttscale.errors import StrategyError
from ttscale.options import Settings
from ttscale.strategies.calibrating import Calibration, conformal_threshold, draft_scores
from ttscale.strategies.contract import Attempt, Completion, Generate, Judge, Need, Steps, VerifierChoice
from ttscale.strategies.weights import score_of
from ttscale.types import Problem


class CascadeOptions(Settings):
    """Options of `cascade`."""

    target: str | dict[str, Any]
    """The strong model, as under ``model``: a path, or path, engine, engine_options."""
    verifier: VerifierChoice | None = None
    """Scores drafts; None: the mean log-probability of a draft's tokens."""
    threshold: float | None = None
    """Least score of a draft that stands."""
    quantile: float | None = Field(default=None, ge=0.0, le=1.0)
    """Instead: the share of drafts to reject, with `calibration`. 0 is the draft model alone, 1 the target alone."""
    calibration: Calibration | None = None

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if (self.threshold is None) == (self.quantile is None):
            raise ValueError("give either threshold or quantile")
        if self.quantile not in (None, 0.0, 1.0) and self.calibration is None:
            raise ValueError(
                "quantile needs calibration: {run: ...}, a run of the draft model on other problems"
            )
        if self.calibration is not None and self.verifier is not None:
            raise ValueError(
                "calibration is by log-probabilities, without a verifier; with one, give threshold"
            )
        return self


class Cascade:
    """Draft with the run's model, and ask a stronger one where the draft is not trusted.

    Quantile 0 or 1 is one model alone.
    """

    Options: ClassVar[type[BaseModel]] = CascadeOptions

    def __init__(self, options: CascadeOptions) -> None:
        self._options = options
        own: Need = "verifier" if options.verifier is not None else "logprobs"
        self.needs: frozenset[Need] = frozenset({"second-model", own})
        self._calibrated: tuple[float, frozenset[str]] | None = None

    def attempt(self, problem: Problem, rng: np.random.Generator) -> Steps:
        """Draft; keep the draft or ask the target."""
        if self._options.quantile == 1.0:
            answer = yield Generate(model="target")
            return Attempt.of(answer, notes={"rejected": 1.0})
        threshold = self._threshold(problem)
        draft = yield Generate(logprobs=self._options.verifier is None, role="draft")
        score = yield from self._score(draft)
        if score >= threshold:
            return Attempt.of(draft, notes={"score": score, "rejected": 0.0})
        answer = yield Generate(model="target", parents=(draft.path,))
        return Attempt.of(answer, notes={"score": score, "rejected": 1.0})

    def _score(self, draft: Completion) -> Any:
        if self._options.verifier is None:
            return mean_logprob(draft)
        verdict = yield Judge.of(draft)
        return score_of(verdict)

    def _threshold(self, problem: Problem) -> float:
        options = self._options
        if options.threshold is not None:
            return options.threshold
        if options.quantile == 0.0:
            return -np.inf
        assert options.calibration is not None
        assert options.quantile is not None
        if self._calibrated is None:
            scores, problems = draft_scores(options.calibration)
            self._calibrated = conformal_threshold(scores, options.quantile), problems
        threshold, calibrated_on = self._calibrated
        if problem.problem_id in calibrated_on:
            raise StrategyError(
                f"Problem '{problem.problem_id}' is among those that the threshold is calibrated on ({options.calibration.run}). "
                "Calibrate on other problems than are answered."
            )
        return threshold


def mean_logprob(draft: Completion) -> float:
    """Return the mean log-probability of a draft's tokens (nats)."""
    return float(np.mean(draft.logprobs)) if draft.logprobs else -np.inf
