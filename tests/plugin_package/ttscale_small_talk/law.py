"""A law of success rates: hazards that follow a gamma distribution."""

import numpy as np
from scipy.special import gammaln

from ttscale.stats.laws.frame import MixingLaw, Range


class GammaHazards(MixingLaw):
    """The hazard -log(1 - p) is gamma distributed, so that coverage is 1 - (rate / (rate + k))^shape."""

    name = "gamma-hazards"
    ranges = (Range("shape", 1e-3, 1e2, "log"), Range("rate", 1e-3, 1e7, "log"))

    def log_density(self, x, theta):
        shape, rate = theta
        return shape * (x + np.log(rate)) - rate * np.exp(x) - gammaln(shape)

    def starts(self, mean):
        return [np.array([shape, -shape / np.log1p(-mean)]) for shape in (0.25, 1.0)]
