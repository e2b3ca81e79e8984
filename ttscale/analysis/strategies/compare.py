"""Strategies at equal cost: which way to spend compute solves most, how sure that is, and where it changes.

Every cell of a run over strategies is priced with all of its calls. k attempts of a cell cost what they cost on average over
the problems, and between two numbers of attempts a cost is met by drawing the larger number with the matching chance. At
each cost asked for, every way is compared with plain sampling's on the same problems, all comparisons of a metric as
one family. What is uncertain is which problems were asked: on others both what is solved and what it costs would differ, and
both are in every interval (`ttscale.stats.decide.equal_cost`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from ttscale.analysis.budget.arms import Arm, on_shared_problems
from ttscale.analysis.budget.choices import Choice, priced_choices
from ttscale.analysis.budget.pricing import Pricing, choose_cost_model, with_facts
from ttscale.analysis.budget.reading_arms import read_arms
from ttscale.analysis.reading.cell import RunReader
from ttscale.analysis.selecting import ways
from ttscale.analysis.strategies.results import StrategyComparison, Stretch, Way, WayCurve
from ttscale.arrays import FloatArray
from ttscale.errors import InvalidInputError
from ttscale.stats.decide.best_buy import Crossing, best_buys, crossings
from ttscale.stats.decide.equal_cost import spans, values_at_cost
from ttscale.stats.intervals.intervals import interval_over_problems
from ttscale.stats.intervals.multiple import paired_differences
from ttscale.store.run import RunStore

_GRID = 60
"""Costs at which crossings and the best buy are looked for."""
_FRONTIER = 400
"""Costs at which the frontier is looked for."""
_DRAWN = 40
"""Points of a way's curve in a figure."""
_SHOWN = 3
"""Costs in the tables where none are asked for."""


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
        verifiers: Verifiers without the key by which a sample may be picked (first accepted), beside the majority vote; by
            default all that have judged every cell, accepted some samples and rejected others.
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
    known, store = pricing or Pricing(cost=cost), RunStore(path)
    wanted = tuple(verifiers) or _verifying_all(store)
    arms, notes = on_shared_problems(with_facts(read_arms([path], oracle=oracle, verifiers=wanted), known))
    if len(arms) < 2:
        raise InvalidInputError(
            f"{path} has one cell, so there is nothing to compare. Draw another strategy beside it: a sweep over 'strategy'."
        )
    name, model = choose_cost_model(arms, known, [])
    selectors, picking, told = _pickers(arms, wanted, bool(verifiers), path)
    notes = [*notes, *told]
    choices = priced_choices(arms, ways(selectors, picking), model, name)
    plain = _plain_cells(store)
    names = short_names([arm.label for arm in arms])
    if not plain:
        notes = [
            *notes,
            "No cell draws plain samples: differences are from the first cell. Add 'independent' to the sweep.",
        ]
    asked = EqualCost(plain, names, tuple(at), confidence_level, seed)
    return [
        at_equal_cost([c for c in choices if c.metric == metric], asked, notes)
        for metric in dict.fromkeys(choice.metric for choice in choices)
    ]


def _pickers(
    arms: Sequence[Arm], wanted: tuple[str, ...], are_named: bool, path: Path
) -> tuple[tuple[str, ...], tuple[str, ...], list[str]]:
    """Return the selectors that can be compared, the verifiers that they go by, and what is missing."""
    notes = []
    mute = [arm.label for arm in arms if arm.samples is None or not (arm.samples.answer_class >= 0).any()]
    if mute:
        notes.append(f"No vote is compared: no sample of '{mute[0]}' has an extracted answer.")
    picking = (
        wanted if are_named else tuple(one for one in wanted if all(_tells_apart(arm, one) for arm in arms))
    )
    if not picking:
        notes.append(
            "No first accepted is compared: no verifier without the key has judged every cell, accepting some samples and "
            f"rejecting others (ttscale verify {path} --verifier NAME)."
        )
    selectors = ("coverage", *(() if mute else ("majority",)), *(("first",) if picking else ()))
    return selectors, picking, notes


@dataclass(frozen=True, slots=True)
class EqualCost:
    """How to compare at equal cost.

    Attributes:
        plain: Labels of the cells that the others are compared with; the first cell where it is empty.
        names: Label -> what a cell is called.
        at: Costs per problem; three within what all reach where there are none.
        confidence_level: Of all intervals of differences together.
        seed: Of what is simulated.
    """

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


def _verifying_all(store: RunStore) -> tuple[str, ...]:
    """Return the verifiers without the key that have judged every cell."""
    reader = RunReader(store)
    verifying = [set(reader.verifiers(cell)) for cell in store.cells()]
    return tuple(sorted(set.intersection(*verifying))) if verifying else ()


def _tells_apart(arm: Arm, verifier: str) -> bool:
    accepted = None if arm.samples is None else arm.samples.verifiers[verifier].accepted
    return accepted is not None and bool(accepted.any() and not accepted.all())


@dataclass(frozen=True, slots=True, eq=False)
class _Curve:
    """A way's points: mean cost (K,), cost and value of each problem (P, K), attempts (K,)."""

    mean_cost: FloatArray
    cost: FloatArray
    value: FloatArray
    attempts: FloatArray
    stops_early: bool

    @classmethod
    def of(cls, choice: Choice) -> "_Curve":
        k = choice.grid()
        cost = choice.costs_by_problem(k)
        mean = cost.mean(axis=0)
        kept = np.concatenate([[True], np.diff(mean) > 1e-12 * mean[-1]])
        return cls(
            mean[kept],
            cost[:, kept],
            choice.values(k[kept]),
            k[kept].astype(np.float64),
            choice.way.selector.stops_early,
        )

    def at(self, cost: FloatArray) -> FloatArray:
        return values_at_cost(self.cost, self.value, cost)


def at_equal_cost(
    choices: Sequence[Choice], asked: EqualCost, notes: Sequence[str] = ()
) -> StrategyComparison:
    """Compare choices of one metric at equal cost."""
    ordered = sorted(
        choices, key=lambda choice: choice.arm.label not in asked.plain
    )  # the baseline first, else in order
    labels = [_label(choice, asked.names) for choice in ordered]
    curves = [_Curve.of(choice) for choice in ordered]
    cost = np.array(sorted(asked.at), dtype=np.float64) if asked.at else _usual_costs(curves)
    if cost[0] <= 0:
        raise InvalidInputError(f"Costs to compare at must be above 0, but the smallest is {cost[0]:g}.")
    values = [curve.at(cost) for curve in curves]
    span, difference = spans(*values)
    level, n_costs = asked.confidence_level, len(cost)
    buys = best_buys(values, cost, confidence_level=level, span=span, rng=asked.seed)
    return StrategyComparison(
        metric=choices[0].metric,
        unit=choices[0].line.unit,
        cost=cost,
        ways=tuple(
            _way(label, choice.arm.label in asked.plain, curve, table, cost, level)
            for label, choice, curve, table in zip(labels, ordered, curves, values, strict=True)
        ),
        differences=paired_differences(
            np.concatenate(values, axis=1),
            pairs=tuple((j * n_costs + m, m) for j in range(1, len(values)) for m in range(n_costs)),
            span=difference,
            confidence_level=level,
            rng=asked.seed,
        ),
        crossings=tuple(_crossings(labels, curves, level)),
        frontier=_frontier(labels, curves),
        best=tuple(
            (labels[int(arm)], float(buys.chance_best[int(arm), m])) for m, arm in enumerate(buys.arm)
        ),
        confidence_level=level,
        n_problems=len(values[0]),
        notes=tuple(dict.fromkeys([*notes, *(note for choice in ordered for note in choice.notes)])),
    )


def _crossings(labels: Sequence[str], curves: Sequence[_Curve], level: float) -> list[tuple[str, Crossing]]:
    """Find where baseline and another way cross, within the costs that both reach."""
    found = []
    for label, curve in zip(labels[1:], curves[1:], strict=True):
        least = max(curves[0].mean_cost[0], curve.mean_cost[0])
        most = min(curves[0].mean_cost[-1], curve.mean_cost[-1])
        if most > least:
            fine = np.geomspace(least, most, _GRID)
            both = curves[0].at(fine), curve.at(fine)
            near = crossings(*both, fine, confidence_level=level, span=spans(*both)[1])
            found += [(label, crossing) for crossing in near]
    return found


def _frontier(labels: Sequence[str], curves: Sequence[_Curve]) -> tuple[Stretch, ...]:
    """Join neighbouring costs at which the same way is worth most, over all costs that any way reaches."""
    least = min(curve.mean_cost[0] for curve in curves)
    most = max(curve.mean_cost[-1] for curve in curves)
    fine = np.geomspace(least, most, _FRONTIER) if most > least else np.array([least])
    value = np.stack([curve.at(fine).mean(axis=0) for curve in curves])  # (A, M)
    best = value.argmax(axis=0)
    stretches = []
    for arm, run in groupby(range(len(fine)), key=lambda m: int(best[m])):
        own = list(run)
        end = min(own[-1] + 1, len(fine) - 1)
        stretches.append(
            Stretch(
                label=labels[arm],
                begin=float(fine[own[0]]),
                end=float(fine[end]),
                value=float(value[arm, own[-1]]),
            )
        )
    return tuple(stretches)


def _usual_costs(curves: Sequence[_Curve]) -> FloatArray:
    """Return costs within what every way reaches: from the dearest first attempt to the least of the last ones.

    A way that stops by itself ends because it has what it wants, and not because its samples end.
    """
    least = max(curve.mean_cost[0] for curve in curves)
    most = min(curve.mean_cost[-1] for curve in curves if not curve.stops_early)
    return np.geomspace(least, most, _SHOWN) if most > least else np.array([least])


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
    label: str, is_plain: bool, curve: _Curve, values: FloatArray, cost: FloatArray, level: float
) -> Way:
    low, high = _ends(values, level)
    return Way(
        label=label,
        is_plain=is_plain,
        value=values.mean(axis=0),
        low=low,
        high=high,
        attempts=np.interp(cost, np.append(0.0, curve.mean_cost), np.append(0.0, curve.attempts)),
        holds_to=float(curve.mean_cost[-1]),
        curve=_drawn(curve, level),
    )


def _drawn(curve: _Curve, level: float) -> WayCurve:
    first, last = curve.mean_cost[[0, -1]]
    cost = np.geomspace(first, last, _DRAWN) if last > first else np.array([first])
    values = curve.at(cost)
    low, high = _ends(values, level)
    return WayCurve(cost=cost, value=values.mean(axis=0), low=low, high=high)


def _ends(values: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    ends = interval_over_problems(values, level, span=spans(values)[0])
    return np.maximum(ends.low, 0.0), np.minimum(ends.high, 1.0)
