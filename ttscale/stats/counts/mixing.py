"""The distribution of true success rates behind a table of counts, estimated without assuming its form.

A non-parametric maximum likelihood estimate on a grid of rates, stopped after a fixed number of steps, which
keeps it smooth. It serves variances and plans at budgets of the order of n; forecasts far beyond n are the
task of fitted laws.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, xlog1py, xlogy

from ttscale.arrays import FloatArray
from ttscale.stats.counts.counts import UniqueCounts

_STEPS = 100
_POINTS = 80
_PRIOR_PROBLEMS = 5.0
"""Weight of the starting guess, even on the logit scale, in problems: without it few problems leave gaps."""


@dataclass(frozen=True, slots=True, eq=False)
class MixingDistribution:
    """Success rates and how common they are.

    Attributes:
        rate: Success rates p, increasing, shape (G,).
        share: Share of the problems at each rate, shape (G,).
        posterior: Chance of each rate given the counts of each distinct pair, shape (U, G).
    """

    rate: FloatArray
    share: FloatArray
    posterior: FloatArray


def mixing_distribution(pairs: UniqueCounts) -> MixingDistribution:
    """Estimate the distribution of success rates by expectation maximisation on a logit grid."""
    edge = np.log(4.0 * max(int(pairs.n.max()), 1))
    rate = np.concatenate([[0.0], expit(np.linspace(-edge, edge, _POINTS)), [1.0]])
    n, c = pairs.n[:, None], pairs.c[:, None]
    log_likelihood = xlogy(c, rate) + xlog1py(n - c, -rate)  # (U, G)
    likelihood = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
    even = np.full(len(rate), 1 / len(rate))
    share = even
    for _ in range(_STEPS):
        expected = share * ((pairs.weight / (likelihood @ share)) @ likelihood)  # problems at each rate
        share = (expected + _PRIOR_PROBLEMS * even) / (pairs.weight.sum() + _PRIOR_PROBLEMS)
    joint = likelihood * share
    return MixingDistribution(rate, share, joint / joint.sum(axis=1, keepdims=True))
