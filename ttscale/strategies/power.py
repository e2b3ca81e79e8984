"""Sampling from p(x)^α without training, by Metropolis-Hastings (Karan and Du 2025, https://arxiv.org/abs/2510.14901).

A move cuts the text at a position and has the model write the rest anew. As published, the new rest is no longer than the
old one and the position is uniform over the present length, without the term that this puts into the acceptance: its law
is not p^α. Here the position's law is the same for every text (uniform over `positions`; a cut behind the end leaves
the text as it is, at no cost) and the rest is drawn to its own end, so the proposal is reversible under p, and

    accept with min(1, (p(new rest | kept) / p(old rest | kept))^(α - 1))

leaves p^α invariant exactly, for any `positions` and any cap on tokens; α = 1 accepts every move. Moves are drawn at temperature 1.
"""

from typing import ClassVar, Literal

import numpy as np
from pydantic import BaseModel, Field

from ttscale.options import Settings
from ttscale.strategies.contract import Attempt, Generate, Need, Steps, Tokens
from ttscale.types import Problem


class PowerOptions(Settings):
    """Options of `power`."""

    alpha: float = Field(default=4.0, ge=1)
    """α; 1 is the model itself."""
    moves: int = Field(default=10, ge=0)
    """Moves proposed, those behind the end included. The more, the nearer to p^α."""
    positions: int = Field(default=64, ge=1)
    """Where a text may be cut, in tokens from its beginning: about the usual length of an answer."""
    proposal: Literal["whole", "published"] = "whole"
    """whole: exact for p^α; published: cut within the present length, and a new rest no longer than the old one."""
    max_tokens: int = Field(ge=1)
    """Most tokens of a text: part of what p is."""


class PowerSampling:
    """Sample from a power of the model's own distribution, by Metropolis-Hastings.

    Without moves it is plain sampling at temperature 1.
    """

    Options: ClassVar[type[BaseModel]] = PowerOptions
    needs: ClassVar[frozenset[Need]] = frozenset({"prefix", "tokens", "logprobs"})

    def __init__(self, options: PowerOptions) -> None:
        self._options = options

    def attempt(self, problem: Problem, rng: np.random.Generator) -> Steps:
        """Draw a text, then move."""
        first = yield self._rest(())
        tokens, logprobs, last = first.tokens, first.logprobs, first
        accepted = 0
        for _ in range(self._options.moves):
            size = max(len(logprobs), 1) if self._is_published else self._options.positions
            cut, level = int(rng.integers(size)), np.log(rng.random())
            if cut >= len(logprobs):
                accepted += 1
                continue
            rest = yield self._rest(tokens[:cut], len(logprobs) if self._is_published else None)
            gain = (self._options.alpha - 1) * (sum(rest.logprobs) - sum(logprobs[cut:]))
            if level < gain:
                accepted += 1
                tokens, logprobs, last = tokens[:cut] + rest.tokens, logprobs[:cut] + rest.logprobs, rest
        return Attempt.of(
            last, before=last.before, notes={"accepted": accepted / max(self._options.moves, 1)}
        )

    @property
    def _is_published(self) -> bool:
        return self._options.proposal == "published"

    def _rest(self, kept: tuple[int, ...], longest: int | None = None) -> Generate:
        return Generate(
            prefix=(Tokens(kept),) if kept else (),
            max_tokens=(longest or self._options.max_tokens) - len(kept),
            temperature=1.0,
            tokens=True,
            logprobs=True,
            role="move" if kept else "draft",
        )
