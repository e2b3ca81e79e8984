"""Sums and products of 1- to 4-digit numbers: a task without data files, whose answers are exact."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ttscale.types import Problem

Operation = Literal["+", "*"]


@dataclass(frozen=True, slots=True)
class Level:
    """One rung of difficulty: an operation and the number of digits of its operands."""

    operation: Operation
    left_digits: int
    right_digits: int

    @property
    def size(self) -> int:
        """Number of different problems."""
        return _count(self.left_digits) * _count(self.right_digits)

    def draw(self, rng: np.random.Generator) -> tuple[int, int]:
        """Draw both operands uniformly, without leading zeros."""
        left, right = (int(rng.integers(10 ** (d - 1), 10**d)) for d in (self.left_digits, self.right_digits))
        return left, right


LEVELS = (
    Level("+", 2, 2),
    Level("*", 2, 1),
    Level("+", 3, 3),
    Level("*", 3, 1),
    Level("*", 2, 2),
    Level("*", 4, 1),
    Level("+", 4, 4),
    Level("*", 3, 2),
    Level("*", 4, 2),
    Level("*", 3, 3),
    Level("*", 4, 3),
    Level("*", 4, 4),
)
"""Easiest first; level 1 is ``LEVELS[0]``."""


class ArithmeticOptions(BaseModel):
    """Which problems are generated."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    problems: int = Field(default=128, ge=1)
    seed: int = Field(default=0, ge=0)


class ArithmeticTask:
    """Problems such as ``37*52=`` with the answer ``1924``, of graded difficulty."""

    Options = ArithmeticOptions

    def __init__(self, options: ArithmeticOptions) -> None:
        self._options = options

    def problems(self) -> list[Problem]:
        """Return the problems; a larger number of them begins with the same ones."""
        drawn = _draw(np.random.default_rng(self._options.seed))
        return [next(drawn) for _ in range(self._options.problems)]


def _draw(rng: np.random.Generator) -> Iterator[Problem]:
    """Go round the levels for ever, never giving a problem twice."""
    seen: set[tuple[Operation, int, int]] = set()
    number = 0
    while True:
        for level, shape in enumerate(LEVELS, start=1):
            left, right = shape.draw(rng)
            while (shape.operation, left, right) in seen:
                left, right = shape.draw(rng)
            seen.add((shape.operation, left, right))
            yield _problem(number, level, shape.operation, left, right)
            number += 1


def _problem(number: int, level: int, operation: Operation, left: int, right: int) -> Problem:
    answer = left + right if operation == "+" else left * right
    return Problem(
        problem_id=f"arithmetic/{number:04d}",
        prompt=f"{left}{operation}{right}=",
        answer=str(answer),
        metadata={"operation": operation, "operands": (left, right), "level": level},
    )


def _count(digits: int) -> int:
    return 9 * 10 ** (digits - 1)
