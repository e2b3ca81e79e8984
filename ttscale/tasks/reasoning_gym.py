"""The tasks ``reasoning-gym:NAME``: procedural problems of Reasoning Gym (https://arxiv.org/abs/2505.24760).

`NAME` is one of its data sets (``chain_sum``, ``countdown``, ``sudoku`` and about a hundred more); each makes its problems
from a seed and brings its own scorer, which the verifier ``reasoning-gym`` calls. The package is Apache-2.0-licensed
and comes with the extra ``reasoning-gym``. Problems depend on its version, which is kept with each of them.

This module has an attribute for every data set, made when it is asked for: that is how the registry finds them.
"""

from dataclasses import fields
from importlib import import_module
from importlib.metadata import version
from typing import Any, ClassVar

from pydantic import BaseModel, Field

from ttscale.errors import MissingExtraError, TaskError, did_you_mean, listed
from ttscale.execution.randomness import global_randomness
from ttscale.options import Settings
from ttscale.tasks.contract import RecommendedVerifiers, TaskInfo
from ttscale.tasks.rows import fill
from ttscale.types import Problem

TEMPLATE = (
    "{question}\n\nThink step by step. Put nothing but the final answer, in the format that was asked for, between "
    "<answer> and </answer>."
)
"""The prompt; its part is {question}."""


class ReasoningGymOptions(Settings):
    """Options of every ``reasoning-gym:NAME``."""

    problems: int = Field(default=100, ge=1)
    """How many problems; a larger number begins with the same ones where the data set allows it."""
    seed: int = Field(default=0, ge=0)
    """The data set's seed."""
    config: dict[str, Any] = Field(default_factory=dict)
    """The data set's own settings, such as ``{min_terms: 4, max_terms: 6}``."""
    template: str = TEMPLATE
    """The prompt, in which {question} stands for the problem."""


class ReasoningGymTask:
    """Reasoning Gym: procedural problems with scorers of their own; NAME is the data set."""

    Options: ClassVar[type[BaseModel]] = ReasoningGymOptions
    about: ClassVar[TaskInfo] = TaskInfo(
        source="reasoning-gym (extra reasoning-gym), from a seed", license="Apache-2.0"
    )
    verifiers: ClassVar[RecommendedVerifiers] = ("reasoning-gym",)
    dataset: ClassVar[str] = ""

    def __init__(self, options: ReasoningGymOptions) -> None:
        self.options = options
        self.origin: str | None = None

    def problems(self) -> list[Problem]:
        """Make the problems; see `ttscale.tasks.contract`.

        Raises:
            MissingExtraError: Reasoning Gym is not installed.
            TaskError: It has no such data set, or refuses the settings.
        """
        version, made = make_dataset(self.dataset, self.options)
        self.origin = f"reasoning-gym {version} {self.dataset}, seed {self.options.seed}"
        recipe = {
            "dataset": self.dataset,
            "version": version,
            "config": {**self.options.config, "seed": self.options.seed, "size": self.options.problems},
        }
        return [self._problem(at, self._entry(made, at), recipe) for at in range(self.options.problems)]

    def _entry(self, made: Any, at: int) -> dict[str, Any]:
        with global_randomness(
            f"{self.options.seed}/{at}"
        ):  # a few data sets draw from the global generators
            entry: dict[str, Any] = made[at]
        return entry

    def _problem(self, at: int, entry: dict[str, Any], recipe: dict[str, Any]) -> Problem:
        question = str(entry["question"])
        return Problem(
            problem_id=f"reasoning-gym/{self.dataset}/{at}",
            prompt=fill(self.options.template, {"question": question}),
            answer=None if entry["answer"] is None else str(entry["answer"]),
            metadata={"dataset": self.dataset},
            hidden={**recipe, "index": at, "question": question},
        )


def __getattr__(name: str) -> type[ReasoningGymTask]:
    """Return the task of a data set; whether there is one is known when its problems are made."""
    if name.startswith("_"):
        raise AttributeError(name)
    return type(
        "ReasoningGymTask",
        (ReasoningGymTask,),
        {"dataset": name, "__doc__": f"Reasoning Gym's {name}.", "__module__": __name__},
    )


def make_dataset(name: str, options: ReasoningGymOptions) -> tuple[str, Any]:
    """Return Reasoning Gym's version and one of its data sets.

    Raises:
        MissingExtraError: It is not installed.
        TaskError: It has no such data set, or refuses the settings.
    """
    try:
        gym: Any = import_module("reasoning_gym")
    except ImportError as error:
        raise MissingExtraError(
            f"Task 'reasoning-gym:{name}' needs the 'reasoning-gym' extra: pip install 'ttscale[reasoning-gym]'"
        ) from error
    known_names = gym.factory.DATASETS
    if name not in known_names:
        raise TaskError(
            f"Reasoning Gym has no data set '{name}'.{did_you_mean(name, known_names)} Known: {listed(known_names)}."
        )
    known = [field.name for field in fields(known_names[name][1])]
    unknown = [key for key in options.config if key not in known or key in ("seed", "size")]
    if unknown:
        raise TaskError(
            f"'{unknown[0]}' is no setting of Reasoning Gym's '{name}'.{did_you_mean(unknown[0], known)} "
            f"Known: {listed(set(known) - {'seed', 'size'})}; seed and problems stand beside 'config'."
        )
    try:
        made = gym.create_dataset(name, **options.config, seed=options.seed, size=options.problems)
    except (AssertionError, ValueError, TypeError) as error:
        raise TaskError(f"Reasoning Gym's '{name}' refuses its settings: {error}") from error
    return version("reasoning-gym"), made
