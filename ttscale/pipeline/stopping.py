"""Whether a cell knows enough, and who gets the next samples if not: the rules of ``sampling.until`` on arrays."""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from ttscale.arrays import FloatArray
from ttscale.errors import InvalidInputError, TtscaleWarning
from ttscale.samplers.until import UntilSettings
from ttscale.showing.numbers import width
from ttscale.stats.adaptive.estimating import coverage_in_rounds, error_in_rounds
from ttscale.stats.adaptive.next_round import Standing, below, everyone, hardest, where_it_counts
from ttscale.stats.adaptive.rounds import Climb, pass_at_k_in_rounds
from ttscale.stats.counts.curve import Curve
from ttscale.stats.forecast.forecasting import forecast
from ttscale.stats.intervals.multiple import paired_difference
from ttscale.store.rounds import Drawn, Measured

_SHRINK_UNKNOWN = 0.1
"""Variance aimed at, over the present one, while the wanted quantity cannot be computed yet."""
_LARGER_ROUND = 0.1
"""Share of the samples so far that a round of hard problems has at least: few rounds, each worth a new forecast."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What comes next.

    Attributes:
        known: What is known now.
        climb: Who gets more samples; empty: nobody.
        reason: Why nobody does, in a few words; None where somebody does.
    """

    known: Measured
    climb: Climb
    reason: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """Coverage of the other cell of a difference.

    Attributes:
        values: pass@k of each problem, in the order of this cell's problems, shape (P,).
        standard_error: Of their mean, from sampling alone.
    """

    values: FloatArray
    standard_error: float


def decide(rule: UntilSettings, drawn: Drawn, reference: Reference | None = None) -> Decision:
    """Say whether a cell knows enough, or who gets the next samples.

    Depends on the verdicts at the rungs alone: the same samples give the same decision.

    Args:
        rule: The settings.
        drawn: Where the problems stand, every sample of the rounds so far verified.
        reference: For ``quantity: difference``.
    """
    standing = Standing(drawn.rounds, drawn.rung, drawn.c)
    if rule.successes is not None:
        return _until_successes(rule.successes, drawn, standing)
    measured = _measure(rule, drawn, reference)
    known, asked = measured.known, float(rule.width or 0.0)
    if known.width is not None and known.width <= asked:
        return Decision(known, {}, f"the interval is narrower than {width(asked)}")
    if known.width is not None and measured.floor >= asked:
        return Decision(known, {}, measured.why_not)
    climb = _next(rule, standing, measured, asked)
    return Decision(known, climb, None if climb else "every problem has sampling.n samples")


def _until_successes(target: int, drawn: Drawn, standing: Standing) -> Decision:
    known = Measured(n_samples=int(standing.n.sum()))
    climb = {
        rung: ranges for rung, ranges in below(standing, target).items() if _somebody(standing, rung, ranges)
    }
    if climb:
        return Decision(known, climb, None)
    done = int((drawn.c >= target).sum())
    return Decision(
        known, {}, f"{done} of {len(drawn.c)} problems have their successes, the others all n samples"
    )


def _somebody(standing: Standing, rung: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    c = standing.c[standing.rung == rung]
    return any(((c >= low) & (c < high)).any() for low, high in ranges)


@dataclass(frozen=True, slots=True)
class _Measurement:
    """The wanted quantity, and what more samples of this cell could make of its width.

    Attributes:
        known: Value and interval.
        floor: Width that would be left if every problem of the cell were known exactly.
        why_not: What to say if that is too wide.
    """

    known: Measured
    floor: float = 0.0
    why_not: str = ""


def _measure(rule: UntilSettings, drawn: Drawn, reference: Reference | None) -> _Measurement:
    n_samples = int(np.array(drawn.rounds.ladder)[drawn.rung].sum())
    k = np.array([rule.k])
    if rule.quantity == "forecast":
        return _Measurement(_known(n_samples, _forecast(rule, drawn)))
    if ((drawn.c == 0) & (drawn.n < k)).any():
        return _Measurement(Measured(n_samples=n_samples))
    error = float(error_in_rounds(drawn.rounds, drawn.rung, drawn.c, k).standard_error[0])
    if rule.quantity == "coverage":
        curve = coverage_in_rounds(
            drawn.rounds,
            drawn.rung,
            drawn.c,
            k,
            over=rule.over,
            confidence_level=rule.confidence_level,
            verified=drawn.verified,
        )
        floor = _left(curve, error) if rule.over == "problems" else 0.0
        why = "other problems would differ more than that; only more problems narrow it (or over: samples)"
        return _Measurement(_known(n_samples, curve), floor, why)
    if reference is None:
        raise InvalidInputError("A difference needs the other cell's coverage.")
    values = pass_at_k_in_rounds(drawn.rounds, drawn.rung, drawn.c, k, verified=drawn.verified)[:, 0]
    return _difference(rule, n_samples, values, error, reference)


def _difference(
    rule: UntilSettings, n_samples: int, values: FloatArray, error: float, reference: Reference
) -> _Measurement:
    k = np.array([rule.k])
    if rule.over == "problems":
        curve = paired_difference(
            values[:, None], reference.values[:, None], k, confidence_level=rule.confidence_level, rng=0
        )
        why = f"'{rule.to}' and other problems leave more than that; give it a larger n, or add problems"
        return _Measurement(_known(n_samples, curve), _left(curve, error), why)
    value, z = float((values - reference.values).mean()), float(ndtri(0.5 + rule.confidence_level / 2))
    half = z * float(np.hypot(error, reference.standard_error))
    known = Measured(
        n_samples=n_samples, value=value, low=max(value - half, -1.0), high=min(value + half, 1.0)
    )
    why = f"the samples of '{rule.to}' leave more than that; give it a larger n"
    return _Measurement(known, 2 * z * reference.standard_error, why)


def _forecast(rule: UntilSettings, drawn: Drawn) -> Curve:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", TtscaleWarning
        )  # few successes: the interval is wide, and more are drawn
        ahead = forecast(drawn.n, drawn.c, int(rule.k or 1), confidence_level=rule.confidence_level)
    return ahead.curve


def _known(n_samples: int, curve: Curve) -> Measured:
    return Measured(
        n_samples=n_samples,
        value=float(curve.value[0]),
        low=float(curve.low[0]),
        high=float(curve.high[0]),
    )


def _left(curve: Curve, error: float) -> float:
    """Return the width that would be left without the noise of sampling; 0 while that noise is the larger part."""
    width = float(curve.high[0] - curve.low[0])
    z = float(ndtri(0.5 + curve.confidence_level / 2))
    sampling = 2 * z * error
    return float(np.sqrt(width**2 - sampling**2)) if sampling**2 < 0.5 * width**2 else 0.0


def _next(rule: UntilSettings, standing: Standing, measured: _Measurement, asked: float) -> Climb:
    """Choose who climbs; empty when all stand at the top."""
    if not standing.can_climb.any():
        return {}
    if rule.allocation == "uniform":
        return everyone(standing)
    if rule.quantity == "forecast":
        return hardest(standing, max(rule.round_size or 1, int(_LARGER_ROUND * measured.known.n_samples)))
    shrink = _SHRINK_UNKNOWN
    if measured.known.width is not None:
        shrink = (asked**2 - measured.floor**2) / (measured.known.width**2 - measured.floor**2)
    return where_it_counts(standing, int(rule.k or 1), shrink=shrink, at_least=rule.round_size or 1)
