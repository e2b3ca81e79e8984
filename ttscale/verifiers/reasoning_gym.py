"""The verifier `reasoning-gym`: Reasoning Gym's own scorer of the data set that a problem comes from.

A problem of the task ``reasoning-gym:NAME`` carries the recipe it was made by. The verifier makes the same entry again
and hands it, with the answer between the last ``<answer>`` and ``</answer>``, to the data set's `score_answer`. If the
entry is not the same any more, because another version of Reasoning Gym is installed, that is an error.

Scores lie between 0 and 1; several data sets give part of the score to an answer of the right form. Correct is what
reaches `correct_at`. Some scorers parse what the model wrote with SymPy or walk through its moves: they run in a process
that can be killed.
"""

import json
import re
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, ClassVar

from pydantic import BaseModel, Field

from ttscale.errors import MissingExtraError
from ttscale.execution.randomness import global_randomness
from ttscale.types import Outcome, Verdict
from ttscale.verifiers.answers import bounded, shown
from ttscale.verifiers.contract import Candidate, failed
from ttscale.verifiers.reasoning import ReadingOptions, ReadingVerifier

_END = "</answer>"
_START = "<answer>"
_SPACE = re.compile(r"\s+")


class ReasoningGymOptions(ReadingOptions):
    """Options of `reasoning-gym`."""

    correct_at: float = Field(default=1.0, gt=0.0, le=1.0)
    """The score from which on an answer is correct."""


class ReasoningGymVerifier(ReadingVerifier):
    """Score answers with the scorer of Reasoning Gym's own data set."""

    Options: ClassVar[type[BaseModel]] = ReasoningGymOptions
    version: ClassVar[str] = "2"
    sees_answer: ClassVar[bool] = True
    isolated: ClassVar[bool] = True

    def __init__(self, options: ReasoningGymOptions) -> None:
        super().__init__(options)
        self._datasets: dict[str, Any] = {}
        self._entries: dict[tuple[str, int], dict[str, Any]] = {}

    def _verify(self, batch: Sequence[Candidate]) -> list[Verdict]:
        try:
            gym = import_module("reasoning_gym")
        except ImportError as error:
            raise MissingExtraError(
                "Verifier 'reasoning-gym' needs the 'reasoning-gym' extra: pip install 'ttscale[reasoning-gym]'"
            ) from error
        return [self._verdict_on(candidate, gym.create_dataset) for candidate in batch]

    def _verdict_on(self, candidate: Candidate, create_dataset: Any) -> Verdict:
        hidden = candidate.problem.hidden
        if not {"dataset", "config", "index", "question", "version"} <= hidden.keys():
            return failed(
                f"Problem '{candidate.problem.problem_id}' does not come from the task 'reasoning-gym:NAME'."
            )
        dataset = self._dataset(hidden, create_dataset)
        entry = self._entry(hidden, dataset)
        if entry["question"] != hidden["question"]:
            return failed(
                f"The installed Reasoning Gym makes another problem than {hidden['version']} did, "
                f"which made this one: pip install reasoning-gym=={hidden['version']}"
            )
        answer = answer_in(candidate.sample.completion)
        if answer is None:
            return Verdict(outcome=Outcome.NO_ANSWER, score=0.0, detail="no <answer> in the completion")
        score = float(dataset.score_answer(answer, entry))
        return Verdict(
            outcome=Outcome.CORRECT if score >= self.options.correct_at else Outcome.INCORRECT,
            score=score,
            answer=shown(answer),
            answer_class=bounded(_SPACE.sub(" ", answer)),
        )

    def _dataset(self, hidden: Mapping[str, Any], create_dataset: Any) -> Any:
        recipe = _recipe(hidden)
        if recipe not in self._datasets:
            self._datasets[recipe] = create_dataset(hidden["dataset"], **hidden["config"])
        return self._datasets[recipe]

    def _entry(self, hidden: Mapping[str, Any], dataset: Any) -> dict[str, Any]:
        # By recipe, not by the problem's id: cells of a sweep share ids, and may differ in their seeds.
        key = (_recipe(hidden), hidden["index"])
        if key not in self._entries:
            with global_randomness(f"{hidden['config']['seed']}/{hidden['index']}"):  # as the task does
                self._entries[key] = dataset[hidden["index"]]
        return self._entries[key]


def _recipe(hidden: Mapping[str, Any]) -> str:
    return json.dumps([hidden["dataset"], hidden["config"]], sort_keys=True, default=str)


def answer_in(completion: str) -> str | None:
    """Return what stands in the last complete pair of tags, without the space around it.

    >>> answer_in("<answer>1</answer> no: <answer> 2 </answer>"), answer_in("it is 2")
    ('2', None)
    """
    end = completion.rfind(_END)
    start = completion.rfind(_START, 0, end) if end >= 0 else -1
    return completion[start + len(_START) : end].strip() if start >= 0 else None
