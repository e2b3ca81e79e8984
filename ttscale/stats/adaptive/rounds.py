"""pass@k from samples drawn in rounds that looked at earlier verdicts: hard problems got more, easy ones fewer.

Notation: the *ladder* holds the samples per problem at each rung, b_0 < b_1 < ... Every problem starts at rung 0. In
each round some *climb* one rung, and whether a problem climbs depends on its rung and on the c of its samples that
were correct by then, on nothing else of its own. The usual 1 − C(n−c, k)/C(n, k) is biased for such data: a problem has
many samples *because* few of them were correct.

Given where a problem ended (n, c), every order of its verdicts that leads there is equally likely, and the orders can
be counted. The share of them with a success among the first k samples is unbiased for pass@k whatever the rounds
were, since it is the conditional mean of an unbiased estimate (Girshick, Mosteller, Savage 1946,
https://doi.org/10.1214/aoms/1177730978; Blackwell 1947). Where everybody climbs it is the usual formula. It may
exceed n: of a problem that stopped at n < k with a success, the first k samples would have held one, for sure.

What is chosen by looking at all problems together (who climbs, when to end) depends on each of them a little; that
part of the bias falls with the number of problems and is measured in `benchmarks/adaptive_sampling.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ttscale.arrays import ArrayLike, FloatArray, IntArray
from ttscale.errors import InvalidInputError, or_ask_for
from ttscale.stats.counts.counts import UniqueCounts, budgets, counts, whole_numbers
from ttscale.stats.counts.pass_at_k import at_least_one, log_choose

Climb = Mapping[int, tuple[tuple[int, int], ...]]
"""One round: rung -> the numbers of successes with which a problem climbed from it, as [low, high) ranges."""

_LARGEST_BLOCK = 4_000_000
"""Pairs of numbers of successes before and after a climb in memory at a time."""


@dataclass(frozen=True, slots=True)
class Rounds:
    """How samples were drawn.

    Attributes:
        ladder: Samples per problem at each rung, increasing.
        climbs: Who climbed, round by round.
    """

    ladder: tuple[int, ...]
    climbs: tuple[Climb, ...] = ()

    def __post_init__(self) -> None:
        if not self.ladder or self.ladder[0] < 1 or (np.diff(self.ladder) < 0).any():
            raise InvalidInputError(f"A ladder holds increasing numbers of samples, not {self.ladder}.")
        last = len(self.ladder) - 1
        if any(not 0 <= rung < last for climb in self.climbs for rung in climb):
            raise InvalidInputError(f"A round climbs from a rung that has no next one; there are {last + 1}.")

    def followed_by(self, climb: Climb) -> "Rounds":
        """Return the rounds with one more."""
        return Rounds(self.ladder, (*self.climbs, climb))


def geometric_ladder(first: int, last: int, growth: float) -> tuple[int, ...]:
    """Return rungs from `first` to `last`, each `growth` times the one before; the last two may lie closer.

    >>> geometric_ladder(16, 100, 2.0)
    (16, 32, 64, 100)
    """
    if not (first >= 1 and growth > 1):
        raise InvalidInputError(f"A ladder needs first >= 1 and growth > 1, not {first} and {growth}.")
    rungs = [min(first, last)]
    while rungs[-1] < last:
        rungs.append(min(last, max(rungs[-1] + 1, round(rungs[-1] * growth))))
    return tuple(rungs)


def follow(rounds: Rounds, successes: ArrayLike) -> IntArray:
    """Return the rung where each problem ends: the rounds applied to its verdicts.

    Args:
        rounds: The rounds.
        successes: Correct samples among the first of each rung, shape (P, R); columns of rungs that a problem
            does not reach are not looked at.

    Returns:
        Shape (P,).

    >>> follow(Rounds((2, 4), ({0: ((0, 1),)},)), [[0, 1], [1, 1]]).tolist()
    [1, 0]
    """
    table = whole_numbers(successes, "successes")
    if table.ndim != 2 or table.shape[1] != len(rounds.ladder):
        raise InvalidInputError(
            f"successes needs one column per rung ({len(rounds.ladder)}), but has shape {table.shape}."
        )
    rung = np.zeros(len(table), dtype=np.int64)
    rows = np.arange(len(table))
    for climb in rounds.climbs:
        rung += climbs_now(climb, rung, table[rows, rung])
    return rung


def climbs_now(climb: Climb, rung: IntArray, c: IntArray) -> IntArray:
    """Return 1 for each problem that climbs in a round and 0 for the others, shape (P,)."""
    now = np.zeros(len(rung), dtype=np.int64)
    for start, ranges in climb.items():
        for low, high in ranges:
            now[(rung == start) & (c >= low) & (c < high)] = 1
    return now


def pass_at_k_in_rounds(
    rounds: Rounds, rung: ArrayLike, c: ArrayLike, k: ArrayLike, *, verified: ArrayLike | None = None
) -> FloatArray:
    """Estimate pass@k without bias from samples drawn in rounds.

    Args:
        rounds: The rounds.
        rung: Where each problem ended, shape (P,).
        c: Correct ones among its samples up to that rung, shape (P,).
        k: Budgets, shape (K,), at most the samples of every problem without a success.
        verified: Samples with a verdict among the first of each rung, shape (P, R), where the verifier failed on
            some; by default all.

    Returns:
        Shape (P, K), within [0, 1].

    Raises:
        InvalidInputError: An end that the rounds cannot lead to, or a problem without a success that has fewer
            than k samples.

    >>> one_success = Rounds((2, 4), ({0: ((0, 1),)},))
    >>> pass_at_k_in_rounds(one_success, [0, 1], [2, 1], [1, 4]).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    ks, rungs, right = budgets(k), whole_numbers(rung, "rung"), whole_numbers(c, "c")
    known = np.broadcast_to(np.array(rounds.ladder), (len(rungs), len(rounds.ladder)))
    if verified is not None:
        known = whole_numbers(verified, "verified")
    values = np.empty((len(rungs), len(ks)))
    ladders, of = np.unique(known, axis=0, return_inverse=True)
    for number, ladder in enumerate(ladders):  # one, but where the verifier failed
        mine = of.reshape(-1) == number
        values[mine] = _values(ends(rounds, ks, ladder), rungs[mine], right[mine])
    _refuse_open(values, known[np.arange(len(rungs)), rungs], ks)
    return values


# ---- where sampling can end ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Ends:
    """Every number of successes with which sampling can end on one rung.

    Attributes:
        n: Samples there.
        log_orders: Log of the number of orders of verdicts that end there with c successes; −inf: none does.
            Shape (C,), c = 0, 1, ..., C − 1.
        value: Share of these orders with a success among the first k samples; NaN where n < k and c = 0 leave
            it open. Shape (C, K).
    """

    n: int
    log_orders: FloatArray
    value: FloatArray


def ends(rounds: Rounds, k: IntArray, ladder: Sequence[int] | IntArray | None = None) -> list[Ends]:
    """Count the orders of verdicts that lead to each end, rung by rung; shape of `k`: (K,)."""
    sizes = [int(size) for size in (rounds.ladder if ladder is None else ladder)]
    nobody = np.full(1, -np.inf)
    standing = [_first_rung(sizes[0], k)]
    standing += [Ends(size, nobody, np.zeros((1, len(k)))) for size in sizes[1:]]
    for climb in rounds.climbs:
        for rung in sorted(climb, reverse=True):  # from above, so that nobody climbs twice in a round
            going = np.zeros(len(standing[rung].log_orders), dtype=bool)
            for low, high in climb[rung]:
                going[low:high] = True
            standing[rung + 1] = _joined(standing[rung], going, standing[rung + 1], k)
            log_orders = np.where(going, -np.inf, standing[rung].log_orders)
            standing[rung] = Ends(standing[rung].n, log_orders, standing[rung].value)
    return standing


def _first_rung(n: int, k: IntArray) -> Ends:
    c = np.arange(n + 1)
    return Ends(n, log_choose(n, c), _after_failures(n, c, k))


def _joined(below: Ends, going: np.ndarray, above: Ends, k: IntArray) -> Ends:
    """Let those of `below` that are `going` climb to `above`."""
    before = np.flatnonzero(going & np.isfinite(below.log_orders))
    if not len(before):
        return above
    if len(before) == below.n + 1 and _is_untouched(below) and not np.isfinite(above.log_orders).any():
        return _first_rung(above.n, k)  # everybody climbs: no order is left out
    size = max(int(before[-1]) + above.n - below.n + 1, len(above.log_orders))
    rows = max(1, _LARGEST_BLOCK // len(before))
    blocks = [
        _joined_at(np.arange(start, min(start + rows, size)), before, below, above, k)
        for start in range(0, size, rows)
    ]
    log_orders = np.concatenate([log for log, _ in blocks])
    value = np.concatenate([block for _, block in blocks])
    value[0, k > above.n] = np.nan
    return Ends(above.n, log_orders, value)


def _joined_at(
    after: IntArray, before: IntArray, below: Ends, above: Ends, k: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Return the log of the orders and the value of ends with `after` (C',) successes, of `before` (B,) earlier."""
    m = above.n - below.n
    log_ways = below.log_orders[before] + _looked_up(log_choose(m, np.arange(m + 1)), after[:, None] - before)
    stayed = _looked_up(above.log_orders, after)
    top = np.maximum(log_ways.max(axis=1), stayed)
    base = np.where(np.isfinite(top), top, 0.0)
    share, kept = np.exp(log_ways - base[:, None]), np.exp(stayed - base)
    total = share.sum(axis=1) + kept
    value = share @ np.where(before[:, None] > 0, np.nan_to_num(below.value[before]), 0.0)  # (C', K)
    old = np.nan_to_num(above.value[np.minimum(after, len(above.value) - 1)])
    value += kept[:, None] * old  # kept is 0 beyond the end of `above`
    if before[0] == 0:  # no success so far: the new samples decide
        value += share[:, :1] * np.nan_to_num(_after_failures(m, after, k - below.n))
    value = np.clip(value / np.maximum(total, 1e-300)[:, None], 0.0, 1.0)
    return base + np.log(np.maximum(total, 1e-300)) + np.where(total > 0, 0, -np.inf), value


def _is_untouched(end: Ends) -> bool:
    """Tell whether every order of verdicts leads there."""
    every = log_choose(end.n, np.arange(end.n + 1))
    return len(end.log_orders) == len(every) and np.allclose(end.log_orders, every, rtol=1e-9, atol=1e-9)


def _looked_up(table: FloatArray, position: IntArray) -> FloatArray:
    """Return the table's entries, −inf outside it."""
    inside = np.clip(position, 0, len(table) - 1)
    return np.where(inside == position, table[inside], -np.inf)


def _after_failures(m: int, c: IntArray, left: IntArray) -> FloatArray:
    """Return the chance of a success among the first `left` (K,) of m samples with c (C,) successes; (C, K).

    For `left` < 1 the failures before were the first k samples: 0. For `left` > m: 1, or open (NaN) at c = 0.
    """
    column = c[:, None]
    inside = np.clip(left, 1, max(m, 1))
    chance = at_least_one(np.array(max(m, 1)), np.minimum(column, max(m, 1)), inside)
    beyond = np.where(column > 0, 1.0, np.nan)
    return np.where(left < 1, 0.0, np.where(left > m, beyond, chance))


def _values(standing: Sequence[Ends], rung: IntArray, c: IntArray) -> FloatArray:
    if len(rung) and (rung.min() < 0 or rung.max() >= len(standing)):
        raise InvalidInputError(f"rung must lie between 0 and {len(standing) - 1}.")
    rows = []
    for r, successes in zip(rung.tolist(), c.tolist(), strict=True):
        end = standing[r]
        if not (0 <= successes < len(end.log_orders)) or not np.isfinite(end.log_orders[successes]):
            raise InvalidInputError(
                f"The rounds cannot end at {end.n} samples with {successes} successes. Do the verdicts belong to "
                "these rounds?"
            )
        rows.append(end.value[successes])
    return np.array(rows)


def _refuse_open(values: FloatArray, n: IntArray, k: IntArray) -> None:
    is_open = np.isnan(values)
    if not is_open.any():
        return
    short = n[is_open.any(axis=1)]
    raise InvalidInputError(
        f"pass@{k.max()} needs at least {k.max()} samples of every problem without a success, but {len(short)} of "
        f"{len(n)} problems have fewer (min {short.min()}). {or_ask_for(short.min())}"
    )


# ---- the interval over samples ------------------------------------------------------------------


def standing_pairs(rounds: Rounds, rung: IntArray, c: IntArray) -> UniqueCounts:
    """Return the distinct (n, c) of where problems stand."""
    return counts(np.array(rounds.ladder)[rung], c).unique()
