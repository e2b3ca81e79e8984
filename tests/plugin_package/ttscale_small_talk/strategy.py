"""A strategy: several drafts, of which the shortest is returned."""

from typing import ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ttscale.strategies.contract import Attempt, Generate, Need, Steps
from ttscale.types import Problem


class ShortestOptions(BaseModel):
    """Options of `shortest`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    drafts: int = Field(default=3, ge=1)
    """How many are drawn."""


class Shortest:
    """Draw some drafts and return the shortest; of equals the first."""

    Options: ClassVar[type[BaseModel]] = ShortestOptions
    needs: ClassVar[frozenset[Need]] = frozenset()

    def __init__(self, options: ShortestOptions) -> None:
        self._drafts = options.drafts

    def attempt(self, problem: Problem, rng: np.random.Generator) -> Steps:
        """Draw and compare."""
        drafts = yield [Generate()] * self._drafts
        return Attempt.of(min(drafts, key=lambda draft: len(draft.text)))
