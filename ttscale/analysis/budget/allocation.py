"""Spread a sum over arms: how many samples from each model, temperature or prompt, and what that gains over one arm."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ttscale.analysis.budget.arms import ArmSamples, on_shared_problems
from ttscale.analysis.budget.choices import Choice, priced_choices
from ttscale.analysis.budget.pricing import choose_cost_model, with_facts
from ttscale.analysis.budget.reading_arms import readable_arms
from ttscale.analysis.budget.view import BudgetSettings
from ttscale.analysis.selecting import ways
from ttscale.arrays import FloatArray, IntArray
from ttscale.costs.amounts import Amount, unit_name
from ttscale.errors import InvalidInputError
from ttscale.result import Result
from ttscale.showing.numbers import amount, percent, points, rests_on, share
from ttscale.showing.view import Dot, View
from ttscale.stats.decide.allocation import (
    Allocation,
    Solution,
    best_of,
    honest_allocation,
    valued,
)
from ttscale.stats.decide.pooled_selection import selection_objective
from ttscale.stats.decide.spending import maximal_allocations, single_arms
from ttscale.stats.selectors.contract import AnyCorrect
from ttscale.stats.selectors.ensemble import Ensemble, cross_fit
from ttscale.stats.selectors.selection import BestOfK

_MOST_SELECTIONS = 4_000
"""Allocations tried for selected accuracy, which costs more to value than coverage does."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True, repr=False)
class AllocationView(Result):
    """How a sum is best spread over arms.

    Attributes:
        spend: The sum over all problems.
        unit: Its unit.
        selector: What is maximised: "coverage", "best by NAME" or "best by ensemble of NAME + NAME".
        arms: Labels of the arms.
        per_sample: What a sample of each costs, shape (A,).
        found: The allocation per problem, its honest value and the gain over the best single arm.
        notes: Caveats in plain sentences.
    """

    spend: float
    unit: str
    selector: str
    arms: tuple[str, ...]
    per_sample: FloatArray
    found: Allocation
    notes: tuple[str, ...]

    def to_rows(self) -> Iterator[dict[str, Any]]:
        """Yield one row per arm, then one for the whole."""
        common = {"spend": self.spend, "unit": self.unit, "selector": self.selector}
        for label, k, price in zip(self.arms, self.found.k, self.per_sample, strict=True):
            yield {
                "question": "arm",
                "arm": label,
                "k": int(k),
                "cost_per_sample": float(price),
                "share_of_samples": float(k / max(self.found.k.sum(), 1)),
                **common,
            }
        yield {"question": "allocation", **self.value_row(), **common}

    def value_row(self) -> dict[str, Any]:
        """Return what the allocation is worth as one row."""
        one = self.found
        return {
            "value": one.coverage,
            "low": one.low,
            "high": one.high,
            "single_arm": self.arms[one.single],
            "single_arm_k": one.single_k,
            "single_arm_value": one.single_coverage,
            "gain": one.gain,
            "gain_low": one.gain_low,
            "gain_high": one.gain_high,
            "value_on_choosing_half": one.optimistic,
            "upper_bound_there": one.bound,
            "total_cost": one.cost * one.n_problems,
            "method": f"{one.method}; chosen on half the samples, valued on the other",
            "confidence_level": one.confidence_level,
            "over": "problems",
            "n_problems": one.n_problems,
        }

    def view(self) -> View:
        """Return how many samples each arm gets and what that is worth."""
        one = self.found
        rests = rests_on(one.n_problems, one.confidence_level, "problems")
        worth = {
            "percent": share(one.coverage, one.low, one.high),
            "best single arm": f"{self.arms[one.single]}, k = {one.single_k:,}",
            "its percent": share(one.single_coverage),
            "gain in points": points(one.gain, one.gain_low, one.gain_high),
            "upper bound (other half)": percent(one.bound),
            "method": one.method,
        }
        return View(
            title=f"Samples per problem for {amount(self.spend)} {unit_name(self.unit)}, {self.selector}",
            rows=[
                {
                    "arm": label,
                    "k": int(k),
                    "cost per sample": float(price),
                    "share of samples": percent(k / max(one.k.sum(), 1)),
                }
                for label, k, price in zip(self.arms, one.k, self.per_sample, strict=True)
            ],
            more=[
                (f"What that is worth, on the half of the samples that did not choose it: {rests}", [worth])
            ],
            dots=[Dot(label="this allocation", value=one.coverage, low=one.low, high=one.high)],
            axis="problems solved",
            notes=self.notes,
        )


def allocate(
    sources: Sequence[Path | str],
    spend: Amount,
    *,
    by: Sequence[str] | None = None,
    settings: BudgetSettings | None = None,
) -> AllocationView:
    """Find how many samples of each arm a sum is best spent on.

    Args:
        sources: Run directories (every cell is an arm) and tables of counts (every group is one).
        spend: The sum over all problems.
        by: Columns that tell a table's groups apart.
        settings: Selector ("coverage", "best" or "ensemble"), verifiers, pricing, level and seed; the questions in it are not asked.

    Raises:
        InvalidInputError: Fewer than two arms, something that cannot be priced, or a sum that buys nothing.
        StoreError: A folder is no run, or holds no verdicts of a verifier.
    """
    asked = settings or BudgetSettings()
    picking = ways(asked.selectors, asked.verifiers)
    if len(picking) != 1 or not isinstance(picking[0].selector, AnyCorrect | BestOfK | Ensemble):
        raise InvalidInputError(
            "An allocation maximises one thing: --selector coverage, best with one --verifier, or ensemble with several."
        )
    paths = [Path(one) for one in sources]
    arms, unread = readable_arms(paths, by=by, oracle=asked.oracle, verifiers=asked.verifiers)
    if len(arms) < 2:
        raise InvalidInputError(
            f"Only one arm is there ('{arms[0].label}'), so there is nothing to spread a sum over. Give a run with several "
            "cells, several runs, or a table with --by."
        )
    shared, notes = on_shared_problems(with_facts(arms, asked.pricing))
    cost, model = choose_cost_model(shared, asked.pricing, [spend.unit])
    choices = priced_choices(shared, picking, model, cost)
    price, once = _prices(choices)
    budget = spend.value / len(shared[0].n)
    how = asked.inference
    if picking[0].is_coverage:
        n, c = (np.stack([getattr(arm, name) for arm in shared], axis=1) for name in ("n", "c"))
        found = honest_allocation(
            n, c, price, budget, once=once, confidence_level=how.confidence_level, rng=how.seed
        )
    else:
        found = _selected(choices, price, once, budget, how.confidence_level, how.seed)
    notes = [*unread, *notes, *(note for choice in choices for note in choice.notes)]
    if found.cost < 0.98 * budget and (found.k >= _halves(choices)).all():
        notes.append(
            f"The samples at hand bound the allocation to half of each arm's; it spends {found.cost / budget:.0%} of the sum."
        )
    return AllocationView(
        spend=spend.value,
        unit=model.unit,
        selector=picking[0].label,
        arms=tuple(arm.label for arm in shared),
        per_sample=price,
        found=found,
        notes=tuple(dict.fromkeys(notes)),
    )


def _prices(choices: Sequence[Choice]) -> tuple[FloatArray, FloatArray]:
    """Return what a sample of each arm costs, and its first one besides, each of shape (A,)."""
    lines = [choice.line for choice in choices]
    price = np.array([one.per_sample + one.per_request / one.request_size for one in lines])
    return price, np.array([one.once for one in lines])


def _halves(choices: Sequence[Choice]) -> IntArray:
    return np.array([choice.n_min // 2 for choice in choices])


def _selected(
    choices: Sequence[Choice],
    price: FloatArray,
    once: FloatArray,
    budget: float,
    confidence_level: float,
    seed: int,
) -> Allocation:
    """Allocate for the accuracy of the highest score among all arms' samples."""
    rng = np.random.default_rng(seed)
    pool = _Pool.of(choices, seed)
    choosing = pool.halved(rng)
    limit = _halves(choices)
    first = pool.objective(choosing)
    every = maximal_allocations(price, once, budget, limit, _MOST_SELECTIONS)
    if every is None:
        every = _coarse_allocations(price, once, budget, limit)
    every = np.concatenate([every, _shorter(every)])  # more samples may hurt a selector
    found = best_of(first, every[every.any(axis=1)], len(choices[0].arm.n))
    solution = Solution(k=found.k, value=found.value, bound=found.value, method=found.method)
    return valued(
        solution,
        choosing=first,
        valuing=pool.objective(~choosing),
        singles=single_arms(price, once, budget, limit),
        cost=(price, once),
        confidence_level=confidence_level,
    )


def _coarse_allocations(price: FloatArray, once: FloatArray, budget: float, limit: IntArray) -> IntArray:
    """List allocations on a doubling grid of every arm, within the budget; shape (M, A)."""
    grids = [np.unique(np.concatenate([[0], 2 ** np.arange(int(top).bit_length()), [top]])) for top in limit]
    while float(np.prod([len(one) for one in grids], dtype=np.float64)) > _MOST_SELECTIONS:
        longest = int(np.argmax([len(one) for one in grids]))
        grids[longest] = np.unique(np.concatenate([[0], grids[longest][1::2], grids[longest][-1:]]))
    k = np.stack([one.ravel() for one in np.meshgrid(*grids, indexing="ij")], axis=1)
    cost = k @ price + (k > 0) @ once
    return np.asarray(k[cost <= budget * (1 + 1e-12)])


def _shorter(allocations: IntArray) -> IntArray:
    """Return halves and quarters of allocations, without repeats."""
    return np.unique(np.concatenate([allocations // 2, allocations // 4]), axis=0)


@dataclass(frozen=True, slots=True, eq=False)
class _Pool:
    """The samples of all arms in one table.

    Attributes:
        problem: Shape (S,).
        arm: Shape (S,).
        score: Shape (S,).
        correct: Shape (S,).
    """

    problem: IntArray
    arm: IntArray
    score: FloatArray
    correct: np.ndarray

    @classmethod
    def of(cls, choices: Sequence[Choice], seed: int) -> "_Pool":
        """Join the arms; an ensemble learns from the samples of all of them."""
        parts: list[ArmSamples] = [choice.arm.samples for choice in choices if choice.arm.samples is not None]
        names = choices[0].way.verifiers
        problem, correct = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("problem", "correct")
        )
        features = np.column_stack(
            [np.concatenate([part.verifiers[name].score for part in parts]) for name in names]
        )
        learns = isinstance(choices[0].way.selector, Ensemble)
        return cls(
            problem=problem,
            arm=np.repeat(np.arange(len(parts)), [len(part.problem) for part in parts]),
            score=cross_fit(problem, features, correct, rng=seed).probability if learns else features[:, 0],
            correct=correct,
        )

    def halved(self, rng: np.random.Generator) -> np.ndarray:
        """Return a random half of every problem's samples of every arm, shape (S,)."""
        group = self.problem * (int(self.arm.max()) + 1) + self.arm
        order = np.lexsort((rng.random(len(group)), group))
        _, start, size = np.unique(group[order], return_index=True, return_counts=True)
        rank = np.empty(len(group), dtype=np.int64)
        rank[order] = np.arange(len(group)) - np.repeat(start, size)
        return np.asarray(rank < np.repeat(size, size)[np.argsort(order)] // 2)

    def objective(self, kept: np.ndarray) -> Any:
        """Return the accuracy of allocations on some of the samples."""
        return selection_objective(self.problem[kept], self.arm[kept], self.score[kept], self.correct[kept])
