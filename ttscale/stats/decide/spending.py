"""Ways to spend a sum over arms: filled up, one arm alone, step by step, and what none can exceed."""

import math

import numpy as np

from ttscale.arrays import FloatArray, IntArray
from ttscale.stats.counts.pass_at_k import log_none

_BOUNDS = 12
"""Allocations of the greedy path at which an upper bound is computed."""


def maximal_allocations(
    cost: FloatArray, once: FloatArray, budget: float, limit: IntArray, most: int
) -> IntArray | None:
    """List every allocation to which nothing can be added, shape (M, A); None where there are too many.

    Only they need be tried where more samples never hurt: the last arm takes what the others leave.

    Args:
        cost: Of one sample from each arm, shape (A,).
        once: Of the first one besides, shape (A,).
        budget: Per problem.
        limit: Most samples from each arm, shape (A,).
        most: How many are too many.
    """
    reach = np.array([_fill(budget, *part) for part in zip(cost, once, limit, strict=True)])
    order = np.argsort(reach, kind="stable")  # the arm with the widest range comes last and is filled up
    sizes = reach[order[:-1]] + 1
    if float(np.prod(sizes.astype(np.float64))) > most:
        return None
    grids = np.meshgrid(*[np.arange(size) for size in sizes], indexing="ij")
    others = np.stack([grid.ravel() for grid in grids], axis=1) if grids else np.zeros((1, 0), np.int64)
    spent = others @ cost[order[:-1]] + (others > 0) @ once[order[:-1]]
    others, spent = others[spent <= budget * (1 + 1e-12)], spent[spent <= budget * (1 + 1e-12)]
    last = order[-1]
    rest = np.array([_fill(budget - one, cost[last], once[last], limit[last]) for one in spent])
    found = np.empty((len(others), len(cost)), dtype=np.int64)
    found[:, order[:-1]], found[:, last] = others, rest
    return found


def single_arms(cost: FloatArray, once: FloatArray, budget: float, limit: IntArray) -> IntArray:
    """Return the allocations that spend everything on one arm, shape (A, A)."""
    return np.diag([_fill(budget, *part) for part in zip(cost, once, limit, strict=True)]).astype(np.int64)


def log_missed_table(n: IntArray, c: IntArray) -> FloatArray:
    """Return log[C(n−c, k)/C(n, k)] for k = 0..min n, shape (P, K+1)."""
    k = np.arange(1, int(n.min()) + 1)
    if not len(k):
        return np.zeros((len(n), 1))
    table = log_none(n[:, None], c[:, None], k)
    return np.concatenate([np.zeros((len(n), 1)), np.maximum(table, -700.0)], axis=1)


def _fill(budget: float, cost: float, once: float, limit: int) -> int:
    """Return the most samples of one arm within a budget."""
    k = math.floor((budget - once) / cost * (1 + 1e-12)) if budget >= once else 0
    return max(0, min(k, int(limit)))


def greedy(drawn: IntArray, right: IntArray, price: FloatArray, once: FloatArray, budget: float) -> IntArray:
    """Return the allocations of the greedy path from nothing to the last, shape (T, A)."""
    k = np.zeros(drawn.shape[1], dtype=np.int64)
    missed = np.ones(len(drawn))  # chance that nothing so far is correct, (P,)
    most = drawn.min(axis=0)
    path = [k.copy()]
    while True:
        # one more from arm a hits with chance c/(n−k), given that the k before failed
        left = np.maximum(drawn - k, 1)
        hit = np.clip(right / left, 0.0, 1.0)  # (P, A)
        step = price + np.where(k == 0, once, 0.0)
        spent = k @ price + (k > 0) @ once
        barred = (k >= most) | (spent + step > budget * (1 + 1e-12))
        rate = np.where(barred, -1.0, missed @ hit / step)
        best = int(np.argmax(rate))
        if rate[best] <= 0:
            return np.stack(path)
        missed = missed * (1 - hit[:, best])
        k[best] += 1
        path.append(k.copy())


def upper_bound(drawn: IntArray, right: IntArray, price: FloatArray, budget: float, path: IntArray) -> float:
    """Return the least of the bounds at some allocations of the greedy path."""
    tables = [log_missed_table(drawn[:, a], right[:, a]) for a in range(drawn.shape[1])]
    stops = np.unique(np.linspace(0, len(path) - 1, _BOUNDS).round().astype(np.int64))
    return min(_bound_at(path[stop], tables, price, budget) for stop in stops)


def _bound_at(k: IntArray, tables: list[FloatArray], price: FloatArray, budget: float) -> float:
    """Return f(S) plus the fractional knapsack of every arm's gains when it alone is added to S."""
    log_missed = np.sum([table[:, size] for table, size in zip(tables, k, strict=True)], axis=0)
    gains, prices = [], []
    for table, size, one in zip(tables, k, price, strict=True):
        width = min(table.shape[1] - size, int(budget / one) + 2)
        missed = np.exp(log_missed[:, None] + table[:, size : size + width] - table[:, size, None]).mean(
            axis=0
        )
        gains.append(-np.diff(missed))
        prices.append(np.full(width - 1, one))
    gain, cost = np.concatenate(gains), np.concatenate(prices)
    order = np.argsort(-gain / cost, kind="stable")
    before = np.cumsum(cost[order]) - cost[order]
    share = np.clip((budget - before) / cost[order], 0.0, 1.0)
    return float(-np.expm1(log_missed).mean() + share @ gain[order])
