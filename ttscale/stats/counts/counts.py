"""Counts of samples drawn and correct, validated once: the boundary of every estimator on counts.

Notation of the whole package: problem i of P has n_i samples of which c_i are correct; k is a budget in
samples per problem. Nothing requires the n_i to be equal.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ttscale.arrays import ArrayLike, IntArray
from ttscale.errors import InvalidInputError, or_ask_for

TooFew = Literal["raise", "nan"]
"""What becomes of a budget that exceeds a problem's samples: an error (default) or NaN for that problem."""

_LARGEST = 2**53  # whole numbers above this are not all representable as float64


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Samples drawn and correct per problem; build it with `counts`, which validates.

    Attributes:
        n: Samples drawn, shape (P,), int64, each at least 0.
        c: Samples correct, shape (P,), int64, 0 <= c <= n.
    """

    n: IntArray
    c: IntArray

    def __len__(self) -> int:
        return len(self.n)

    def unique(self) -> "UniqueCounts":
        """Reduce to the distinct (n, c) pairs, sufficient for every estimator on counts.

        >>> counts([8, 8, 8], [1, 1, 5]).unique().weight.tolist()
        [2, 1]
        """
        width = int(self.n.max(initial=0)) + 1
        if width < 2**31:  # one integer key sorts far faster than pairs
            key, inverse, weight = np.unique(self.n * width + self.c, return_inverse=True, return_counts=True)
            n, c = np.divmod(key, width)
        else:
            pairs, inverse, weight = np.unique(
                np.stack([self.n, self.c], axis=1), axis=0, return_inverse=True, return_counts=True
            )
            n, c = pairs.T
        return UniqueCounts(n, c, weight.astype(np.int64), inverse.reshape(-1).astype(np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class UniqueCounts:
    """Distinct (n, c) pairs.

    Attributes:
        n: Samples drawn of each pair, shape (U,).
        c: Samples correct of each pair, shape (U,).
        weight: Problems with that pair, shape (U,).
        inverse: The pair of each problem, shape (P,): ``n[inverse]`` restores the original.
    """

    n: IntArray
    c: IntArray
    weight: IntArray
    inverse: IntArray


def counts(n: ArrayLike, c: ArrayLike) -> Counts:
    """Validate counts of samples drawn and correct.

    Args:
        n: Samples drawn per problem, shape (P,), or one number for all problems.
        c: Samples correct per problem, shape (P,).

    Returns:
        The counts as int64 arrays of shape (P,).

    Raises:
        InvalidInputError: An empty table, lengths that differ, a NaN, a fraction, a negative count, or c > n.

    >>> counts(10, [0, 3]).n.tolist()
    [10, 10]
    """
    correct = np.atleast_1d(whole_numbers(c, "c"))
    drawn = np.atleast_1d(whole_numbers(n, "n"))
    if np.ndim(n) == 0:
        drawn = np.full(correct.shape, drawn[0])
    if drawn.ndim != 1 or drawn.shape != correct.shape:
        raise InvalidInputError(
            f"n and c must be flat and of one length, but have shapes {drawn.shape} and {correct.shape}. "
            "Give one n and one c per problem."
        )
    if not len(drawn):
        raise InvalidInputError("The table of counts is empty. Give at least one problem.")
    _refuse(drawn, drawn < 0, "n is negative")
    _refuse(correct, correct < 0, "c is negative")
    above = np.flatnonzero(correct > drawn)
    if len(above):
        i = above[0]
        raise InvalidInputError(
            f"c > n for {len(above)} of {len(drawn)} problems (first: problem {i} has c = {correct[i]} of "
            f"n = {drawn[i]}). Check that the columns are not swapped."
        )
    return Counts(drawn, correct)


def budgets(k: ArrayLike) -> IntArray:
    """Validate budgets: whole numbers of at least 1.

    Returns:
        Shape (K,), in the order given.

    Raises:
        InvalidInputError: No budget, a fraction, or k < 1.

    >>> budgets(8).tolist()
    [8]
    """
    ks = np.atleast_1d(whole_numbers(k, "k"))
    if ks.ndim != 1 or not len(ks):
        raise InvalidInputError(f"k must be one budget or a flat list of budgets, but has shape {ks.shape}.")
    if ks.min() < 1:
        raise InvalidInputError(f"k must be at least 1, but is {ks.min()}. A budget counts samples drawn.")
    return ks


def one_budget(value: ArrayLike, name: str) -> int:
    """Validate a single budget, such as the largest to look at: a whole number of at least 1.

    Raises:
        InvalidInputError: Several numbers, a fraction, or less than 1.

    >>> one_budget(64.0, "largest")
    64
    """
    number = whole_numbers(value, name)
    if number.ndim or not 1 <= number <= _LARGEST:
        raise InvalidInputError(f"{name} must be one whole number from 1 to 2^53, but is {number}.")
    return int(number)


def refuse_too_few(n: IntArray, k: IntArray, metric: str = "pass@{k}") -> None:
    """Raise when some problem has fewer samples than the largest budget.

    Args:
        n: Samples per problem, shape (P,).
        k: Budgets, shape (K,).
        metric: Name in the message, with ``{k}`` for the budget.

    Raises:
        InvalidInputError: An estimate from fewer than k samples would be an extrapolation.
    """
    largest = int(k.max())
    short = np.flatnonzero(n < largest)
    if not len(short):
        return
    fewest = int(n[short].min())
    advice = or_ask_for(fewest) if fewest else "Draw samples for every problem."
    raise InvalidInputError(
        f"{metric.format(k=largest)} needs at least {largest} samples per problem, but {len(short)} of {len(n)} "
        f"problems have fewer (min {fewest}). {advice}"
    )


def whole_numbers(values: ArrayLike, name: str) -> IntArray:
    """Convert to int64, refusing whatever would be silently rounded.

    Raises:
        InvalidInputError: Text, NaN, infinity, a fraction or a number beyond 2^53.

    >>> whole_numbers([1.0, 2.0], "c").dtype
    dtype('int64')
    """
    array = np.asarray(values)
    if array.dtype.kind in "iub":
        if array.dtype.kind == "u" and array.size and int(array.max()) > np.iinfo(np.int64).max:
            raise InvalidInputError(f"{name} has a value too large to count: {array.max()}.")
        return array.astype(np.int64)
    try:
        floats = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"{name} must hold whole numbers, but holds {array.dtype} values.") from error
    _refuse(floats, ~np.isfinite(floats), f"{name} is not a finite number")
    _refuse(floats, floats != np.floor(floats), f"{name} is not a whole number")
    _refuse(floats, np.abs(floats) > _LARGEST, f"{name} is too large to count")
    return floats.astype(np.int64)


def _refuse(values: np.ndarray, wrong: np.ndarray, what: str) -> None:
    positions = np.flatnonzero(wrong)
    if len(positions):
        first = positions[0]
        raise InvalidInputError(
            f"{what} for {len(positions)} of {values.size} entries (first: {values.flat[first]} at position {first})."
        )
