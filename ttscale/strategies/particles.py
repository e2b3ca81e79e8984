"""Particle filtering over steps (Puri et al. 2025, https://arxiv.org/abs/2502.01618), and particle Gibbs.

N texts grow a step at a time and are drawn anew in proportion to their potentials. Notation: r(x) = exp(score(x)/τ).
With potentials r(x_1..t) / r(x_1..t-1), which telescope, the last population is a weighted sample of p(x)·r(x), and the
product of the mean potentials is an unbiased estimate of its constant Z = E[r(x)] (Del Moral 2004). The paper draws in
proportion to r(x_1..t) itself at every step (``potential: score``), which is a greedier search and has no such law.
"""

from collections.abc import Generator
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, Field

from ttscale.arrays import FloatArray, IntArray
from ttscale.strategies.contract import Ask, Steps
from ttscale.strategies.stepwise import Partial, StepOptions, open_ones
from ttscale.strategies.weights import log_mean_exp, multinomial, normalized, score_of, systematic
from ttscale.types import Problem


class ParticleOptions(StepOptions):
    """Options of `particles`."""

    particles: int = Field(default=8, ge=1)
    """N, texts alive at a time."""
    temperature: float = Field(default=1.0, gt=0)
    """τ: how strongly scores weigh."""
    potential: Literal["ratio", "score"] = "ratio"
    """ratio: exact for p·r; score: as published."""
    resampling: Literal["systematic", "multinomial"] = "systematic"
    gibbs: int = Field(default=1, ge=1)
    """Sweeps; from the second on, one text of the last sweep is kept alive (particle Gibbs)."""
    select: Literal["sample", "best"] = "sample"
    """What is returned: a draw by weight, or the highest score."""


class ParticleFilter:
    """Grow texts step by step and draw them anew in proportion to their scores.

    With a constant score it is N independent samples, of which one is returned.
    """

    Options: ClassVar[type[BaseModel]] = ParticleOptions

    def __init__(self, options: ParticleOptions) -> None:
        self._options = options
        self.needs = options.needs

    def attempt(self, problem: Problem, rng: np.random.Generator) -> Steps:
        """Filter, once or in Gibbs sweeps, and return one text."""
        kept: Partial | None = None
        log_z = 0.0
        for _ in range(self._options.gibbs):
            population, log_weights, log_z = yield from self._sweep(kept, rng)
            kept = population[int(rng.choice(len(population), p=normalized(log_weights)))]
        assert kept is not None
        if self._options.select == "best":
            kept = max(population, key=lambda text: text.score or 0.0)
        return kept.finished({"log_z": log_z})

    def _sweep(
        self, kept: Partial | None, rng: np.random.Generator
    ) -> Generator[list[Ask], Any, tuple[list[Partial], FloatArray, float]]:
        """Run the filter; a text that is kept from the last sweep stays the first particle."""
        n = self._options.particles
        population = [Partial(score=0.0)] * n
        log_weights, log_z = np.zeros(n), 0.0
        for step in range(self._options.steps):
            if not open_ones(population):
                break
            if step:
                ancestors = self._ancestors(normalized(log_weights), rng, keeps_first=kept is not None)
                population = [population[j] for j in ancestors]
            before = population
            population = yield from self._grown(population, step, kept)
            log_weights = self._potentials(before, population)
            log_z += log_mean_exp(log_weights)
        return population, log_weights, log_z

    def _grown(
        self, population: list[Partial], step: int, kept: Partial | None
    ) -> Generator[list[Ask], Any, list[Partial]]:
        """Grow every open text by a step and have it scored."""
        grown = list(population)
        free = [j for j in open_ones(population) if j or kept is None]
        if kept is not None:
            grown[0] = [*kept.earlier, kept][min(step + 1, len(kept.earlier))]
        if not free:
            return grown
        steps = yield [population[j].step(self._options, step) for j in free]
        longer = [population[j].grown(more) for j, more in zip(free, steps, strict=True)]
        verdicts = yield [text.judged() for text in longer]
        for j, text, verdict in zip(free, longer, verdicts, strict=True):
            grown[j] = replace(text, score=score_of(verdict))
        return grown

    def _potentials(self, before: list[Partial], after: list[Partial]) -> FloatArray:
        """Return log-potentials, (N,)."""
        now, then = (np.array([text.score for text in texts], np.float64) for texts in (after, before))
        return (now if self._options.potential == "score" else now - then) / self._options.temperature

    def _ancestors(self, weights: FloatArray, rng: np.random.Generator, *, keeps_first: bool) -> IntArray:
        if np.ptp(weights) == 0:  # nothing to choose between: drawing anew would only lose some
            return np.arange(len(weights))
        # A kept particle needs ancestors that are drawn independently, given that the first is its own.
        draw = multinomial if keeps_first or self._options.resampling == "multinomial" else systematic
        ancestors = draw(weights, rng)
        if keeps_first:
            ancestors[0] = 0
        return ancestors
