"""Compare models, prompts, temperatures: any curve of any sources, on the problems that all of them have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np

from ttscale.analysis.budget.arms import Arm, by_stratum, on_shared_problems
from ttscale.analysis.budget.choices import Choice, priced_choices
from ttscale.analysis.budget.pricing import Pricing, choose_cost_model, with_facts
from ttscale.analysis.budget.reading_arms import readable_arms
from ttscale.analysis.models.results import Contrast, ModelComparison, WayComparison
from ttscale.analysis.selecting import Way, ways
from ttscale.analysis.strategies.compare import EqualCost, at_equal_cost
from ttscale.analysis.strategies.results import StrategyComparison
from ttscale.arrays import FloatArray, IntArray
from ttscale.errors import InvalidInputError, did_you_mean, listed
from ttscale.stats.counts.counts import counts
from ttscale.stats.counts.curve import check_budgets, table_budgets
from ttscale.stats.decide.ranking import ranking
from ttscale.stats.decide.settling import POWER, what_settles
from ttscale.stats.intervals.intervals import interval_over_problems
from ttscale.stats.intervals.multiple import PairedDifferences, paired_differences
from ttscale.stats.intervals.sampling_error import coverage_sampling_error, split_sampling_error
from ttscale.stats.selectors.contract import Selector
from ttscale.types import CONFIDENCE_LEVEL

_FEW_PAIRS = 3
"""Up to so many pairs are compared at every budget, more at the largest alone: a large family proves little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelComparisonSettings:
    """How to compare.

    Attributes:
        cells: Labels of those to compare; all by default.
        against: Compare every other one with this one alone; by default all pairs.
        k: Budgets; powers of ten and the largest that all reach by default, where more than three pairs are compared at
            the largest alone.
        selectors: Curves to compare: "coverage", "majority", "best", "first", ..., or selectors.
        verifiers: Whose scores or verdicts they go by; "logprob" for the samples' own.
        oracle: What defines *correct*; by default each run's own.
        at: Costs per problem to compare at; by default three within what all reach.
        pricing: What is known of costs.
        power: Chance with which more problems or samples shall settle a comparison.
        confidence_level: Of all intervals of one curve together.
        seed: Of everything simulated.
    """

    cells: tuple[str, ...] = ()
    against: str | None = None
    k: tuple[int, ...] | None = None
    selectors: tuple[str | Selector, ...] = ("coverage",)
    verifiers: tuple[str, ...] = ()
    oracle: str | None = None
    at: tuple[float, ...] = ()
    pricing: Pricing = field(default_factory=Pricing)
    power: float = POWER
    confidence_level: float = CONFIDENCE_LEVEL
    seed: int = 0


def compare_models(
    sources: Sequence[Path | str],
    *,
    by: Sequence[str] | None = None,
    settings: ModelComparisonSettings | None = None,
) -> list[ModelComparison]:
    """Compare the cells of runs and the groups of tables, problem by problem.

    Args:
        sources: Run directories, imported ones too (every cell is compared), and tables of counts or outcomes (every group is).
        by: Columns of tables that tell models apart; metadata of problems, such as level, compares each part by itself.
        settings: How to compare.

    Returns:
        One comparison for each part of the problems, and for tasks that have no problem in common.

    Raises:
        InvalidInputError: Nothing to compare, no such cell, no problem in common, or a budget beyond the samples.
        StoreError: A folder is no run, or nothing in it is verified.
    """
    how = settings or ModelComparisonSettings()
    paths = [Path(source) for source in sources]
    arms, unread = readable_arms(paths, by=by, oracle=how.oracle, verifiers=how.verifiers)
    chosen = _chosen(arms, how)
    return [
        compare_arms(own, how, part=dict(part), notes=unread)
        for part, own in by_stratum(chosen).items()
        if len(own) > 1 or len(chosen) == 1
    ] or [compare_arms(chosen, how, notes=unread)]


def compare_arms(
    arms: Sequence[Arm],
    how: ModelComparisonSettings,
    *,
    part: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
) -> ModelComparison:
    """Compare arms in memory; see `compare_models`."""
    if len(arms) < 2:
        raise InvalidInputError(
            f"Only '{arms[0].label}' is there, so there is nothing to compare. Give a run with several cells, several runs, "
            "or a table with a column that tells models apart (--by)."
        )
    shared, matching = on_shared_problems(with_facts(arms, how.pricing))
    k_max = min(int(arm.n.min()) for arm in shared)
    check_budgets(how.k, k_max, "--k asks for", "some problem")
    budgets = np.array(how.k or table_budgets(None, k_max), dtype=np.int64)
    pairs = _pairs([arm.label for arm in shared], how.against)
    found, more = [], []
    for way in ways(how.selectors, how.verifiers):
        choices, caveats = _choices(shared, way, how.pricing)
        found.append(_compared(choices, budgets, pairs, how))
        more += caveats
    return ModelComparison(
        part=dict(part or {}),
        labels=tuple(arm.label for arm in shared),
        origins=tuple(arm.origin for arm in shared),
        problem_ids=shared[0].problem_ids or tuple(f"row {i + 1}" for i in range(len(shared[0].n))),
        n=np.stack([arm.n for arm in shared], axis=1),
        c=np.stack([arm.c for arm in shared], axis=1),
        n_alone=tuple(len(arm.n) - len(kept.n) for arm, kept in zip(arms, shared, strict=True)),
        ways=tuple(found),
        pairs=pairs,
        notes=tuple(dict.fromkeys([*notes, *matching, *_unequal(shared), *more])),
    )


def _chosen(arms: Sequence[Arm], how: ModelComparisonSettings) -> list[Arm]:
    labels = [arm.label for arm in arms]
    for name in (*how.cells, *([how.against] if how.against else [])):
        if name not in labels:
            raise InvalidInputError(
                f"There is no cell '{name}' to compare.{did_you_mean(name, labels)} Cells: {listed(dict.fromkeys(labels))}."
            )
    wanted = {*how.cells, how.against} if how.cells else set(labels)
    return [arm for arm in arms if arm.label in wanted]


def _pairs(labels: Sequence[str], against: str | None) -> tuple[tuple[int, int], ...]:
    """Return which arms are compared: all pairs, or every other one with the baseline."""
    if against is None:
        return tuple(combinations(range(len(labels)), 2))
    base = labels.index(against)
    return tuple((i, base) for i in range(len(labels)) if i != base)


def _unequal(arms: Sequence[Arm]) -> list[str]:
    """Say where the arms have different numbers of samples."""
    fewest = {arm.label: int(arm.n.min()) for arm in arms}
    if len(set(fewest.values())) == 1:
        return []
    said = ", ".join(f"{n:,} ({label})" for label, n in fewest.items())
    return [
        f"Cells have different numbers of samples of a problem at least: {said}. Curves are compared as far as all reach; "
        "solved means by any of all its samples."
    ]


def _choices(arms: Sequence[Arm], way: Way, pricing: Pricing) -> tuple[list[Choice], list[str]]:
    """Price the arms in the unit asked for or the best known; where that fails unasked, in samples."""
    name, model = choose_cost_model(arms, pricing, [])
    try:
        choices = priced_choices(arms, [way], model, name)
    except InvalidInputError as error:
        if pricing.cost is not None:
            raise
        name, model = choose_cost_model(arms, Pricing(cost="samples"), [])
        return priced_choices(arms, [way], model, name), [f"Not compared at equal cost: {error}"]
    return choices, [note for choice in choices for note in choice.notes]


def _compared(
    choices: Sequence[Choice],
    k: IntArray,
    pairs: tuple[tuple[int, int], ...],
    how: ModelComparisonSettings,
) -> WayComparison:
    """Compare one curve of every arm: all pairs at the budgets asked for, or of many pairs at the largest, are one family."""
    values = np.stack([choice.values(k) for choice in choices], axis=1)  # (P, A, K)
    n_arms, n_budgets = values.shape[1:]
    table = values.reshape(len(values), n_arms * n_budgets)
    at = range(n_budgets) if how.k or len(pairs) <= _FEW_PAIRS else [n_budgets - 1]
    columns = tuple((i * n_budgets + j, m * n_budgets + j) for i, m in pairs for j in at)
    family = paired_differences(table, pairs=columns, confidence_level=how.confidence_level, rng=how.seed)
    ends = [interval_over_problems(values[:, i], how.confidence_level) for i in range(n_arms)]
    return WayComparison(
        name=choices[0].way.label,
        metric=choices[0].metric,
        k=k,
        value=values.mean(axis=0),
        low=np.stack([one.low for one in ends]),
        high=np.stack([one.high for one in ends]),
        contrasts=_contrasts(choices, table, family, k, how),
        ranking=ranking(values[:, :, -1], confidence_level=how.confidence_level, rng=how.seed),
        at_cost=_at_cost(choices, how),
        confidence_level=how.confidence_level,
        n_problems=len(values),
    )


def _contrasts(
    choices: Sequence[Choice],
    table: FloatArray,
    family: PairedDifferences,
    k: IntArray,
    how: ModelComparisonSettings,
) -> tuple[Contrast, ...]:
    first, second = np.array(family.pairs).T
    error = np.concatenate([_sampling_error(choice, k, how.seed) for choice in choices])
    settling = what_settles(
        table[:, first] - table[:, second],
        family,
        sampling_error=np.hypot(error[first], error[second]),
        n=min(choice.n_min for choice in choices),
        power=how.power,
    )
    return tuple(
        Contrast(
            first=i // len(k),
            second=j // len(k),
            k=int(k[i % len(k)]),
            value=float(family.value[d]),
            low=float(family.low[d]),
            high=float(family.high[d]),
            p_value=float(family.p_value[d]),
            p_unadjusted=float(family.p_unadjusted[d]),
            settling=settling[d],
        )
        for d, (i, j) in enumerate(family.pairs)
    )


def _sampling_error(choice: Choice, k: IntArray, seed: int) -> FloatArray:
    """Return the standard error of a curve from its samples alone, shape (K,); NaN where too few tell it."""
    if choice.way.is_coverage:
        known = coverage_sampling_error(counts(choice.arm.n, choice.arm.c).unique(), k).standard_error
        return np.where(choice.n_min > 1, known, np.nan)
    pools = choice.pools
    return split_sampling_error(
        pools.samples()[0],
        k,
        lambda rows, budgets: choice.way.selector.values(pools.take(rows), budgets, rng=seed).value,
        seed,
    )


def _at_cost(choices: Sequence[Choice], how: ModelComparisonSettings) -> StrategyComparison | None:
    """Compare at equal cost; nothing where samples are all that is counted, which equal k says already."""
    if choices[0].line.unit == "samples":
        return None
    return at_equal_cost(
        choices,
        EqualCost(
            plain=frozenset([how.against] if how.against else []),
            names={choice.arm.label: choice.arm.label for choice in choices},
            at=how.at,
            confidence_level=how.confidence_level,
            seed=how.seed,
        ),
    )
