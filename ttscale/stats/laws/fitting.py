"""Fit scaling laws to counts: least squares for curve laws, maximum likelihood for mixing laws.

Both are M-estimators, so one sandwich formula gives every interval: with s_i the gradient of problem i's
term of the objective at the optimum and A the Hessian of their sum, ``cov(theta) = A^-1 (sum s_i s_i') A^-1``.
It generalises over problems and stays right where the law itself is only an approximation
(Huber 1967; White 1982).

The searches are SciPy's: `least_squares` (trust region, within bounds) and `minimize` (L-BFGS-B). Ours are the scales of
the parameters, the starts and the choice among them; certified fits (NIST StRD) test them together.
"""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri

from ttscale.arrays import ArrayLike, FloatArray
from ttscale.errors import FitWarning, InvalidInputError
from ttscale.result import Result
from ttscale.showing.numbers import exact_percent, parameter, shown, width
from ttscale.showing.view import View
from ttscale.stats.counts.counts import Counts, budgets, counts
from ttscale.stats.counts.curve import Curve, budget_grid, shown_curve
from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.intervals.intervals import check_confidence
from ttscale.stats.laws.frame import CurveLaw, MixingLaw, ScalingLaw, named_law
from ttscale.stats.laws.likelihood import sampled
from ttscale.stats.laws.npmle import NonParametric
from ttscale.stats.laws.searching import (
    Found,
    central,
    cover,
    fit_curve,
    maximise_likelihood,
    place_atoms,
)
from ttscale.types import CONFIDENCE_LEVEL

_CURVE_POINTS = 40  # "about 40 log-spaced k": Brown et al. 2024
_LARGE = 700.0  # the exponential of more overflows


@dataclass(frozen=True, slots=True)
class Parameter:
    """A fitted parameter.

    Attributes:
        value: The estimate.
        low: Lower end of its interval; equal to the value where the fit stopped at a bound.
        high: Upper end.
        at_bound: Whether the estimate sits at the end of its range: the data asks for more than the law allows.
    """

    value: float
    low: float
    high: float
    at_bound: bool


@dataclass(frozen=True, slots=True, eq=False, kw_only=True, repr=False)
class LawFit(Result):
    """A fitted law.

    Attributes:
        law: Its name.
        params: Parameters by name.
        converged: Whether the search ended at an optimum.
        status: How the search ended, in words.
        n_problems: Problems fitted.
        n_max: Most samples of any problem; beyond it the curve is an extrapolation.
        residual: Root mean squared difference between the observed and the fitted coverage curve.
        log_likelihood: Of the counts, summed over problems; None for laws without a likelihood.
        aic: Akaike's criterion, smaller is better; None without a likelihood.
        bic: Schwarz's criterion with one unit of information per problem; None without a likelihood.
        confidence_level: Of the intervals.
        family: The law itself.
        free: Parameters on the scale of the fit, shape (D,).
        covariance: Of `free`, over problems, shape (D, D); zero in the directions of parameters at a bound.
    """

    law: str
    params: Mapping[str, Parameter]
    converged: bool
    status: str
    n_problems: int
    n_max: int
    residual: float
    log_likelihood: float | None
    aic: float | None
    bic: float | None
    confidence_level: float
    family: ScalingLaw
    free: FloatArray
    covariance: FloatArray

    def predict(self, k: ArrayLike) -> Curve:
        """Return the fitted curve with its band over problems.

        The band is the fit's own uncertainty by the delta method on the scale of log(-log coverage). It knows
        nothing of the law being wrong: for a forecast with an honest interval use `ttscale.stats.forecast.forecasting`.
        The non-parametric law has a band of its own, which reaches up to 1 beyond the samples.
        """
        ks = np.unique(budgets(k))
        if isinstance(self.family, NonParametric):
            return self._curve(ks, self.family.coverage(ks.astype(float), self.free), *self._atoms_band(ks))
        value = cover(self.family, ks, self.free)
        scale = _log_log(value)
        jacobian = central(lambda free: _log_log(cover(self.family, ks, free)), self.free)  # (K, D)
        error = np.sqrt(np.maximum(np.einsum("kd,de,ke->k", jacobian, self.covariance, jacobian), 0.0))
        z = ndtri(0.5 + self.confidence_level / 2.0)
        low, high = (np.exp(-np.exp(np.minimum(scale + step * error, _LARGE))) for step in (z, -z))
        return self._curve(ks, value, low, high)

    def _atoms_band(self, k: np.ndarray) -> tuple[FloatArray, FloatArray]:
        return NonParametric().band(
            k,
            self.free,
            n=self.n_max,
            n_problems=self.n_problems,
            confidence_level=self.confidence_level,
        )

    def _curve(self, k: np.ndarray, value: FloatArray, low: FloatArray, high: FloatArray) -> Curve:
        return Curve(
            metric="coverage",
            k=k,
            value=value,
            low=np.minimum(low, value),
            high=np.maximum(high, value),
            confidence_level=self.confidence_level,
            over="problems",
            method=f"{self.law} fit",
            n_problems=self.n_problems,
        )

    def to_rows(self) -> Iterator[dict[str, Any]]:
        """Yield one plain dictionary per parameter."""
        for name, one in self.params.items():
            yield {
                "law": self.law,
                "parameter": name,
                "value": one.value,
                "low": one.low,
                "high": one.high,
                "at_bound": one.at_bound,
                "confidence_level": self.confidence_level,
                "converged": self.converged,
                "residual": self.residual,
                "log_likelihood": self.log_likelihood,
                "aic": self.aic,
                "bic": self.bic,
                "n_problems": self.n_problems,
            }

    def view(self) -> View:
        """Return the curve and the parameters."""
        rows = [
            {
                "parameter": name,
                "value": parameter(one.value, one.low, one.high),
                "at its bound": one.at_bound or None,
            }
            for name, one in self.params.items()
        ]
        usable = all(np.isfinite(one.value) for one in self.params.values())
        state = "converged" if self.converged else f"NOT converged: {self.status}"
        about = [f"{exact_percent(self.confidence_level)} intervals", state]
        about += [f"error on the curve {width(self.residual)}"]
        if self.log_likelihood is not None:
            criteria = (("log-likelihood", self.log_likelihood), ("AIC", self.aic), ("BIC", self.bic))
            about += [f"{name} {shown(value)}" for name, value in criteria]
        return View(
            title=f"{self.law}, {self.n_problems} problems, up to {self.n_max:,} samples each",
            about="; ".join(about),
            rows=rows,
            curves=[shown_curve(self.predict(budget_grid(self.n_max)), self.law, dashed=True)]
            if usable
            else [],
        )


def fit_law(
    law: str | ScalingLaw,
    n: ArrayLike,
    c: ArrayLike,
    *,
    k: ArrayLike | None = None,
    confidence_level: float = CONFIDENCE_LEVEL,
) -> LawFit:
    """Fit a scaling law to counts.

    Args:
        law: A law or its name, such as "beta-binomial" or "log-log"; see `frame.named_law` for the names of
            laws of one's own.
        n: Samples drawn per problem, shape (P,), or one number for all.
        c: Samples correct per problem, shape (P,).
        k: Budgets at which a curve law is compared with the observed coverage; by default 40 log-spaced whole
            numbers from 1 to the fewest samples of any problem. Mixing laws use the counts themselves.
        confidence_level: Of the intervals of the parameters and of `LawFit.predict`.

    Returns:
        The fit. Where it cannot be trusted it says so in `converged`, `status` and the parameters'
        `at_bound`, and a `FitWarning` says what to try.

    Raises:
        InvalidInputError: Impossible counts, no samples at all, or k beyond the samples.
        UnknownPluginError: No law of that name.
        BrokenPluginError: A law of that name that cannot be used.

    >>> fit = fit_law("beta-binomial", 8, [0, 0, 1, 2, 4, 8, 0, 3])
    >>> fit.converged, sorted(fit.params)
    (True, ['alpha', 'beta'])
    """
    family = named_law(law)
    check_confidence(confidence_level)
    data = _sampled(counts(n, c))
    ks = _curve_grid(data) if k is None else np.unique(budgets(k))
    pairs = data.unique()
    curves = pass_at_k(pairs.n, pairs.c, ks)  # (U, K)
    share = pairs.weight / len(data)
    observed = share @ curves
    if isinstance(family, MixingLaw):
        found = maximise_likelihood(family, sampled(pairs))
    elif isinstance(family, NonParametric):
        found = place_atoms(family, sampled(pairs))
    elif isinstance(family, CurveLaw):
        found = fit_curve(family, ks, observed, curves, pairs)
    else:
        raise InvalidInputError(f"{family!r} is neither a curve law nor a mixing law.")
    fit = _summarise(family, found, data, k=ks, observed=observed, confidence_level=confidence_level)
    _warn_if_doubtful(fit)
    return fit


def _sampled(data: Counts) -> Counts:
    """Drop problems without samples: they say nothing."""
    drawn = data.n > 0
    if not drawn.any():
        raise InvalidInputError("No problem has a sample, so there is nothing to fit. Draw samples first.")
    return data if drawn.all() else Counts(data.n[drawn], data.c[drawn])


def _curve_grid(data: Counts) -> np.ndarray:
    return np.unique(np.geomspace(1, int(data.n.min()), _CURVE_POINTS).round().astype(np.int64))


def _log_log(coverage: FloatArray) -> FloatArray:
    """Return log(-log coverage), kept finite at coverage 0 and 1."""
    return np.asarray(np.log(-np.log(np.clip(coverage, 1e-300, 1.0 - 1e-15))))


def _summarise(
    law: ScalingLaw,
    found: Found,
    data: Counts,
    *,
    k: np.ndarray,
    observed: FloatArray,
    confidence_level: float,
) -> LawFit:
    z = ndtri(0.5 + confidence_level / 2.0)
    error = np.sqrt(np.maximum(np.diag(found.covariance), 0.0))
    params = {
        r.name: Parameter(
            r.value(f), max(r.value(f - z * e), r.low), min(r.value(f + z * e), r.high), bool(stuck)
        )
        for r, f, e, stuck in zip(law.ranges, found.free, error, found.at_bound, strict=False)
    }
    residual = float(np.sqrt(np.mean((cover(law, k, found.free) - observed) ** 2)))
    likelihood = found.log_likelihood
    size = len(law.ranges) or len(found.free) // 2 * 2  # an atom has a place and a weight; weights sum to 1
    return LawFit(
        law=law.name,
        params=params,
        converged=found.converged,
        status=found.status,
        n_problems=len(data),
        n_max=int(data.n.max()),
        residual=residual,
        log_likelihood=likelihood,
        aic=None if likelihood is None else 2.0 * size - 2.0 * likelihood,
        bic=None if likelihood is None else size * float(np.log(len(data))) - 2.0 * likelihood,
        confidence_level=confidence_level,
        family=law,
        free=found.free,
        covariance=found.covariance,
    )


def _warn_if_doubtful(fit: LawFit) -> None:
    stuck = [name for name, parameter in fit.params.items() if parameter.at_bound]
    if fit.converged and not stuck:
        return
    what = (
        f"did not converge ({fit.status})"
        if not fit.converged
        else f"has {', '.join(stuck)} at the end of its range"
    )
    warnings.warn(
        f"The fit of '{fit.law}' to {fit.n_problems} problems {what}. Check: are some problems solved and some not; "
        "are there enough samples per problem; does a law with fewer parameters fit as well; does the curve of "
        "the fit follow the observed one?",
        FitWarning,
        stacklevel=3,
    )
