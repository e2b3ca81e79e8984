"""Recursive self-aggregation (Venkatraman et al. 2025, https://arxiv.org/abs/2509.26626), and its Markovian form with a tail.

A population of answers; at every step each member is written anew from a random subset of the last population. With a
tail, only the end of each candidate is shown (https://arxiv.org/abs/2605.05365), so that prompts stay short.
"""

from typing import ClassVar, Self

import numpy as np
from pydantic import BaseModel, Field, model_validator

from ttscale.options import Settings
from ttscale.strategies.asking import ask_again
from ttscale.strategies.contract import Attempt, Completion, Generate, Need, Steps
from ttscale.types import Problem


class RsaOptions(Settings):
    """Options of `rsa`."""

    population: int = Field(default=16, ge=1)
    """N, answers alive at a time."""
    subset: int = Field(default=4, ge=1)
    """K, answers that each new one is made of; at most the population."""
    steps: int = Field(default=4, ge=1)
    """T, populations in all: one is plain sampling."""
    tail: int | None = Field(default=None, ge=1)
    """Characters shown of the end of each candidate; None: all of it."""
    template: str = (
        "{problem}\n\nHere are candidate solutions, which may be wrong:\n\n{candidates}\n\n"
        "Take the best ideas of them and write one correct solution."
    )
    """With {problem} and {candidates}."""
    candidate_template: str = "Candidate {number}:\n{candidate}"
    """How a candidate stands in {candidates}, with {number} and {candidate}."""
    separator: str = "\n\n"

    @model_validator(mode="after")
    def _subset_fits(self) -> Self:
        if self.subset > self.population:
            raise ValueError(f"subset is {self.subset}, more than the population of {self.population}")
        return self


class RecursiveSelfAggregation:
    """Write a population of answers anew from random subsets of itself, step by step.

    With one step it is plain sampling, whatever the subset.
    """

    Options: ClassVar[type[BaseModel]] = RsaOptions
    answers_in_turns: ClassVar[bool] = True
    needs: ClassVar[frozenset[Need]] = frozenset()

    def __init__(self, options: RsaOptions) -> None:
        self._options = options

    def attempt(self, problem: Problem, rng: np.random.Generator) -> Steps:
        """Write the population anew, step by step; return one of the last."""
        options = self._options
        population: list[Completion] = yield [Generate()] * (options.population if options.steps > 1 else 1)
        for step in range(1, options.steps):
            subsets = [rng.choice(options.population, options.subset, replace=False) for _ in population]
            population = yield [
                self._combine(problem, [population[j] for j in subset], step) for subset in subsets
            ]
        return Attempt.of(population[int(rng.integers(len(population)))])

    def _combine(self, problem: Problem, subset: list[Completion], step: int) -> Generate:
        options = self._options
        shown = [one.text if options.tail is None else one.text[-options.tail :] for one in subset]
        candidates = options.separator.join(
            options.candidate_template.replace("{number}", str(number)).replace("{candidate}", text)
            for number, text in enumerate(shown, start=1)
        )
        return ask_again(
            problem,
            options.template,
            {"candidates": candidates},
            role=f"step {step}",
            parents=tuple(one.path for one in subset),
        )
