"""The questions that each choice answers alone: what a target costs, what a sum reaches, where sampling stops paying."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ttscale.analysis.budget.beyond import TargetVerdict, beyond_the_samples
from ttscale.analysis.budget.choices import Choice
from ttscale.arrays import IntArray
from ttscale.costs.amounts import Amount
from ttscale.showing.numbers import exact_percent, percent
from ttscale.stats.counts.curve import Curve
from ttscale.stats.coverage.marginal import Saturation, saturation
from ttscale.stats.decide.deciding import MOST_DECISIONS, BudgetDecision, best_decision
from ttscale.stats.forecast.outlook import LARGEST, Generalises, Outlook, coverage_ahead, coverage_outlook
from ttscale.stats.forecast.reaching import Reached, check_target, ladder, reached_within, samples_to_reach
from ttscale.stats.intervals.intervals import IntervalOptions
from ttscale.stats.selectors.accepting import utility
from ttscale.stats.selectors.averaging import averaged_curve
from ttscale.types import CONFIDENCE_LEVEL

_HALVINGS = 4
"""Of the gap, on a log scale, below the budget at which a selector reaches a target."""

Table = tuple[tuple[int, ...], tuple[int, ...]]
"""Samples and correct ones per problem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetAnswer:
    """What a target costs with one choice.

    Attributes:
        label: The choice.
        reached: Samples per problem with their interval; its `k` is None where no number of them is known to be enough.
        cost: Total cost over all problems at `reached.k`, None likewise.
        low: Total cost at the lower end, None likewise.
        high: Total cost at the upper end, None: no end was found.
        verdict: "reached" within the samples, "forecast" beyond them, "not reachable", or "unknown".
        why_not: Why it is not reachable or not known, in words; empty where there is an answer.
        at_least: Where it is not known, samples per problem that it takes at least: those of coverage, lower end.
        cheapest: Whether no other choice of its metric reaches the target for less.
    """

    label: str
    reached: Reached
    cost: float | None
    low: float | None
    high: float | None
    verdict: TargetVerdict
    why_not: str
    at_least: int | None
    cheapest: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendAnswer:
    """What a sum reaches with one choice, every problem getting the same number of samples.

    Attributes:
        label: The choice.
        spend: The sum over all problems.
        text: The sum as given.
        k: Samples per problem that it buys; at most what was measured for selectors, which are not extrapolated.
        spent: What those cost over all problems.
        value: Share of problems solved.
        low: Lower end of its interval.
        high: Upper end.
        extrapolates: Whether k lies beyond the samples.
        capped: Whether the sum would buy more samples than could be valued.
        best: Whether no other choice of its metric reaches more.
        method: How the value and its interval were computed.
    """

    label: str
    spend: float
    text: str
    k: int = 0
    spent: float = 0.0
    value: float = 0.0
    low: float = 0.0
    high: float = 0.0
    extrapolates: bool = False
    capped: bool = False
    best: bool = False
    method: str = "the sum does not buy one sample of every problem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    """How numbers beyond and around the data are made.

    Attributes:
        over: What intervals generalise over; selectors know "problems" only.
        method: Of forecasts: "auto", or the name of a law.
        confidence_level: Of every interval.
        largest: Samples per problem beyond which no target is looked for.
        seed: Of everything simulated.
        like: Counts (n, c) of other models on this benchmark, which forecasts by "auto" start from.
    """

    over: Generalises = "problems"
    method: str = "auto"
    confidence_level: float = CONFIDENCE_LEVEL
    largest: int = LARGEST
    seed: int = 0
    like: tuple[Table, ...] = ()


def outlook_of(choice: Choice, k: IntArray, how: Inference) -> Outlook:
    """Return a choice's curve at budgets: coverage beyond its samples too, selectors up to them."""
    if choice.way.is_coverage:
        return _coverage_outlook(choice, k, how)
    inside = k[k <= choice.n_min]
    options = IntervalOptions(confidence_level=how.confidence_level)
    curve = averaged_curve(choice.way.label, inside, choice.picked(inside), options)
    return Outlook(curve=curve, extrapolates=np.zeros(len(inside), dtype=bool), n_min=choice.n_min)


def _coverage_outlook(choice: Choice, k: IntArray, how: Inference) -> Outlook:
    return coverage_outlook(
        choice.arm.n,
        choice.arm.c,
        k,
        over=how.over,
        method=how.method,
        confidence_level=how.confidence_level,
        rng=how.seed,
        like=how.like,
        ahead=_ahead(choice, how) if k.max() > choice.n_min else None,
    )


def _ahead(choice: Choice, how: Inference) -> Curve:
    """Forecast an arm once, for all questions."""
    if how not in choice.forecasts:
        choice.forecasts[how] = coverage_ahead(
            choice.arm.n,
            choice.arm.c,
            largest=how.largest,
            over=how.over,
            method=how.method,
            confidence_level=how.confidence_level,
            rng=how.seed,
            like=how.like,
        )
    return choice.forecasts[how]


def target_answers(choices: Sequence[Choice], target: float, how: Inference) -> list[TargetAnswer]:
    """Say what a target costs with each choice.

    Raises:
        InvalidInputError: A target outside (0, 1].
    """
    check_target(target)
    answers = [_target_answer(choice, target, how) for choice in choices]
    least: dict[str, float] = {}
    for choice, one in zip(choices, answers, strict=True):
        if one.cost is not None:
            least[choice.metric] = min(one.cost, least.get(choice.metric, np.inf))
    return [
        replace(one, cheapest=one.cost is not None and one.cost == least[choice.metric])
        for choice, one in zip(choices, answers, strict=True)
    ]


def spend_answers(choices: Sequence[Choice], amount: Amount, how: Inference) -> list[SpendAnswer]:
    """Say what a sum reaches with each choice, every problem getting the same number of samples."""
    answers = [_spend_answer(choice, amount, how) for choice in choices]
    most: dict[str, float] = {}
    for choice, one in zip(choices, answers, strict=True):
        most[choice.metric] = max(one.value, most.get(choice.metric, 0.0))
    return [
        replace(one, best=one.k > 0 and one.value == most[choice.metric])
        for choice, one in zip(choices, answers, strict=True)
    ]


def saturation_of(choice: Choice, worth: float, how: Inference) -> Saturation:
    """Find where the next sample is worth less than its price, a solved problem being worth `worth`."""
    price = choice.line.per_sample + choice.line.per_request / choice.line.request_size
    return saturation(choice.arm.n, choice.arm.c, price / worth, confidence_level=how.confidence_level)


def best_k(choice: Choice, worth: float, wrong: float, how: Inference) -> BudgetDecision:
    """Find the best number of samples to draw at most, where a wrong answer costs `wrong`."""
    most = choice.n_min
    k = np.unique(np.linspace(1, most, min(most, MOST_DECISIONS)).round().astype(np.int64))
    price = choice.line.per_sample + choice.line.per_request / choice.line.request_size
    gains = utility(*choice.pools.acceptance(), k, value_correct=worth, cost_wrong=wrong, cost_per_draw=price)
    span = (-wrong - price * most, worth)
    return best_decision(gains, k, span=span, confidence_level=how.confidence_level, rng=how.seed)


def _reached(choice: Choice, target: float, how: Inference) -> Reached:
    if choice.way.is_coverage:
        return _coverage_to_reach(choice, target, how)
    if choice.way.selector.effort == "counts":
        return samples_to_reach(outlook_of(choice, ladder(choice.n_min), how), target)
    return samples_to_reach(outlook_of(choice, _refined(choice, target, how), how), target)


def _coverage_to_reach(choice: Choice, target: float, how: Inference) -> Reached:
    """Ask for the samples that coverage takes, whatever the choice selects by."""
    largest = max(how.largest, choice.n_min)
    return reached_within(lambda k: _coverage_outlook(choice, k, how), choice.n_min, target, largest=largest)


def _refined(choice: Choice, target: float, how: Inference) -> IntArray:
    """Return the curve's budgets, and more of them around those at which it and its interval reach the target.

    Votes and best scores are dear to compute at every budget; halving the gap below the answer a few times leaves
    it within a few percent.
    """
    k = choice.grid()
    for _ in range(_HALVINGS):
        reached = samples_to_reach(outlook_of(choice, k, how), target)
        ends = [end for end in (reached.k, reached.low, reached.high) if end is not None and end > 1]
        below = k[np.searchsorted(k, ends) - 1]
        k = np.union1d(k, np.sqrt(below * np.array(ends, dtype=float)).round().astype(np.int64))
    return k


def _target_answer(choice: Choice, target: float, how: Inference) -> TargetAnswer:
    reached = _reached(choice, target, how)
    n_problems = len(choice.arm.n)
    verdict, why_not, at_least = _said_of(choice, reached, how)

    def total(samples: int | None) -> float | None:
        return None if samples is None else float(choice.costs(np.array([samples]))[0]) * n_problems

    return TargetAnswer(
        label=choice.label,
        reached=reached,
        cost=total(reached.k),
        low=total(reached.low),
        high=total(reached.high),
        verdict=verdict,
        why_not=why_not,
        at_least=at_least,
    )


def _said_of(choice: Choice, reached: Reached, how: Inference) -> tuple[TargetVerdict, str, int | None]:
    """Return what is known of a target, why it is not reached in words, and the samples that it takes at least."""
    if reached.k is not None:
        return ("forecast" if reached.extrapolates else "reached"), "", None
    if choice.way.is_coverage:
        words = f"the forecast reaches {percent(reached.best)} with {reached.largest:,} samples"
        if reached.low is None:
            return "not reachable", words, None
        return (
            "unknown",
            f"{words}, the upper end of its interval {exact_percent(reached.target)}",
            reached.low,
        )
    coverage = _coverage_to_reach(choice, reached.target, how)
    return beyond_the_samples(choice, reached, coverage, confidence_level=how.confidence_level, seed=how.seed)


def _spend_answer(choice: Choice, amount: Amount, how: Inference) -> SpendAnswer:
    n_problems = len(choice.arm.n)
    most = how.largest if choice.way.is_coverage else choice.n_min
    k = _affordable(choice, amount.value / n_problems, most)
    if not k:
        return SpendAnswer(label=choice.label, spend=amount.value, text=amount.text)
    spent = float(choice.costs(np.array([k]))[0]) * n_problems
    capped = k == most and amount.value > spent * (1 + 1e-9)
    outlook = outlook_of(choice, np.array([k]), how)
    curve = outlook.curve
    return SpendAnswer(
        label=choice.label,
        spend=amount.value,
        text=amount.text,
        k=k,
        spent=spent,
        value=float(curve.value[0]),
        low=float(curve.low[0]),
        high=float(curve.high[0]),
        extrapolates=bool(outlook.extrapolates[0]),
        capped=capped,
        method=curve.method,
    )


def _affordable(choice: Choice, budget: float, most: int) -> int:
    """Return the most samples per problem within a budget per problem."""
    if not choice.way.selector.stops_early:
        return min(int(choice.line.affordable(budget)), most)
    k = ladder(most)
    within = np.flatnonzero(choice.costs(k) <= budget * (1 + 1e-12))
    return int(k[within[-1]]) if len(within) else 0
