"""Flat tables of samples cut into one pool per problem.

Sample-level estimators take flat, ragged columns of shape (S,): `problem` numbers 0..P-1 say to which problem
each sample belongs; the samples of a problem may lie anywhere in the table.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ttscale.arrays import ArrayLike, FloatArray, IntArray
from ttscale.errors import InvalidInputError
from ttscale.stats.counts.counts import whole_numbers


@dataclass(frozen=True, slots=True, eq=False)
class Pools:
    """Which rows of a flat table belong to which problem; build it with `pools`.

    Attributes:
        order: Rows grouped by problem, shape (S,).
        n: Samples of each problem, shape (P,).
        start: Where each problem's rows begin in `order`, shape (P,).
    """

    order: IntArray
    n: IntArray
    start: IntArray

    def __len__(self) -> int:
        return len(self.n)

    def rows(self) -> Iterator[IntArray]:
        """Yield the rows of each problem, in the table's order."""
        for start, n in zip(self.start, self.n, strict=True):
            yield self.order[start : start + n]

    def problem_of_row(self) -> IntArray:
        """Return the problem number of each row of the table, shape (S,)."""
        number = np.empty(len(self.order), dtype=np.int64)
        number[self.order] = np.repeat(np.arange(len(self)), self.n)
        return number

    def totals(self, column: IntArray) -> IntArray:
        """Sum a column of whole numbers per problem: (S,) -> (P,)."""
        sums = np.concatenate([[0], np.cumsum(column[self.order])])
        totals: IntArray = sums[self.start + self.n] - sums[self.start]
        return totals


def pools(problem: ArrayLike) -> Pools:
    """Group the rows of a flat table by problem.

    Args:
        problem: Problem number of each sample, shape (S,), 0..P-1.

    Raises:
        InvalidInputError: An empty table, or a number that is negative or not whole.

    >>> pools([0, 1, 0]).n.tolist()
    [2, 1]
    """
    number = whole_numbers(problem, "problem")
    if number.ndim != 1 or not len(number):
        raise InvalidInputError("The table of samples is empty. Give at least one sample.")
    if number.min() < 0:
        raise InvalidInputError(f"Problems are numbered from 0, but problem {number.min()} appears.")
    n = np.bincount(number)
    return Pools(np.argsort(number, kind="stable"), n, np.cumsum(n) - n)


def flags(values: ArrayLike, name: str, size: int) -> IntArray:
    """Validate a yes/no column: booleans, or numbers that are 0 or 1.

    Returns:
        Shape (S,), int64.

    Raises:
        InvalidInputError: Another length, or a value that is neither.
    """
    column = whole_numbers(values, name)
    _refuse_length(column, name, size)
    wrong = (column != 0) & (column != 1)
    if wrong.any():
        raise InvalidInputError(f"{name} must be true or false, but has the value {column[wrong][0]}.")
    return column


def classes(values: ArrayLike, name: str, size: int) -> IntArray:
    """Validate a column of class numbers, -1 or above.

    Raises:
        InvalidInputError: Another length, or a number below -1.
    """
    column = whole_numbers(values, name)
    _refuse_length(column, name, size)
    if column.min() < -1:
        raise InvalidInputError(f"{name} must be -1 (abstains) or above, but has the value {column.min()}.")
    return column


def scores(values: ArrayLike, name: str, size: int) -> FloatArray:
    """Validate a column of scores: any numbers but NaN.

    Raises:
        InvalidInputError: Another length, text, or a NaN, which is a sample without a score, not a low one.
    """
    try:
        column = np.asarray(values).astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"{name} must hold numbers.") from error
    _refuse_length(column, name, size)
    missing = int(np.isnan(column).sum())
    if missing:
        raise InvalidInputError(
            f"{name} is NaN for {missing} of {size} samples. Score them, or leave them out of the table."
        )
    return column


def _refuse_length(column: IntArray | FloatArray, name: str, size: int) -> None:
    if column.shape != (size,):
        raise InvalidInputError(f"{name} has shape {column.shape}, but there are {size} samples.")
