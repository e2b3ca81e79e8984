"""The chance that a weighted vote of k samples of a pool is correct: exact where that is cheap, else simulated.

k = 1 and k = n need no draws, and pools of up to 12 samples are enumerated. For all else random orders of each pool are
drawn: their first k samples are a draw of k, for every k. Budgets whose error is still too large then get draws of
their own, most of them for the problems that vary most (Neyman's allocation): small budgets vary much and cost
little, large ones the other way round.

Orders cost more than the votes in them, so pools of equal size share them, each under a permutation of its own. With
random permutations π and ρ of two pools, π∘σ and ρ∘τ are independent for all orders σ and τ, equal ones as well: any
two draws are as independent as if nothing was shared, and so are the variances of sums.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ttscale.arrays import FloatArray, IntArray

_ENUMERATED = 12
"""Pools up to this size are enumerated: 4,096 subsets."""

_PILOT = 64
_MOST_DRAWS = 50_000
"""Draws of one problem at one budget; where the wanted error asks for more, it is missed and stated."""

_CELLS = 1_000_000
"""Numbers held at a time."""

_INDEPENDENT = 8
"""Disjoint parts of one order are as good as independent while they are this small a part of it: what they share
adds at most k/n to the variance."""

_SPARSE = 16
"""A draw with this many times fewer samples than there are classes is sorted rather than spread over the classes."""


@dataclass(frozen=True, slots=True, eq=False)
class Ballots:
    """One pool.

    Attributes:
        member: Class of each sample, 0..C-1; C abstains. Shape (n,).
        weight: Weight of each sample, at least 0, shape (n,).
        correct: How correct each class is, shape (C,).
    """

    member: IntArray
    weight: FloatArray
    correct: FloatArray

    def __len__(self) -> int:
        return len(self.member)

    @property
    def n_classes(self) -> int:
        """C."""
        return len(self.correct)

    def single(self) -> float:
        """Return the chance at k = 1: a single vote wins if it has any weight."""
        counts = (self.weight > 0) & (self.member < self.n_classes)
        return float(self.correct[self.member[counts]].sum() / len(self))

    def whole(self) -> float:
        """Return the outcome at k = n."""
        totals = _totals(self.member[None], self.weight[None], self.n_classes + 1)
        return float(_winner_correct(totals[:, :-1], self.correct)[0])


def simulate(
    ballots: Sequence[Ballots], k: IntArray, wanted: float, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Estimate the chance that a vote of k is correct.

    Args:
        ballots: One pool per problem.
        k: Budgets, at most the smallest pool, shape (K,).
        wanted: Standard error of the mean over problems, at every budget.
        rng: Generator.

    Returns:
        Values and their standard errors (0 where exact), both of shape (P, K).
    """
    value, variance = np.zeros((2, len(ballots), len(k)))
    large = [i for i, pool in enumerate(ballots) if len(pool) > _ENUMERATED]
    for i, pool in enumerate(ballots):
        if len(pool) <= _ENUMERATED:
            value[i] = _enumerate(pool)[k - 1]
    columns, j_of = np.unique(k, return_inverse=True)
    total, drawn = np.zeros((len(large), len(columns))), np.full((len(large), len(columns)), _PILOT)
    shuffled = [_shuffled(ballots[i], rng) for i in large]
    for rows in _of_equal_size(shuffled):
        total[rows] = _nested([shuffled[row] for row in rows], columns, _PILOT, rng)
    for j, budget in enumerate(columns.tolist()):
        _refine(shuffled, budget, total[:, j], drawn[:, j], len(ballots) * wanted, rng)
    for row, i in enumerate(large):
        mean, error = total[row] / drawn[row], _variance(total[row], drawn[row]) / drawn[row]
        _settle_exact(ballots[i], columns, mean, error)
        value[i], variance[i] = mean[j_of], error[j_of]
    return value, np.sqrt(variance)


def _shuffled(pool: Ballots, rng: np.random.Generator) -> Ballots:
    """Return a pool with its samples in random order."""
    order = rng.permutation(len(pool))
    return Ballots(pool.member[order], pool.weight[order], pool.correct)


def _of_equal_size(ballots: Sequence[Ballots]) -> list[IntArray]:
    """Return the positions of the pools of each size."""
    sizes = np.array([len(pool) for pool in ballots], dtype=np.int64)
    return [np.flatnonzero(sizes == size) for size in np.unique(sizes)]


def _settle_exact(pool: Ballots, k: IntArray, value: FloatArray, variance: FloatArray) -> None:
    for j in np.flatnonzero((k == 1) | (k == len(pool))):
        value[j] = pool.single() if k[j] == 1 else pool.whole()
        variance[j] = 0.0


def _refine(
    ballots: Sequence[Ballots],
    k: int,
    total: FloatArray,
    drawn: IntArray,
    wanted: float,
    rng: np.random.Generator,
) -> None:
    """Add draws of k until the sum over problems has the wanted standard error; updates `total` and `drawn`."""
    if k == 1:
        return
    open_ended = np.array([len(pool) > k for pool in ballots], dtype=bool)  # the others are known
    while True:
        spread = np.where(open_ended, np.sqrt(_variance(total, drawn)), 0.0)
        if not (spread**2 / drawn).sum() > wanted**2:
            return
        ideal = np.ceil(1.05 * spread * spread.sum() / wanted**2)
        more = np.minimum(ideal, _MOST_DRAWS).astype(np.int64) - drawn
        if not (more > 0).any():
            return
        for rows in _of_equal_size(ballots):
            _add_draws(ballots, rows[more[rows] > 0], k, more, total, rng)
        drawn += np.maximum(more, 0)


def _add_draws(
    ballots: Sequence[Ballots],
    rows: IntArray,
    k: int,
    more: IntArray,
    total: FloatArray,
    rng: np.random.Generator,
) -> None:
    """Add to `total` the correctness of `more` draws of k for each of the pools `rows`, which have one size."""
    if not len(rows):
        return
    left = more.copy()
    widest = max(ballots[row].n_classes for row in rows)
    for drawn in _draws(len(ballots[rows[0]]), k, int(more[rows].max()), widest, rng):
        for row in rows[left[rows] > 0]:
            total[row] += _votes(ballots[row], drawn[: left[row]]).sum()
        left -= len(drawn)


def _variance(total: FloatArray, drawn: IntArray) -> FloatArray:
    """Return the largest variance that one draw can plausibly have; above 0 even where all draws agreed."""
    variance: FloatArray = (total + 0.5) * (drawn - total + 0.5) / (drawn + 1) ** 2
    return variance


def _draws(n: int, k: int, count: int, n_classes: int, rng: np.random.Generator) -> Iterator[IntArray]:
    """Yield draws of k of n without replacement, (B, k) at a time: disjoint parts of random orders."""
    parts = n // k if k * _INDEPENDENT <= n else 1
    rows = max(1, _CELLS // max(n, parts * min(n_classes, _SPARSE * k)))
    while count > 0:
        orders = _orders(n, min(rows, -(-count // parts)), rng)
        drawn = orders[:, : parts * k].reshape(-1, k)[:count]
        count -= len(drawn)
        yield drawn


def _orders(n: int, size: int, rng: np.random.Generator) -> IntArray:
    """Return random orders of n samples, shape (size, n).

    Numbers are sorted that begin with random bits and end with the sample's index, less than half the time of
    `Generator.permuted`; with 40 random bits or more, two of 10,000 begin alike in one order of 20,000.
    """
    bits = np.uint64(max(1, (n - 1).bit_length()))
    keys = rng.integers(0, 1 << 64, (size, n), dtype=np.uint64)
    keys >>= bits
    keys <<= bits
    keys |= np.arange(n, dtype=np.uint64)
    keys.sort(axis=1)
    keys &= (np.uint64(1) << bits) - np.uint64(1)
    return keys.view(np.int64)


def _nested(pools: Sequence[Ballots], k: IntArray, n_orders: int, rng: np.random.Generator) -> FloatArray:
    """Sum the correctness of votes over the beginnings of random orders of pools of one size; (P, K), increasing k."""
    total = np.zeros((len(pools), len(k)))
    n = len(pools[0])
    batch = max(1, _CELLS // max(n, *(pool.n_classes for pool in pools)))
    for start in range(0, n_orders, batch):
        orders = _orders(n, min(batch, n_orders - start), rng)
        for row, pool in enumerate(pools):
            total[row] += _beginnings(pool, k, orders)
    return total


def _beginnings(pool: Ballots, k: IntArray, orders: IntArray) -> FloatArray:
    """Return the summed correctness of the vote of the first k of each order, shape (K,)."""
    total = np.zeros(len(k))
    few = k * _SPARSE < pool.n_classes
    for j in np.flatnonzero(few):
        total[j] = _votes_sorted(pool, orders[:, : k[j]]).sum()
    total[~few] = list(_running(pool, orders, k[~few]))
    return total


def _running(pool: Ballots, orders: IntArray, k: IntArray) -> Iterator[float]:
    """Yield the summed correctness of votes of ever longer beginnings of the orders.

    A class whose whole weight is below what the leader has in every order can no longer win and is let go.
    """
    member, correct = pool.member, pool.correct
    largest = np.bincount(member, weights=pool.weight, minlength=len(correct) + 1)[:-1]
    sums, taken = np.zeros((len(orders), len(correct) + 1)), 0
    for budget in k.tolist():
        block = orders[:, taken:budget]
        sums += _totals(member[block], pool.weight[block], sums.shape[1])
        taken = budget
        yield float(_winner_correct(sums[:, :-1], correct).sum())
        if not len(correct):
            continue
        alive = largest >= sums[:, :-1].max(axis=1).min() * (1 - 1e-9)
        if 2 * alive.sum() < len(alive):
            number = np.append(np.where(alive, np.cumsum(alive) - 1, alive.sum()), alive.sum())
            member, correct, largest = number[member], correct[alive], largest[alive]
            sums = np.append(sums[:, :-1][:, alive], np.zeros((len(sums), 1)), axis=1)


def _votes(pool: Ballots, drawn: IntArray) -> FloatArray:
    """Return how correct the winner of each draw is: (B, k) -> (B,)."""
    if drawn.shape[1] * _SPARSE < pool.n_classes:
        return _votes_sorted(pool, drawn)
    totals = _totals(pool.member[drawn], pool.weight[drawn], pool.n_classes + 1)
    return _winner_correct(totals[:, :-1], pool.correct)


def _votes_sorted(pool: Ballots, drawn: IntArray) -> FloatArray:
    """Return the same by sorting each draw by class, for many more classes than samples."""
    member = pool.member[drawn]  # (B, k)
    order = np.argsort(member, axis=1)
    member = np.take_along_axis(member, order, axis=1)
    weight = np.where(member < pool.n_classes, pool.weight[np.take_along_axis(drawn, order, axis=1)], 0.0)
    is_first = np.ones(member.shape, dtype=bool)
    is_first[:, 1:] = member[:, 1:] != member[:, :-1]
    starts = np.flatnonzero(is_first)  # of each run of one class in one draw
    totals = np.add.reduceat(weight.ravel(), starts)
    rows = starts // member.shape[1]
    row_starts = np.searchsorted(rows, np.arange(len(member)))
    top = np.maximum.reduceat(totals, row_starts)  # (B,)
    leads = (totals >= top[rows] * (1 - 1e-12)) & (top[rows] > 0)
    winners = rows[leads]
    share = np.bincount(winners, weights=pool.correct[member.ravel()[starts[leads]]], minlength=len(member))
    votes: FloatArray = share / np.maximum(np.bincount(winners, minlength=len(member)), 1)
    return votes


def _totals(member: IntArray, weight: FloatArray, width: int) -> FloatArray:
    """Sum weights (B, k) by class: (B, width)."""
    cell = member + np.arange(len(member))[:, None] * width
    sums = np.bincount(cell.ravel(), weights=weight.ravel(), minlength=len(member) * width)
    return sums.astype(np.float64, copy=False).reshape(-1, width)


def _winner_correct(totals: FloatArray, correct: FloatArray) -> FloatArray:
    """Return the share of the winners that is correct, for totals (B, C) by class: (B,)."""
    if not totals.shape[1]:
        return np.zeros(len(totals))
    top = totals.max(axis=1, keepdims=True)
    leads = totals >= top * (1 - 1e-12)  # sums of equal weights differ by rounding
    share: FloatArray = leads @ correct / leads.sum(axis=1)
    return np.where(top[:, 0] > 0, share, 0.0)


def _enumerate(pool: Ballots) -> FloatArray:
    """Return the exact chance for k = 1..n from all 2^n subsets; shape (n,)."""
    n = len(pool)
    chosen = (np.arange(2**n)[:, None] >> np.arange(n)) & 1  # (2^n, n)
    by_class = np.zeros((n, pool.n_classes))
    voting = pool.member < pool.n_classes
    by_class[np.flatnonzero(voting), pool.member[voting]] = pool.weight[voting]
    share = _winner_correct(chosen @ by_class, pool.correct)
    size = chosen.sum(axis=1)
    chance: FloatArray = np.bincount(size, weights=share) / np.bincount(size)
    return chance[1:]
