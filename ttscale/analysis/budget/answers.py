"""What a budget analysis answers: frozen results that the command, the report and notebooks read.

Costs are per problem unless a name says total; the unit is that of the cost model. A *choice* is one arm (a cell, a
model, a token limit) with one way to pick an answer.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ttscale.arrays import FloatArray, IntArray
from ttscale.costs.contract import CostLine
from ttscale.stats.decide.best_buy import BestBuy, Crossing
from ttscale.stats.forecast.reaching import Reached

TargetVerdict = Literal["reached", "forecast", "not reachable", "unknown"]
"""Within the samples; beyond them by forecast; ruled out; beyond the samples, where nothing is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSummary:
    """What is known of one arm: its samples, their tokens, its model and how fast it ran.

    Attributes:
        label: The arm.
        n_min: Fewest samples of any problem.
        prompt_tokens: Mean over problems, None where unknown.
        completion_tokens: Mean over samples, problems weighing equally, None where unknown.
        parameters: Of its model, None where unknown.
        size_from: Where the size was read.
        tokens_per_s: Generated tokens per device-second of the run itself, None where not measured.
        verification_s: Seconds of the oracle's verification per sample, None where not measured.
    """

    label: str
    n_min: int
    prompt_tokens: float | None
    completion_tokens: float | None
    parameters: float | None
    size_from: str | None
    tokens_per_s: float | None
    verification_s: float | None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CostCurve:
    """What one choice reaches at which cost.

    Attributes:
        label: The arm, and the selector where it is not coverage.
        arm: The arm alone.
        selector: "coverage", "majority vote", "best by NAME" or "first accepted by NAME".
        k: Samples per problem, increasing, shape (K,).
        cost: Mean cost per problem, increasing, shape (K,).
        value: Share of problems solved, shape (K,).
        low: Lower ends of the interval, shape (K,).
        high: Upper ends, shape (K,).
        extrapolates: Which points lie beyond the samples, shape (K,).
        n_min: Fewest samples of any problem.
        line: Cost of k samples.
        verification_s: Seconds of verification per sample, None where unknown.
        method: How values and interval were computed.
    """

    label: str
    arm: str
    selector: str
    k: IntArray
    cost: FloatArray
    value: FloatArray
    low: FloatArray
    high: FloatArray
    extrapolates: np.ndarray
    n_min: int
    line: CostLine
    verification_s: float | None
    method: str


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
    cheapest: bool


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
    k: int
    spent: float
    value: float
    low: float
    high: float
    extrapolates: bool
    capped: bool
    best: bool
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A range of budgets with one best choice.

    Attributes:
        label: The choice.
        begin: Where the range begins, per problem.
        end: Where it ends.
        k_begin: Samples per problem there.
        k_end: And there.
        value_begin: Share of problems solved there.
        value_end: And there.
        chance_best: Mean share of bootstrap replicates over the range in which it is the best.
    """

    label: str
    begin: float
    end: float
    k_begin: float
    k_end: float
    value_begin: float
    value_end: float
    chance_best: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakEven:
    """What one dear sample must reach to be worth its price, against cheap samples for the same money.

    Attributes:
        dear: The dear choice.
        cheap: The cheap one.
        price_ratio: Price of one dear sample over one cheap one.
        accuracy: What the cheap one reaches for the price of one dear sample: the break-even accuracy.
        low: Lower end of its interval.
        high: Upper end.
        dear_accuracy: What the dear one reaches with one sample.
        gain: Dear minus cheap at that price.
        gain_low: Lower end of its interval, paired over problems.
        gain_high: Upper end.
    """

    dear: str
    cheap: str
    price_ratio: float
    accuracy: float
    low: float
    high: float
    dear_accuracy: float
    gain: float
    gain_low: float
    gain_high: float


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class BuyComparison:
    """Choices compared at equal cost: those that are to be judged by the same metric.

    Attributes:
        metric: "coverage", or "selected accuracy" for every way to pick one answer.
        choices: Their positions in the view's `curves`.
        best: Which is best at each budget within those measured; its `arm` and the rows of `chance_best` count `choices`.
        segments: The same as ranges of budgets with one best choice.
        crossings: Budgets at which the best choice changes, with intervals; `before` and `after` count the view's `curves`.
        pareto: (position in the view's `curves`, k) of the measured points that no other point beats, by cost.
    """

    metric: str
    choices: tuple[int, ...]
    best: BestBuy
    segments: tuple[Segment, ...]
    crossings: tuple[Crossing, ...]
    pareto: tuple[tuple[int, int], ...]
