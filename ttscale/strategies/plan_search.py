"""Search over ideas before writing (Wang et al. 2024, PlanSearch, https://arxiv.org/abs/2409.03733).

Observations on the problem, then deeper ones made from a few of those, then a plan from a few of all, then the answer.
"""

from typing import ClassVar

import numpy as np
from pydantic import BaseModel, Field

from ttscale.options import Settings
from ttscale.strategies.asking import ask_again
from ttscale.strategies.contract import Attempt, Completion, Generate, Need, Steps
from ttscale.types import Problem


class PlanSearchOptions(Settings):
    """Options of `plan-search`."""

    observations: int = Field(default=4, ge=0)
    """Observations drawn at each depth."""
    combine: int = Field(default=2, ge=1)
    """Most observations that the next thing is made from."""
    depth: int = Field(default=2, ge=1)
    """Levels of observations: those of the second are made from some of the first."""
    observe_template: str = (
        "{problem}\n\n{seen}State one useful observation on this problem, without solving it."
    )
    plan_template: str = "{problem}\n\n{seen}Write a plan for solving it, without the solution."
    solve_template: str = "{problem}\n\nFollow this plan:\n{plan}"


class PlanSearch:
    """Collect observations, combine some into a plan, and follow it.

    Without observations it is plain sampling.
    """

    Options: ClassVar[type[BaseModel]] = PlanSearchOptions
    needs: ClassVar[frozenset[Need]] = frozenset()

    def __init__(self, options: PlanSearchOptions) -> None:
        self._options = options

    def attempt(self, problem: Problem, rng: np.random.Generator) -> Steps:
        """Observe, plan, answer."""
        options = self._options
        if not options.observations:
            answer = yield Generate()
            return Attempt.of(answer)
        seen: list[Completion] = []
        for level in range(options.depth):
            asks = [
                self._with(problem, options.observe_template, self._some(seen, rng), f"observation {level}")
                for _ in range(options.observations)
            ]
            seen = seen + (yield asks)
        plan = yield self._with(problem, options.plan_template, self._some(seen, rng), "plan")
        answer = yield ask_again(
            problem, options.solve_template, {"plan": plan.text}, role="answer", parents=(plan.path,)
        )
        return Attempt.of(answer)

    def _some(self, seen: list[Completion], rng: np.random.Generator) -> list[Completion]:
        if not seen:
            return []
        size = int(rng.integers(1, min(self._options.combine, len(seen)) + 1))
        return [seen[j] for j in rng.choice(len(seen), size, replace=False)]

    def _with(self, problem: Problem, template: str, some: list[Completion], role: str) -> Generate:
        shown = "".join(f"- {one.text.strip()}\n" for one in some)
        text = f"Observations:\n{shown}\n" if some else ""
        return ask_again(
            problem, template, {"seen": text}, role=role, parents=tuple(one.path for one in some)
        )
