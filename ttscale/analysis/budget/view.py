"""What more samples cost and which choice is the best buy: from run directories and tables to a `BudgetView`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ttscale.analysis.budget.arms import Arm, as_pilot, at_token_limits, by_stratum, on_shared_problems
from ttscale.analysis.budget.best_buys import Group, break_evens, compared, short_curves
from ttscale.analysis.budget.choices import Choice, Metric, priced_choices
from ttscale.analysis.budget.pricing import Pricing, choose_cost_model, with_facts
from ttscale.analysis.budget.questions import (
    Inference,
    SpendAnswer,
    TargetAnswer,
    best_k,
    outlook_of,
    saturation_of,
    spend_answers,
    target_answers,
)
from ttscale.analysis.budget.reading_arms import readable_arms
from ttscale.analysis.budget.result import ArmSummary, BudgetView, CostCurve
from ttscale.analysis.selecting import Way, ways
from ttscale.costs.amounts import Amount
from ttscale.errors import InvalidInputError, listed
from ttscale.stats.adaptive.piloting import PilotPlan, plan_pilot
from ttscale.stats.decide.deciding import BudgetDecision
from ttscale.stats.selectors.contract import Selector

_AHEAD = 32
"""Points of a forecast curve."""
HELD_BEYOND = "60-100% of cases"
"""Measured by benchmarks/budget_intervals.py: over problems and over samples, on four laws."""


@dataclass(frozen=True, slots=True)
class Target:
    """A share of problems to be solved.

    Attributes:
        share: Above 0 and at most 1.
        metric: What is to reach it; None: every choice, whatever it is judged by.
    """

    share: float
    metric: Metric | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSettings:
    """What to ask.

    Attributes:
        selectors: "coverage", "majority", "weighted" (vote), "best" (highest score), "first" (first accepted), or another
            selector, or its name.
        verifiers: Whose scores or verdicts they go by; "logprob" for the samples' own.
        oracle: What defines *correct*; by default each run's own.
        targets: Shares of problems to be solved, of every choice or of one metric.
        spends: Sums over all problems.
        limits: Token limits to compare every arm at, read off its samples.
        pilot: Pretend that each problem has only so many samples, and forecast.
        within: With a target, asks how large a pilot must be until the number of samples is known within this factor.
        ahead: Whether coverage curves go on beyond the samples, by forecast, up to the largest cost compared or asked for.
        worth: What a solved problem is worth, in the unit of the costs; asks for saturation points.
        wrong: What a wrong answer costs; with `worth` asks for the best number of samples of "first".
        pricing: What is known of costs.
        inference: How numbers beyond and around the data are made.
    """

    selectors: tuple[str | Selector, ...] = ("coverage",)
    verifiers: tuple[str, ...] = ()
    oracle: str | None = None
    targets: tuple[float | Target, ...] = ()
    spends: tuple[Amount, ...] = ()
    limits: tuple[int, ...] = ()
    pilot: int | None = None
    within: float | None = None
    ahead: bool = False
    worth: Amount | None = None
    wrong: Amount | None = None
    pricing: Pricing = field(default_factory=Pricing)
    inference: Inference = field(default_factory=Inference)


def budget_view(
    sources: Sequence[Path | str], *, by: Sequence[str] | None = None, settings: BudgetSettings | None = None
) -> BudgetView:
    """Price every arm of the sources, compare them at equal cost, and answer what is asked.

    Args:
        sources: Run directories (every cell is an arm) and tables of counts (every group is one).
        by: Columns that tell a table's groups apart, by default those whose names say so.
        settings: What to ask.

    Raises:
        InvalidInputError: Something cannot be priced or compared, the message says what to give; or the problems fall into
            parts, for which see `budget_views`.
        StoreError: A folder is no run, or holds no verdicts of a verifier.
    """
    views = budget_views(sources, by=by, settings=settings)
    if len(views) > 1:
        names = listed([_named(labels) for labels, _ in views])
        raise InvalidInputError(f"The problems fall into {len(views)} parts ({names}): use budget_views.")
    return views[0][1]


def budget_views(
    sources: Sequence[Path | str],
    *,
    by: Sequence[str] | None = None,
    settings: BudgetSettings | None = None,
) -> list[tuple[dict[str, str], BudgetView]]:
    """Do the same as `budget_view` for each part of the problems that `by` makes, such as each level, and for each task.

    Args:
        sources: Run directories and tables of counts.
        by: Columns of tables; metadata of a run's problems, such as level or subject.
        settings: What to ask.

    Returns:
        What the problems of a part have in common, and what was found for them.

    Raises:
        InvalidInputError: As there.
        StoreError: As there.
    """
    asked = settings or BudgetSettings()
    arms, unread = readable_arms(
        [Path(source) for source in sources], by=by, oracle=asked.oracle, verifiers=asked.verifiers
    )
    return [
        (dict(stratum), view_of_arms(own, asked, notes=unread)) for stratum, own in by_stratum(arms).items()
    ]


def _named(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{key} {value}" for key, value in labels.items())


def view_of_arms(arms: Sequence[Arm], asked: BudgetSettings, *, notes: Sequence[str] = ()) -> BudgetView:
    """Answer what is asked of arms in memory; see `budget_view`.

    Args:
        arms: At least one.
        asked: What to ask.
        notes: What is known already and belongs beside the numbers.
    """
    picking = ways(asked.selectors, asked.verifiers)
    if asked.inference.over == "samples" and not all(way.is_coverage for way in picking):
        raise InvalidInputError(
            "Intervals over samples are for coverage alone; leave --over or --selector out."
        )
    _refuse_half_questions(asked, picking)
    shared, assumed = _prepared(arms, asked)
    amounts = [*asked.spends, *(one for one in (asked.worth, asked.wrong) if one is not None)]
    cost, model = choose_cost_model(shared, asked.pricing, [amount.unit for amount in amounts])
    choices = priced_choices(shared, picking, model, cost)
    how = asked.inference
    groups = [Group.of(choices, metric) for metric in dict.fromkeys(choice.metric for choice in choices)]
    targets = tuple(
        one
        for target in map(_target, asked.targets)
        for one in target_answers(_asked_of(choices, target), target.share, how)
    )
    spends = tuple(one for amount in asked.spends for one in spend_answers(choices, amount, how))
    n_problems = len(shared[0].n)
    wanted = [one.cost for one in targets if one.cost is not None] + [one.value for one in asked.spends]
    horizon = max([group.budget[-1] for group in groups] + [total / n_problems for total in wanted])
    coverage = [choice for choice in choices if choice.way.is_coverage]
    worth = asked.worth.value if asked.worth else None
    return BudgetView(
        unit=model.unit,
        cost_model=cost,
        n_problems=n_problems,
        confidence_level=how.confidence_level,
        over=how.over,
        arms=tuple(_summary(arm) for arm in shared),
        curves=tuple(_cost_curve(choice, how, horizon if asked.ahead else 0.0) for choice in choices),
        comparisons=tuple(compared(group, how) for group in groups),
        targets=targets,
        spends=spends,
        saturations=tuple((c.label, saturation_of(c, worth, how)) for c in coverage if worth is not None),
        decisions=tuple(_decisions(choices, asked)),
        break_evens=tuple(
            even for group in groups if group.metric == "coverage" for even in break_evens(group, how)
        ),
        pilots=tuple(_pilots(coverage, asked)),
        notes=tuple(
            dict.fromkeys(
                [
                    *notes,
                    *assumed,
                    *_forecast_notes(targets, spends),
                    *(n for group in groups for n in short_curves(group)),
                    *(n for c in choices for n in c.notes),
                ]
            )
        ),
    )


def _decisions(choices: Sequence[Choice], asked: BudgetSettings) -> list[tuple[str, BudgetDecision]]:
    """Say how many samples to draw at most until one is accepted; nothing where a worth is not given."""
    if asked.worth is None:
        return []
    wrong = asked.wrong.value if asked.wrong else 0.0
    first = [choice for choice in choices if choice.way.is_first_accepted]
    return [(one.label, best_k(one, asked.worth.value, wrong, asked.inference)) for one in first]


def _refuse_half_questions(asked: BudgetSettings, picking: Sequence[Way]) -> None:
    """Refuse options that answer nothing without another.

    Raises:
        InvalidInputError: Naming the one that lacks.
    """
    if asked.within is not None and not asked.targets:
        raise InvalidInputError(
            "--within asks how large a pilot a target needs: give --target, such as coverage=0.5, too."
        )
    if asked.wrong is not None and (asked.worth is None or not any(way.is_first_accepted for way in picking)):
        raise InvalidInputError(
            "--wrong weighs wrong answers of a verifier against right ones: give --worth and --selector first, too."
        )


def _target(asked: float | Target) -> Target:
    return asked if isinstance(asked, Target) else Target(asked)


def _asked_of(choices: Sequence[Choice], target: Target) -> list[Choice]:
    """Return the choices that a target is for.

    Raises:
        InvalidInputError: There is none.
    """
    found = [choice for choice in choices if target.metric in (None, choice.metric)]
    if found:
        return found
    if target.metric == "coverage":
        raise InvalidInputError(
            f"coverage={target.share} is a target of coverage, but --selector leaves it out: add coverage to --selector, or "
            f"ask for accuracy={target.share}."
        )
    raise InvalidInputError(
        f"accuracy={target.share} is a target of what a selector picks: give --selector majority, or best or first with "
        f"a --verifier. The share of problems that any sample solves is coverage={target.share}."
    )


def _prepared(arms: Sequence[Arm], asked: BudgetSettings) -> tuple[list[Arm], list[str]]:
    """Keep what all arms share, cut them down as asked, and add what is known of their costs."""
    shared, notes = on_shared_problems(with_facts(arms, asked.pricing))
    if asked.limits:
        shared, more = at_token_limits(shared, asked.limits)
        notes += more
    if asked.pilot is not None:
        rng = np.random.default_rng(asked.inference.seed)
        shared = [as_pilot(arm, asked.pilot, rng) for arm in shared]
        notes.append(f"A pilot: {asked.pilot} random samples of each problem; everything else is forecast.")
    return shared, notes


def _summary(arm: Arm) -> ArmSummary:
    """Say what is known of an arm."""
    tokens, facts = arm.usage, arm.facts
    size, speed = facts.architecture, facts.seconds_per_token
    return ArmSummary(
        label=arm.label,
        n_min=int(arm.n.min()),
        prompt_tokens=float(tokens.prompt_tokens.mean()) if tokens else None,
        completion_tokens=float(tokens.mean_per_problem(tokens.completion_tokens).mean()) if tokens else None,
        parameters=size.parameters if size else None,
        size_from=size.source if size else None,
        tokens_per_s=1.0 / speed if speed else None,
        verification_s=facts.verification_s,
    )


def _pilots(coverage: Sequence[Choice], asked: BudgetSettings) -> list[tuple[str, PilotPlan]]:
    """Say how large a pilot must be for each target; nothing where that is not asked."""
    if asked.within is None:
        return []
    how = asked.inference
    return [
        (
            choice.label,
            plan_pilot(
                choice.arm.n,
                choice.arm.c,
                target.share,
                asked.within,
                over=how.over,
                confidence_level=how.confidence_level,
                largest=how.largest,
                rng=how.seed,
            ),
        )
        for target in map(_target, asked.targets)
        if target.metric != "selected accuracy"
        for choice in coverage
    ]


def _cost_curve(choice: Choice, how: Inference, horizon: float) -> CostCurve:
    """Return a choice's curve, forecast as far as `horizon` per problem where that lies beyond its samples."""
    k = choice.grid()
    farthest = min(int(choice.line.affordable(horizon)), how.largest)
    if choice.way.is_coverage and farthest > choice.n_min:
        ahead = np.geomspace(choice.n_min, farthest, _AHEAD)[1:].round().astype(np.int64)
        k = np.union1d(k, ahead)
    outlook = outlook_of(choice, k, how)
    curve = outlook.curve
    return CostCurve(
        label=choice.label,
        arm=choice.arm.label,
        selector=choice.way.label,
        k=curve.k,
        cost=choice.costs(curve.k),
        value=curve.value,
        low=curve.low,
        high=curve.high,
        extrapolates=outlook.extrapolates,
        n_min=choice.n_min,
        line=choice.line,
        verification_s=choice.verification_s,
        method=curve.method,
    )


def _forecast_notes(targets: Sequence[TargetAnswer], spends: Sequence[SpendAnswer]) -> list[str]:
    """Say how far intervals beyond the samples can be trusted, where an answer has one."""
    if not any(one.reached.extrapolates for one in targets) and not any(one.extrapolates for one in spends):
        return []
    return [
        "Beyond the samples answers are forecasts: in simulation their nominal 95% intervals held the truth in "
        f"{HELD_BEYOND}, least where nearly all problems are solved in the end."
    ]
