"""What a scaling law is: a name, parameters with their ranges, and a curve or a distribution.

Notation: problem i is solved by one sample with probability ``p``; its *hazard* is ``t = -log(1 - p)``,
so that k samples all fail with probability ``(1 - p)^k = exp(-k t)``, exactly and without cancellation at
either end. Mixing laws are densities of ``x = log t`` over problems. Coverage at k is
``1 - E[exp(-k t)]``.

There are two kinds of law. A *curve law* states coverage as a function of k and is fitted by least squares
to the observed curve. A *mixing law* states how p varies over problems and is fitted by maximum likelihood to
the counts themselves; its curve follows. A law is a frozen description: it holds no data and no fit.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Literal

import numpy as np
from scipy.special import expit, logit

from ttscale.arrays import FloatArray
from ttscale.errors import BrokenPluginError
from ttscale.registry import find_plugin

Scale = Literal["linear", "log", "negative log", "logit"]


@dataclass(frozen=True, slots=True)
class Range:
    """One parameter of a law: where it may lie and on which scale it is fitted.

    Attributes:
        name: The field's symbol, such as "alpha".
        low: Smallest value a fit may return.
        high: Largest value.
        scale: The fit and its interval are made on this scale: "log" for positive parameters, "negative log" for
            negative ones, "logit" for fractions.
    """

    name: str
    low: float
    high: float
    scale: Scale = "linear"

    def free(self, value: float) -> float:
        """Map a value to the scale of the fit."""
        if self.scale == "log":
            return float(np.log(value))
        if self.scale == "negative log":
            return float(-np.log(-value))
        return float(logit(value)) if self.scale == "logit" else float(value)

    def value(self, free: float) -> float:
        """Map back from the scale of the fit."""
        return float(self.values(np.asarray(free)))

    def values(self, free: FloatArray) -> FloatArray:
        """Map an array back from the scale of the fit."""
        if self.scale == "log":
            return np.asarray(np.exp(np.clip(free, -700.0, 700.0)))
        if self.scale == "negative log":
            return np.asarray(-np.exp(-np.clip(free, -700.0, 700.0)))
        return np.asarray(expit(free)) if self.scale == "logit" else free


@dataclass(frozen=True, slots=True)
class Mixture:
    """A distribution of hazards as weighted points: what every quantity of a mixing law is computed from.

    Attributes:
        x: Log hazards, shape (M,).
        weight: Probability of each, shape (M,).
        zero: Probability of a hazard of zero: problems that are never solved.
    """

    x: FloatArray
    weight: FloatArray
    zero: float

    def failure(self, k: FloatArray) -> FloatArray:
        """Return the chance that k samples all fail, ``E[(1 - p)^k]``, shape (K,)."""
        kernel = np.exp(-np.multiply.outer(k, np.exp(self.x)))  # (K, M)
        return np.asarray(kernel @ self.weight + self.zero)


class ScalingLaw(ABC):
    """A family of coverage curves.

    Attributes:
        name: How users call it.
        ranges: Its parameters, in the order of the arrays ``theta`` below.
    """

    name: ClassVar[str]
    ranges: ClassVar[tuple[Range, ...]]

    @abstractmethod
    def coverage(self, k: FloatArray, theta: FloatArray) -> FloatArray:
        """Return coverage at each k in [1, inf), shape (K,), for parameters `theta`, shape (D,)."""


class CurveLaw(ScalingLaw):
    """A law for the curve itself, fitted by least squares on the scale of `link`."""

    def link(self, coverage: FloatArray) -> FloatArray:
        """Return the scale on which residuals are squared; the identity unless a law says otherwise."""
        return coverage

    @abstractmethod
    def starts(self, k: FloatArray, coverage: FloatArray) -> list[FloatArray]:
        """Return parameters to start the search from, the most likely first."""


_MOST_MASS = 1.001
"""Of a law on a grid. More is an artefact of a narrow peak on a point of the grid; a search would run into it."""


class MixingLaw(ScalingLaw):
    """A law for how success rates vary over problems, fitted by maximum likelihood to the counts."""

    @abstractmethod
    def log_density(self, x: FloatArray, theta: FloatArray) -> FloatArray:
        """Return the log density of the log hazard x of problems that can be solved at all.

        Args:
            x: Log hazards, shape (M,).
            theta: Parameters, shape (D,), or (D, B, 1) for B sets of them at once.

        Returns:
            Shape (M,), or (B, M).
        """

    def zero(self, theta: FloatArray) -> FloatArray:
        """Return the share of problems that no number of samples solves, of shape ``theta[0].shape``."""
        return np.zeros_like(theta[0])

    def above(self, x: float, theta: FloatArray) -> FloatArray:
        """Return the share of solvable problems with a log hazard above x, of shape ``theta[0].shape``; 0 where it never counts."""
        return np.zeros_like(theta[0])

    @abstractmethod
    def starts(self, mean: float) -> list[FloatArray]:
        """Return parameters to start the search from, given the mean success rate in (0, 1)."""

    def masses(self, theta: FloatArray, grid: FloatArray, step: FloatArray) -> FloatArray:
        """Place the law on a grid of log hazards with quadrature weights `step`, both of shape (M,); return (M,), or (B, M).

        Mass to the right of the grid is always solved, as its last point is. What lacks to 1 is never solved, or so rarely
        that it counts as never. A density narrower than the grid resolves has too much mass there, and is scaled down.
        """
        solvable = 1.0 - self.zero(theta)
        mass = np.asarray(solvable * np.exp(self.log_density(grid, theta)) * step)
        mass[..., -1:] += solvable * self.above(float(grid[-1]), theta)
        return np.asarray(mass / np.maximum(1.0, mass.sum(axis=-1, keepdims=True) / _MOST_MASS))

    def mixture(self, theta: FloatArray, grid: FloatArray, step: FloatArray) -> Mixture:
        """Place the law on a grid; see `masses`."""
        weight = self.masses(theta, grid, step)
        return Mixture(grid, weight, max(0.0, 1.0 - float(weight.sum())))

    def coverage(self, k: FloatArray, theta: FloatArray) -> FloatArray:
        """Return coverage at each k by quadrature over the hazard."""
        grid, step = hazard_grid(1, int(np.max(k)))
        return np.asarray(1.0 - self.mixture(theta, grid, step).failure(np.asarray(k, dtype=float)))


class ZeroInflated(MixingLaw):
    """A mixing law with a share of problems that are never solved, its first parameter `zero`.

    Subclasses name the law of the other problems as `solvable`, and give their own starts.
    """

    solvable: ClassVar[MixingLaw]

    def __init_subclass__(cls) -> None:
        cls.ranges = (Range("zero", 1e-6, 1.0 - 1e-6, "logit"), *cls.solvable.ranges)

    def log_density(self, x: FloatArray, theta: FloatArray) -> FloatArray:
        """Return the log density of the log hazard of solvable problems."""
        return self.solvable.log_density(x, theta[1:])

    def zero(self, theta: FloatArray) -> FloatArray:
        """Return the share of unsolvable problems."""
        return np.asarray(theta[0])

    def above(self, x: float, theta: FloatArray) -> FloatArray:
        """Return the share of solvable problems with a log hazard above x."""
        return self.solvable.above(x, theta[1:])

    def starts(self, mean: float) -> list[FloatArray]:
        """Start from little and from much zero inflation."""
        return [
            np.concatenate([[zero], self.solvable.starts(min(mean / (1.0 - zero), 0.99))[0]])
            for zero in (0.05, 0.4)
        ]


@lru_cache(maxsize=32)  # a forecast by one law asks for the same few grids hundreds of times
def hazard_grid(n: int, k: int, sharpest: float = np.inf) -> tuple[FloatArray, FloatArray]:
    """Return log hazards and quadrature weights for counts out of n samples and budgets up to k.

    The trapezoid rule converges geometrically on smooth functions of the whole line, so it is enough that
    the spacing resolves the narrowest likelihood. A count out of n has standard deviation
    ``1 / sqrt(n t^2 exp(-t) / (1 - exp(-t)))`` in x; the spacing is at most 1.25 of it and at most 0.15, and varies
    smoothly, so the rule keeps its rate in the variable of equal steps.

    Args:
        n: Samples.
        k: Largest budget.
        sharpest: Successes of the sharpest count, where counts are blunted (`ttscale.stats.laws.likelihood`).

    Returns:
        Log hazards, shape (M,), and weights, shape (M,), both read-only.
    """
    fine = np.linspace(-np.log(max(n, k, 100)) - 13.0, 12.0, 40001)
    t = np.exp(fine)
    information = np.minimum(max(n, 1000) * t * t / np.expm1(np.minimum(t, 700.0)), sharpest)
    rate = np.sqrt(information / 1.25**2 + 1.0 / 0.15**2)
    u = np.concatenate([[0.0], np.cumsum((rate[1:] + rate[:-1]) / 2.0 * np.diff(fine))])
    steps = int(np.ceil(u[-1]))
    x = np.interp(np.linspace(0.0, u[-1], steps + 1), u, fine)
    weight = (u[-1] / steps) / np.interp(x, fine, rate)
    weight[[0, -1]] /= 2.0
    x.setflags(write=False)
    weight.setflags(write=False)
    return x, weight


def named_law(law: str | ScalingLaw) -> ScalingLaw:
    """Return a law by name; a law itself passes through.

    Args:
        law: A built-in law's name, the name under which an installed package announces a law (entry points of the
            group ``ttscale.laws``), an import path such as ``my_laws:MyLaw``, or a law. What an import path names is a
            class, which is called without arguments, or an instance.

    Raises:
        UnknownPluginError: No law has this name.
        BrokenPluginError: Two laws have it, or what it names cannot be imported or is no law.

    >>> named_law("log-log").name
    'log-log'
    """
    if not isinstance(law, str):
        return law
    plugin = find_plugin("laws", law)
    made = plugin.load(call_classes=True)
    if not isinstance(made, ScalingLaw):
        raise BrokenPluginError(
            f"Law '{law}' ({plugin.target}) is no scaling law but {made!r}. Derive it from CurveLaw or MixingLaw of "
            "ttscale.stats.laws.frame."
        )
    return made
