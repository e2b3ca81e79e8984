"""Plain sampling as a strategy: one call, one attempt (Brown et al. 2024, https://arxiv.org/abs/2407.21787)."""

from typing import ClassVar

import numpy as np
from pydantic import BaseModel

from ttscale.options import Settings
from ttscale.strategies.contract import Attempt, Generate, Need, Steps
from ttscale.types import Problem

_ASK = Generate()


class IndependentOptions(Settings):
    """`independent` has no options."""


class Independent:
    """Draw one completion: plain sampling, the yardstick.

    Its samples are those of a run without a strategy, byte for byte.
    """

    Options: ClassVar[type[BaseModel]] = IndependentOptions
    needs: ClassVar[frozenset[Need]] = frozenset()
    uses_rng = False

    def __init__(self, options: IndependentOptions) -> None:
        """Keep nothing."""

    def attempt(self, problem: Problem, rng: np.random.Generator) -> Steps:
        """Draw one completion."""
        completion = yield _ASK
        return Attempt.of(completion)
