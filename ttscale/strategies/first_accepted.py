"""Draw until a verifier accepts (Stroebl et al. 2024, https://arxiv.org/abs/2411.17501), with a plan after a failure.

Planning after the trouble is there, instead of always, is PaT (https://arxiv.org/abs/2605.07248).
"""

from typing import ClassVar, Literal

import numpy as np
from pydantic import BaseModel, Field

from ttscale.options import Settings
from ttscale.strategies.asking import ask_again
from ttscale.strategies.contract import Attempt, Completion, Generate, Judge, Need, Steps, VerifierChoice
from ttscale.types import Outcome, Problem, Verdict


class FirstAcceptedOptions(Settings):
    """Options of `first-accepted`."""

    verifier: VerifierChoice
    """Accepts or rejects; one that only scores needs its own threshold (``accept_at``)."""
    attempts: int = Field(default=4, ge=1)
    """Most draws."""
    fallback: Literal["last", "first", "best", "none"] = "last"
    """What is returned where none is accepted; best: the highest score; none: an empty answer."""
    planner: bool = False
    """Whether a plan is asked for after the first rejection, and the next draws follow it."""
    plan_template: str = (
        "{problem}\n\nAn attempt at this failed. Write a short plan for solving it, without the solution."
    )
    follow_template: str = "{problem}\n\nFollow this plan:\n{plan}"


class FirstAccepted:
    """Draw until a verifier accepts, with a plan after the first rejection if asked.

    With one draw it is plain sampling.
    """

    Options: ClassVar[type[BaseModel]] = FirstAcceptedOptions
    answers_in_turns: ClassVar[bool] = True
    needs: ClassVar[frozenset[Need]] = frozenset({"verifier"})

    def __init__(self, options: FirstAcceptedOptions) -> None:
        self._options = options

    def attempt(self, problem: Problem, rng: np.random.Generator) -> Steps:
        """Draw and judge, until one is accepted."""
        drawn: list[tuple[Completion, Verdict]] = []
        ask = Generate()
        for number in range(1, self._options.attempts + 1):
            completion = yield ask
            verdict = yield Judge.of(completion)
            drawn.append((completion, verdict))
            if verdict.outcome is Outcome.CORRECT:
                return Attempt.of(completion, notes={"draws": number})
            if number == 1 and self._options.planner and self._options.attempts > 1:
                plan = yield ask_again(problem, self._options.plan_template, {}, role="plan")
                ask = ask_again(
                    problem,
                    self._options.follow_template,
                    {"plan": plan.text},
                    role="answer",
                    parents=(plan.path,),
                )
        return self._fallback(drawn)

    def _fallback(self, drawn: list[tuple[Completion, Verdict]]) -> Attempt:
        notes = {"draws": float(len(drawn))}
        match self._options.fallback:
            case "first":
                return Attempt.of(drawn[0][0], notes=notes)
            case "last":
                return Attempt.of(drawn[-1][0], notes=notes)
            case "best":
                best = max(drawn, key=lambda pair: -np.inf if pair[1].score is None else pair[1].score)
                return Attempt.of(best[0], notes=notes)
            case "none":
                return Attempt(text="", notes=notes)
