"""Think longer, or no longer (Muennighoff et al. 2025, "s1", https://arxiv.org/abs/2501.19393; m1).

A thought that ends by itself is sent on with a "Wait", as often as asked; one that has used up its cap is made to answer.
"""

from typing import ClassVar

import numpy as np
from pydantic import BaseModel, Field

from ttscale.options import Settings
from ttscale.strategies.contract import Attempt, Generate, Need, Steps, Tokens
from ttscale.types import Problem


class BudgetForcingOptions(Settings):
    """Options of `budget-forcing`."""

    cap: int | None = Field(default=None, ge=1)
    """Most tokens before an answer is forced, over all waits; None: ``sampling.max_tokens`` for each piece."""
    waits: int = Field(default=1, ge=0)
    """How often a thought that ended goes on."""
    wait: str = "\nWait"
    """What is written behind an ended thought in place of its end."""
    force: str | None = "\nThe final answer is "
    """What is written behind a thought that is cut off, so that the answer is never lost; None: nothing."""
    answer_tokens: int = Field(default=32, ge=1)
    """Most tokens of a forced answer."""


class BudgetForcing:
    """Send an ended thought on with a "Wait", and make a cut one answer.

    With no waits and a cap that is never reached it is plain sampling.
    """

    Options: ClassVar[type[BaseModel]] = BudgetForcingOptions
    answers_in_turns: ClassVar[bool] = True

    def __init__(self, options: BudgetForcingOptions) -> None:
        self._options = options
        continues = options.waits > 0 or options.force is not None
        self.needs: frozenset[Need] = frozenset({"prefix"}) if continues else frozenset()

    def attempt(self, problem: Problem, rng: np.random.Generator) -> Steps:
        """Think, wait, and answer."""
        options = self._options
        thought = yield self._think((), 0, "think")
        text, used = thought.text, thought.n_tokens
        prefix: tuple[Tokens | str, ...] = (thought.whole(),)
        for _ in range(options.waits):
            if thought.is_truncated or (options.cap is not None and used >= options.cap):
                break
            prefix = (*prefix, options.wait)
            thought = yield self._think(prefix, used, "wait")
            text, used = thought.before + thought.text, used + thought.n_tokens
            prefix = (*prefix, thought.whole())
        if thought.is_truncated and options.force is not None:
            forced = yield Generate(
                prefix=(*prefix, options.force), max_tokens=options.answer_tokens, role="forced answer"
            )
            return Attempt.of(forced, before=forced.before)
        return Attempt(text=text, last=thought)

    def _think(self, prefix: tuple[Tokens | str, ...], used: int, role: str) -> Generate:
        cap = self._options.cap
        return Generate(
            prefix=prefix,
            max_tokens=None if cap is None else cap - used,
            tokens=bool(self.needs),
            role=role,
        )
