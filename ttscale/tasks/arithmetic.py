"""The task `arithmetic`: sums and products of graded difficulty, generated from a seed, with exact answers."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice
from typing import ClassVar, Literal

import numpy as np
from pydantic import BaseModel, Field

from ttscale.options import Settings
from ttscale.tasks.contract import RecommendedVerifiers, TaskInfo
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
        return _numbers_of(self.left_digits) * _numbers_of(self.right_digits)

    def draw(self, rng: np.random.Generator) -> tuple[int, int]:
        """Draw both operands uniformly; they have no leading zeros."""
        return _draw_number(rng, self.left_digits), _draw_number(rng, self.right_digits)


LEVELS = (
    Level("+", 2, 2),
    Level("*", 2, 1),
    Level("*", 3, 1),
    Level("*", 2, 2),
    Level("+", 3, 3),
    Level("*", 4, 1),
    Level("*", 3, 2),
    Level("+", 4, 4),
    Level("*", 4, 2),
    Level("*", 3, 3),
    Level("*", 4, 4),
)
"""Roughly easiest first; level 1 is ``LEVELS[0]``."""


class ArithmeticOptions(Settings):
    """Options of `arithmetic`."""

    problems: int = Field(default=128, ge=1, le=1_000_000)
    """How many. A larger number begins with the same problems."""
    seed: int = Field(default=0, ge=0)
    """Another seed draws other operands."""


class ArithmeticTask:
    """Problems such as ``37*52=`` with the answer ``1924``; the levels take turns."""

    Options: ClassVar[type[BaseModel]] = ArithmeticOptions
    about: ClassVar[TaskInfo] = TaskInfo(source="made from a seed", license="none needed", problems=128)
    verifiers: ClassVar[RecommendedVerifiers] = ("exact",)

    def __init__(self, options: ArithmeticOptions) -> None:
        self._options = options

    def problems(self) -> list[Problem]:
        """Return the problems, all different.

        >>> first = ArithmeticTask(ArithmeticOptions()).problems()[0]
        >>> first.prompt, first.answer, first.metadata["level"]
        ('86+67=', '153', 1)
        """
        return list(islice(_generate(np.random.default_rng(self._options.seed)), self._options.problems))


def _generate(rng: np.random.Generator) -> Iterator[Problem]:
    """Go round the levels for ever. A level whose problems are used up loses its turn."""
    used: list[set[tuple[int, int]]] = [set() for _ in LEVELS]
    numbers = count()
    while True:
        for rung, (level, seen) in enumerate(zip(LEVELS, used, strict=True), start=1):
            if len(seen) < level.size:
                operands = _draw_unused(level, seen, rng)
                seen.add(operands)
                yield _problem(next(numbers), rung, level.operation, operands)


def _draw_unused(level: Level, seen: set[tuple[int, int]], rng: np.random.Generator) -> tuple[int, int]:
    while True:
        operands = level.draw(rng)
        if operands not in seen:
            return operands


def _problem(number: int, rung: int, operation: Operation, operands: tuple[int, int]) -> Problem:
    a, b = operands
    return Problem(
        problem_id=f"{number:04d}",
        prompt=f"{a}{operation}{b}=",
        answer=str(a + b if operation == "+" else a * b),
        metadata={"operation": operation, "operands": list(operands), "level": rung},
    )


def _numbers_of(digits: int) -> int:
    smallest: int = 10 ** (digits - 1)
    return 9 * smallest


def _draw_number(rng: np.random.Generator, digits: int) -> int:
    return int(rng.integers(10 ** (digits - 1), 10**digits))
