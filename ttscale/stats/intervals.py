"""Intervals for means over problems."""

import numpy as np
from scipy.special import expit, logit, stdtrit

from ttscale.stats.curve import Curve, FloatArray, IntArray, Over


def curve_of_means(
    metric: str,
    k: IntArray,
    values: FloatArray,
    *,
    confidence_level: float = 0.95,
    over: Over = "problems",
) -> Curve:
    """Average per-problem values (P, K) and put an interval around each mean."""
    n_problems = len(values)
    mean = values.mean(axis=0)
    error = (
        values.std(axis=0, ddof=1) / np.sqrt(n_problems) if n_problems > 1 else np.full(mean.shape, np.inf)
    )
    quantile = stdtrit(max(n_problems - 1, 1), 0.5 + confidence_level / 2)
    inner = np.clip(mean, 1e-12, 1 - 1e-12)
    half = quantile * error / (inner * (1 - inner))
    low, high = expit(logit(inner) - half), expit(logit(inner) + half)
    return Curve(
        metric=metric,
        k=k,
        value=mean,
        low=np.minimum(low, mean),
        high=np.maximum(high, mean),
        confidence_level=confidence_level,
        over=over,
        method="logit t",
        n_problems=n_problems,
    )
