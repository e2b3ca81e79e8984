"""Coverage: pass@k averaged over problems, as a curve with its interval."""

import numpy as np
from numpy.typing import ArrayLike

from ttscale.stats.counts import budgets
from ttscale.stats.curve import Curve, Over
from ttscale.stats.intervals import curve_of_means
from ttscale.stats.pass_at_k import pass_at_k


def coverage_curve(
    n: ArrayLike,
    c: ArrayLike,
    k: ArrayLike,
    *,
    confidence_level: float = 0.95,
    over: Over = "problems",
    n_resamples: int = 2000,
    rng: np.random.Generator | int | None = None,
) -> Curve:
    """Estimate coverage at every budget with its interval."""
    ks = np.unique(budgets(k))
    values = pass_at_k(n, c, ks)
    return curve_of_means("coverage", ks, values, confidence_level=confidence_level, over=over)
