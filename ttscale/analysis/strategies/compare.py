"""Strategies at equal cost: which way to spend compute solves most, how sure that is, and where it changes.

Every cell of a run over strategies is priced with all of its calls. k attempts of a cell cost what they cost on average over
the problems, and between two numbers of attempts a cost is met by drawing the larger number with the matching chance. At
each cost asked for, every way is compared with plain sampling's on the same problems, all comparisons of a metric as
one family. What is uncertain is which problems were asked; that mean costs would differ on others is not in the intervals.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ttscale.analysis.budget.arms import on_shared_problems
from ttscale.analysis.budget.choices import Choice, Metric, priced_choices
from ttscale.analysis.budget.pricing import Pricing, choose_cost_model, with_facts
from ttscale.analysis.budget.reading_arms import read_arms
from ttscale.analysis.selecting import ways
from ttscale.costs.amounts import unit_name
from ttscale.errors import InvalidInputError
from ttscale.result import Result
from ttscale.showing.numbers import Shown, amount, count, p_value, points, rests_on, share
from ttscale.showing.view import View
from ttscale.stats.counts.curve import FloatArray
from ttscale.stats.decide.best_buy import Crossing, best_buys, crossings, values_at
from ttscale.stats.intervals.intervals import interval_over_problems
from ttscale.stats.intervals.multiple import PairedDifferences, paired_differences
from ttscale.store.run import RunStore

_GRID = 60
"""Costs at which crossings and the best buy are looked for."""
_SHOWN = 3
"""Costs in the tables where none are asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One strategy with one way to pick an answer of its attempts, at M costs.

    Attributes:
        label: Such as "rsa, majority vote".
        is_plain: Whether its cell draws plain samples.
        value: Share of problems solved at each cost, shape (M,).
        low: Lower ends, over problems.
        high: Upper ends.
        attempts: Attempts that each cost buys, on average.
        holds_to: The largest cost that its stored samples reach; beyond it the value stays what it was there.
    """

    label: str
    is_plain: bool
    value: FloatArray
    low: FloatArray
    high: FloatArray
    attempts: FloatArray
    holds_to: float


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class StrategyComparison(Result):
    """Strategies compared at equal cost, for one metric.

    Attributes:
        metric: "coverage" or "selected accuracy".
        unit: Of the costs, per problem.
        cost: Those compared at, shape (M,).
        ways: What is compared; the baseline first.
        differences: Of each other way from the baseline, way by way and cost by cost, as one family.
        crossings: Costs at which the better of baseline and a way changes, by the way's label.
        best: Label of the way with the highest value at each cost, and its chance to be the best.
        confidence_level: Such as 0.95.
        n_problems: P.
    """

    metric: Metric
    unit: str
    cost: FloatArray
    ways: tuple[Way, ...]
    differences: PairedDifferences
    crossings: tuple[tuple[str, Crossing], ...]
    best: tuple[tuple[str, float], ...]
    confidence_level: float
    n_problems: int
    notes: tuple[str, ...] = field(default=())

    def to_rows(self) -> Iterator[dict[str, Any]]:
        """Yield one row per way and cost."""
        for i, way in enumerate(self.ways):
            for m, cost in enumerate(self.cost):
                row = {
                    "metric": self.metric,
                    "way": way.label,
                    "unit": self.unit,
                    "cost": float(cost),
                    "attempts": float(way.attempts[m]),
                    "value": float(way.value[m]),
                    "low": float(way.low[m]),
                    "high": float(way.high[m]),
                    "beyond_samples": bool(cost > way.holds_to * (1 + 1e-9)),
                    "confidence_level": self.confidence_level,
                    "n_problems": self.n_problems,
                }
                yield row | self._difference(i, m)

    def view(self) -> View:
        """Return what every way reaches at each cost, its difference from the baseline, and what that means in words."""
        unit = unit_name(self.unit)
        shown = [
            (
                f"At {amount(float(cost))} {unit} per problem",
                [self._told(i, m, way) for i, way in enumerate(self.ways)],
            )
            for m, cost in enumerate(self.cost)
        ]
        return View(
            title=f"{self.metric.capitalize()} of {count(len(self.ways), 'way')} to spend compute, at equal cost",
            about=rests_on(self.n_problems, self.confidence_level, "problems"),
            more=shown,
            axis=f"cost per problem, in {unit}",
            notes=(self.sentence(), *self._crossings_told(), *self.notes),
        )

    def _told(self, i: int, m: int, way: Way) -> dict[str, Any]:
        beyond = " (all its samples)" if self.cost[m] > way.holds_to * (1 + 1e-9) else ""
        return {
            "way": way.label + beyond,
            "attempts": amount(float(way.attempts[m])),
            "percent solved": share(float(way.value[m]), float(way.low[m]), float(way.high[m])),
            "points more than the first": self._told_difference(i, m) if i else None,
            "p": p_value(float(self.differences.p_value[self._index(i, m)])) if i else None,
        }

    def _crossings_told(self) -> list[str]:
        unit = unit_name(self.unit)
        return [
            f"{self.ways[0].label} and {label} cross at {amount(one.budget)} {unit} {_range_of(one)}."
            for label, one in self.crossings
        ]

    def sentence(self) -> str:
        """Return which way is the best buy where, in words."""
        unit = unit_name(self.unit)
        at = [
            f"{best} at {amount(float(cost))}" for (best, _), cost in zip(self.best, self.cost, strict=True)
        ]
        found = f"Highest {self.metric}: {', '.join(at)} {unit}."
        clear = [
            (way.label, float(cost), self._index(i, m))
            for i, way in enumerate(self.ways[1:], start=1)
            for m, cost in enumerate(self.cost)
            if self.differences.low[self._index(i, m)] > 0 or self.differences.high[self._index(i, m)] < 0
        ]
        if not clear:
            return f"{found} None of these differs for certain from {self.ways[0].label} on {self.n_problems} problems."
        label, cost, d = max(clear, key=lambda one: abs(float(self.differences.value[one[2]])))
        told = self._told_difference(d // len(self.cost) + 1, d % len(self.cost))
        return f"{found} The clearest difference: {label} against {self.ways[0].label} at {amount(cost)} {unit}: {told} points."

    def _index(self, way: int, cost: int) -> int:
        return (way - 1) * len(self.cost) + cost

    def _difference(self, way: int, cost: int) -> dict[str, Any]:
        if not way:
            return dict.fromkeys(("difference", "difference_low", "difference_high", "p_value"))
        d, found = self._index(way, cost), self.differences
        return {
            "difference": float(found.value[d]),
            "difference_low": float(found.low[d]),
            "difference_high": float(found.high[d]),
            "p_value": float(found.p_value[d]),
        }

    def _told_difference(self, way: int, cost: int) -> Shown:
        d, found = self._index(way, cost), self.differences
        return points(float(found.value[d]), float(found.low[d]), float(found.high[d]))


def compare_strategies(
    run: str | Path,
    *,
    cost: str = "tokens",
    at: Sequence[float] = (),
    verifiers: Sequence[str] = (),
    oracle: str | None = None,
    pricing: Pricing | None = None,
    confidence_level: float = 0.95,
    seed: int = 0,
) -> list[StrategyComparison]:
    """Compare the cells of a run at equal cost: coverage, and what can be collected without the key.

    Args:
        run: A run whose cells differ in their strategy; one of them should draw plain samples.
        cost: A cost model, such as "tokens", "flops", "money" or "seconds".
        at: Costs per problem to compare at; by default three within what all cells reach.
        verifiers: Verifiers without the key by which a sample may be picked (first accepted), beside the majority vote.
        oracle: What defines *correct*; by default the run's own.
        pricing: What is known of costs beside the run.
        confidence_level: Of all intervals of a metric's differences together.
        seed: Of what is simulated.

    Returns:
        One comparison per metric.

    Raises:
        InvalidInputError: There is nothing to compare, or something cannot be priced.
    """
    path = Path(run)
    known = pricing or Pricing(cost=cost)
    arms, notes = on_shared_problems(
        with_facts(read_arms([path], oracle=oracle, verifiers=tuple(verifiers)), known)
    )
    if len(arms) < 2:
        raise InvalidInputError(
            f"{path} has one cell, so there is nothing to compare. Draw another strategy beside it: a sweep over 'strategy'."
        )
    name, model = choose_cost_model(arms, known, [])
    mute = [arm.label for arm in arms if arm.samples is None or not (arm.samples.answer_class >= 0).any()]
    if mute:
        notes = [*notes, f"No vote is compared: no sample of '{mute[0]}' has an extracted answer."]
    selectors = ("coverage", *(() if mute else ("majority",)), *(("first",) if verifiers else ()))
    choices = priced_choices(arms, ways(selectors, tuple(verifiers)), model, name)
    plain = _plain_cells(RunStore(path))
    names = short_names([arm.label for arm in arms])
    if not plain:
        notes = [
            *notes,
            "No cell draws plain samples: differences are from the first cell. Add 'independent' to the sweep.",
        ]
    asked = _Asked(plain, names, tuple(at), confidence_level, seed)
    return [
        _compared([c for c in choices if c.metric == metric], asked, notes)
        for metric in dict.fromkeys(choice.metric for choice in choices)
    ]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a comparison is to be: which cells are plain, how cells are called, at which costs."""

    plain: frozenset[str]
    names: Mapping[str, str]
    at: tuple[float, ...]
    confidence_level: float
    seed: int


def _plain_cells(store: RunStore) -> frozenset[str]:
    cells = store.manifest()["cells"]
    return frozenset(
        name
        for name, identity in cells.items()
        if identity.get("strategy.name", "independent") == "independent"
    )


def _compared(choices: Sequence[Choice], asked: _Asked, notes: Sequence[str]) -> StrategyComparison:
    plain, names, confidence_level, seed = asked.plain, asked.names, asked.confidence_level, asked.seed
    ordered = sorted(
        choices, key=lambda choice: choice.arm.label not in plain
    )  # the baseline first, else in order
    labels = [_label(choice, names) for choice in ordered]
    curves = [_curve(choice) for choice in ordered]
    cost = np.array(sorted(asked.at), dtype=np.float64) if asked.at else _usual_costs(curves)
    if cost[0] <= 0:
        raise InvalidInputError(f"Costs to compare at must be above 0, but the smallest is {cost[0]:g}.")
    values = [values_at(x, v, cost) for x, v, _ in curves]
    fine = np.geomspace(cost[0], cost[-1], _GRID) if cost[-1] > cost[0] else cost
    traced = [values_at(x, v, fine) for x, v, _ in curves]
    buys = best_buys(values, cost, confidence_level=confidence_level, rng=seed)
    return StrategyComparison(
        metric=choices[0].metric,
        unit=choices[0].line.unit,
        cost=cost,
        ways=tuple(
            _way(label, choice.arm.label in plain, curve, table, cost, confidence_level)
            for label, choice, curve, table in zip(labels, ordered, curves, values, strict=True)
        ),
        differences=_differences(values, confidence_level, seed),
        crossings=tuple(
            (labels[j], crossing)
            for j in range(1, len(ordered))
            for crossing in crossings(traced[0], traced[j], fine, confidence_level=confidence_level, rng=seed)
        )
        if len(fine) > 1
        else (),
        best=tuple(
            (labels[int(arm)], float(buys.chance_best[int(arm), m])) for m, arm in enumerate(buys.arm)
        ),
        confidence_level=confidence_level,
        n_problems=len(values[0]),
        notes=tuple(dict.fromkeys([*notes, *(note for choice in ordered for note in choice.notes)])),
    )


def _curve(choice: Choice) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return costs (K,), values (P, K) and attempts (K,) of a choice."""
    k = choice.grid()
    cost = choice.costs(k)
    kept = np.concatenate([[True], np.diff(cost) > 0])
    return cost[kept], choice.values(k[kept]), k[kept].astype(np.float64)


def _usual_costs(curves: Sequence[tuple[FloatArray, FloatArray, FloatArray]]) -> FloatArray:
    """Return costs within what every way reaches: from the dearest first attempt to the least of the last ones."""
    least, most = max(x[0] for x, _, _ in curves), min(x[-1] for x, _, _ in curves)
    return np.geomspace(least, most, _SHOWN) if most > least else np.array([least])


def _range_of(crossing: Crossing) -> str:
    ends = ["-" if end is None else amount(end) for end in (crossing.low, crossing.high)]
    return f"[{', '.join(ends)}]"


def _label(choice: Choice, names: Mapping[str, str]) -> str:
    """Name a way by what differs between the cells, and by how an answer is picked where that is to be said."""
    name = names[choice.arm.label]
    return name if choice.way.is_coverage else f"{name}, {choice.way.label}"


def short_names(labels: Sequence[str]) -> dict[str, str]:
    """Return cells' names without the words that all of them begin with.

    >>> short_names(["demo-math-strategy-rsa", "demo-math-strategy-refine"])
    {'demo-math-strategy-rsa': 'rsa', 'demo-math-strategy-refine': 'refine'}
    """
    parts = {label: label.split("-") for label in labels}
    cut = 0
    while (
        all(len(words) > cut + 1 for words in parts.values())
        and len({words[cut] for words in parts.values()}) == 1
    ):
        cut += 1
    return (
        {label: "-".join(words[cut:]) for label, words in parts.items()}
        if len(parts) > 1
        else {label: label for label in labels}
    )


def _way(
    label: str,
    is_plain: bool,
    curve: tuple[FloatArray, FloatArray, FloatArray],
    values: FloatArray,
    cost: FloatArray,
    confidence_level: float,
) -> Way:
    ends = interval_over_problems(values, confidence_level=confidence_level)
    return Way(
        label=label,
        is_plain=is_plain,
        value=values.mean(axis=0),
        low=ends.low,
        high=ends.high,
        attempts=np.interp(cost, np.concatenate([[0.0], curve[0]]), np.concatenate([[0.0], curve[2]])),
        holds_to=float(curve[0][-1]),
    )


def _differences(values: Sequence[FloatArray], confidence_level: float, seed: int) -> PairedDifferences:
    """Compare every way with the first at every cost, as one family."""
    n_costs = values[0].shape[1]
    pairs = tuple((j * n_costs + m, m) for j in range(1, len(values)) for m in range(n_costs))
    return paired_differences(
        np.concatenate(values, axis=1), pairs=pairs, confidence_level=confidence_level, rng=seed
    )
