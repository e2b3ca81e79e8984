"""Search with a step verifier: beams (Snell et al. 2024, https://arxiv.org/abs/2408.03314) and diverse trees (DVTS).

A beam keeps the best texts over all; a diverse search keeps the best of every tree, so that no tree takes all.
"""

from collections.abc import Generator
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import BaseModel, Field, model_validator

from ttscale.strategies.contract import Ask, Steps
from ttscale.strategies.stepwise import Partial, StepOptions
from ttscale.strategies.weights import score_of
from ttscale.types import Problem


class BeamOptions(StepOptions):
    """Options of `beam` and `dvts`."""

    width: int = Field(default=4, ge=1)
    """N, texts that are grown at a time; a multiple of `expand`."""
    expand: int = Field(default=4, ge=1)
    """M, next steps drawn for every text that is kept: N/M are."""

    @model_validator(mode="after")
    def _expand_divides(self) -> Self:
        if self.width % self.expand:
            raise ValueError(f"width is {self.width}, not a multiple of expand, {self.expand}")
        return self


class _Search:
    """Grow M steps for each of N/M texts, score, keep N/M; until all are done."""

    Options: ClassVar[type[BaseModel]] = BeamOptions

    def __init__(self, options: BeamOptions) -> None:
        self._options = options
        self.needs = options.needs

    def attempt(self, problem: Problem, rng: np.random.Generator) -> Steps:
        """Search, and return the best text."""
        kept = [Partial()] * (self._options.width // self._options.expand)
        for step in range(self._options.steps):
            if not any(text.is_open for text in kept):
                break
            families = yield from self._expanded(kept, step)
            kept = self._best(families)
        return max(kept, key=_score).finished()

    def _expanded(self, kept: list[Partial], step: int) -> Generator[list[Ask], Any, list[list[Partial]]]:
        """Return for every kept text what it may become, scored: itself where it is done."""
        growing = [
            (i, text) for i, text in enumerate(kept) if text.is_open for _ in range(self._options.expand)
        ]
        steps = yield [text.step(self._options, step) for _, text in growing]
        longer = [text.grown(more) for (_, text), more in zip(growing, steps, strict=True)]
        verdicts = yield [text.judged() for text in longer]
        families: list[list[Partial]] = [[] if text.is_open else [text] for text in kept]
        for (i, _), text, verdict in zip(growing, longer, verdicts, strict=True):
            families[i].append(replace(text, score=score_of(verdict)))
        return families

    def _best(self, families: list[list[Partial]]) -> list[Partial]:
        raise NotImplementedError


class BeamSearch(_Search):
    """Grow texts step by step and keep the best of all, by a step verifier."""

    def _best(self, families: list[list[Partial]]) -> list[Partial]:
        pool = [text for family in families for text in family]
        return sorted(pool, key=_score, reverse=True)[: len(families)]


class DiverseTreeSearch(_Search):
    """Grow trees step by step and keep the best of each, by a step verifier.

    With M = 1 these are N independent samples.
    """

    def _best(self, families: list[list[Partial]]) -> list[Partial]:
        return [max(family, key=_score) for family in families]


def _score(text: Partial) -> float:
    return text.score if text.score is not None else -np.inf
