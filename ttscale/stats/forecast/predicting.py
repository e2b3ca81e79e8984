"""What each method makes of the counts: how many of the open problems will be solved, and how sure that is."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from threadpoolctl import threadpool_limits

from ttscale.arrays import FloatArray, IntArray
from ttscale.errors import DataWarning, FitWarning, InvalidInputError
from ttscale.stats.counts.counts import Counts
from ttscale.stats.forecast.likeness import models_like
from ttscale.stats.forecast.model_averaging import posterior_of
from ttscale.stats.forecast.predictive import OpenProblems, Predictive, open_problems
from ttscale.stats.forecast.prior import Tail
from ttscale.stats.intervals.intervals import Rng
from ttscale.stats.laws.fitting import LawFit, fit_law
from ttscale.stats.laws.frame import MixingLaw, ScalingLaw
from ttscale.stats.laws.npmle import NonParametric
from ttscale.stats.laws.searching import theta_of

AVERAGE = "average"
"""The method behind "auto": the distribution of `ttscale.stats.forecast.model_averaging`, a Bayesian average over laws; for the
point its mean and the published methods' in equal parts, each as far as the counts do not speak against what it supposes."""

PUBLISHED = ("log-log", "exponentiated-power-law", "beta-binomial")
"""Published methods that the point forecast takes in. Whatever was learnt on other benchmarks, or on prefixes of the samples, lost to
equal parts on average over benchmarks left out (``results/benchmarks/forecast_left_out.md``)."""

PLUG_IN = "plug-in"
"""The naive forecast ``mean 1 - (1 - c/n)^k``: it takes an unsolved problem for impossible. For comparison only."""

SUBSTANTIAL = 10.0**0.5
"""Evidence against a supposition that counts as substantial (Jeffreys 1961, appendix B): published methods fade from there on."""

CAUTION = 0.75
"""Share of an interval's nominal tails that the average leaves outside: plain 90 % intervals held 89 to 98 % on measured
benchmarks of each kind and 85 to 96 % on simulated laws, bent ones least; this lifts the least to 88 %."""

BLUR = 0.7
"""Over the samples per problem: how far, on the log scale, laws may be wrong about the hazard of open problems. Two samples
cannot tell one law from another, so all that are averaged over may be wrong alike; thirty can."""

_LAW_DRAWS = 200
_NEARLY_EQUAL = 0.8
"""Least over most samples: beyond, a stopping rule may have chosen them, which biases the curve."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Prediction:
    """A method's answer.

    Attributes:
        predictive: Distribution of the coverage to come.
        chance: Point forecast of the mean chance of the open problems, shape (K,).
        method: Its name.
        others: Coverage by other methods, which the point forecast averages with, within the interval, shape (M, K).
        trust: How much of the way to that average the point forecast goes with each of them, shape (M,).
        caution: Share of an interval's tails that stays outside.
        law_weights: How far each law carries an average, by name.
    """

    predictive: Predictive
    chance: FloatArray
    method: str
    others: FloatArray | None = None
    trust: tuple[float, ...] = ()
    caution: float = 1.0
    law_weights: Mapping[str, float] = field(default_factory=dict)

    def ends(self, confidence_level: float) -> tuple[FloatArray, FloatArray]:
        """Return the ends of the predictive interval, each of shape (K,)."""
        tail = self.caution * (1.0 - confidence_level) / 2.0
        return self.predictive.quantile(tail), self.predictive.quantile(1.0 - tail)

    def value(self, low: FloatArray, high: FloatArray) -> FloatArray:
        """Return the point forecast of coverage, shape (K,), given the ends of the interval."""
        problems = self.predictive.problems
        plain = (problems.known + problems.n_open * self.chance) / problems.n_problems
        if self.others is None:
            return plain
        others = np.clip(self.others, low, high)
        value = plain + np.array(self.trust) @ (others - plain) / (1 + len(others))
        return np.clip(value, low, high)


def predict(
    data: Counts,
    k: IntArray,
    method: str | ScalingLaw,
    rng: Rng,
    tail: Tail = "auto",
    like: Sequence[Counts] = (),
) -> Prediction:
    """Forecast by a method: `AVERAGE` or "auto" with the tail given and earlier counts like these, `PLUG_IN`, or a law.

    Raises:
        InvalidInputError: Nothing to forecast from, or a law that cannot be fitted.
    """
    problems = open_problems(data, k)
    if not data.n.any():
        raise InvalidInputError(
            "No problem has a sample, so there is nothing to forecast from. Draw samples first."
        )
    if method in ("auto", AVERAGE):
        return _average(data, problems, rng, tail, like)
    if method == PLUG_IN:
        return _plug_in(data, problems)
    return _single_law(data, problems, method, rng)


def _average(
    data: Counts, problems: OpenProblems, rng: Rng, tail: Tail, like: Sequence[Counts]
) -> Prediction:
    """Average over laws for the distribution; over its mean and the published methods for the point.

    Their errors differ in sign from benchmark to benchmark: a line is too low where curves bend up, a beta law too high
    where they level off. Each counts in full until the evidence against what it supposes (a straight curve; a beta law
    of success rates) is substantial, and fades from there on. All go on for ever, so who knows that the curve ends does not
    want them; nor does who knows curves of its kind.

    The best guess takes the evidence in full: that many problems prove small faults of a law is what tells it from others.
    The interval discounts it: no law is quite true.
    """
    _warn_if_uninformative(data)
    draws = posterior_of(data.unique(), k=int(problems.k.max()), rng=rng, models=models_like(like, tail))
    with threadpool_limits(1, user_api="blas"):
        chance = problems.mean_chance(draws.failure(problems.n), draws.failure(problems.k.astype(float)))
        others = _published(data, problems.k) if tail in ("auto", "open") and not like else None
    guess = Predictive(problems, chance, draws.sharp)
    return Prediction(
        predictive=replace(guess, weight=draws.weight).blurred(BLUR / float(data.n.mean())),
        chance=guess.median_chance() if others is None else guess.weight @ chance,
        method=AVERAGE,
        others=others,
        trust=tuple(min(1.0, SUBSTANTIAL * odds) for odds in (draws.straight, draws.straight, draws.beta)),
        caution=CAUTION,
        law_weights=draws.law_weight,
    )


def _published(data: Counts, k: IntArray) -> FloatArray | None:
    """Return the curves of `PUBLISHED` at k, shape (3, K); None where there is no curve that they could follow."""
    drawn = int(data.n.min())
    if drawn < _NEARLY_EQUAL * data.n.max() or not data.c.any():
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)  # of one part in four
        fits = [fit_law(law, data.n, data.c) for law in PUBLISHED]
    if not all(np.isfinite(fit.free).all() for fit in fits):
        return None
    return np.stack([fit.family.coverage(k.astype(float), theta_of(fit.family, fit.free)) for fit in fits])


def _plug_in(data: Counts, problems: OpenProblems) -> Prediction:
    """Score solved problems by ``1 - (1 - c/n)^k``, unsolved ones by 0."""
    pairs = data.unique()
    rate = pairs.c / np.maximum(pairs.n, 1)
    failing = (1.0 - rate[:, None]) ** problems.k
    value = pairs.weight @ np.where(pairs.n[:, None] >= problems.k, 0.0, 1.0 - failing)
    kept = pairs.weight @ np.where(pairs.n[:, None] >= problems.k, 0.0, (pairs.c > 0)[:, None].astype(float))
    shifted = OpenProblems(
        problems.k, problems.known - kept + value, problems.n, problems.count, problems.n_problems
    )
    never = np.zeros((1, len(problems.k)))
    return Prediction(predictive=Predictive(shifted, never, np.ones(1)), chance=never[0], method=PLUG_IN)


def _single_law(data: Counts, problems: OpenProblems, law: str | ScalingLaw, rng: Rng) -> Prediction:
    """Forecast from one fitted law; its parameters vary by their covariance over problems."""
    fit = fit_law(law, data.n, data.c)
    if not np.isfinite(fit.free).all():
        raise InvalidInputError(
            f"'{fit.law}' cannot be fitted to these counts ({fit.status}). Use method='auto'."
        )
    if isinstance(fit.family, NonParametric):
        warnings.warn(
            f"'{fit.law}' says nothing of what lies beyond the samples: take its forecast for a lower bound. "
            "method='auto' forecasts.",
            FitWarning,
            stacklevel=4,
        )
    point = _chance(fit, fit.free, problems)
    values, vectors = np.linalg.eigh(fit.covariance)
    root = vectors * np.sqrt(np.clip(values, 0.0, 1.0))  # a spread beyond a factor e says only "unknown"
    normal = np.random.default_rng(rng).standard_normal((_LAW_DRAWS, len(fit.free)))
    ranges = fit.family.ranges
    draws = fit.free + normal @ root.T
    if ranges:
        draws = np.clip(draws, [r.free(r.low) for r in ranges], [r.free(r.high) for r in ranges])
    chance = np.stack([_chance(fit, free, problems) for free in draws])
    predictive = Predictive(problems, chance, np.full(_LAW_DRAWS, 1.0 / _LAW_DRAWS))
    return Prediction(predictive=predictive, chance=point, method=fit.law)


def _chance(fit: LawFit, free: FloatArray, problems: OpenProblems) -> FloatArray:
    """Return the mean chance of the open problems under a law with parameters `free`, shape (K,)."""
    theta = theta_of(fit.family, free)
    coverage = fit.family.coverage(problems.k.astype(float), theta)
    if isinstance(fit.family, MixingLaw | NonParametric):
        at_n = (
            fit.family.coverage(np.maximum(problems.n, 0).astype(float), theta)
            if len(problems.n)
            else np.zeros(0)
        )
        return problems.mean_chance(1.0 - at_n, 1.0 - coverage)
    missing = coverage * problems.n_problems - problems.known  # a curve law says nothing of single problems
    return np.asarray(np.clip(missing / np.maximum(problems.n_open, 1), 0.0, 1.0) * (problems.n_open > 0))


def _warn_if_uninformative(data: Counts) -> None:
    solved = np.count_nonzero(data.c)
    if solved == 0:
        warnings.warn(
            f"None of the {len(data)} problems has been solved, so a forecast rests on prior knowledge of such curves "
            "and its interval is wide. Draw more samples.",
            FitWarning,
            stacklevel=5,
        )
    elif len(data) < 5:
        warnings.warn(
            f"Only {len(data)} problems: a forecast rests mostly on prior knowledge of such curves.",
            DataWarning,
            stacklevel=5,
        )
