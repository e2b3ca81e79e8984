"""Revise an answer turn by turn, with a verifier's word on it or without (Madaan et al. 2023, https://arxiv.org/abs/2303.17651)."""

from typing import ClassVar

import numpy as np
from pydantic import BaseModel, Field

from ttscale.options import Settings
from ttscale.strategies.asking import ask_again
from ttscale.strategies.contract import Attempt, Completion, Generate, Judge, Need, Steps, VerifierChoice
from ttscale.types import Outcome, Problem


class RefineOptions(Settings):
    """Options of `refine`."""

    turns: int = Field(default=2, ge=0)
    """Revisions after the first answer."""
    verifier: VerifierChoice | None = None
    """Ends the turns when it accepts; what it says of a rejected answer is {feedback}."""
    template: str = "{problem}\n\nA previous answer:\n{previous}\n\n{feedback}Check it, correct what is wrong, and give the whole answer again."
    """With {problem}, {previous} (the latest answer) and {feedback} (empty without a verifier)."""


class Refine:
    """Revise an answer turn by turn, with a verifier's word on it or without.

    With no turns it is plain sampling.
    """

    Options: ClassVar[type[BaseModel]] = RefineOptions
    answers_in_turns: ClassVar[bool] = True

    def __init__(self, options: RefineOptions) -> None:
        self._options = options
        self.needs: frozenset[Need] = frozenset({"verifier"} if options.verifier is not None else ())

    def attempt(self, problem: Problem, rng: np.random.Generator) -> Steps:
        """Answer, then revise."""
        answer: Completion = yield Generate(role="turn 0")
        for turn in range(1, self._options.turns + 1):
            feedback = ""
            if self.needs:
                verdict = yield Judge.of(answer)
                if verdict.outcome is Outcome.CORRECT:
                    break
                feedback = f"A check says: {verdict.detail or verdict.outcome}.\n"
            answer = yield ask_again(
                problem,
                self._options.template,
                {"previous": answer.text, "feedback": feedback},
                role=f"turn {turn}",
                parents=(answer.path,),
            )
        return Attempt.of(answer)
