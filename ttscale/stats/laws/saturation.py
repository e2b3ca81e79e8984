"""Per-problem saturation: how much the next sample still adds, and where it stops to pay.

With success rate p the (k+1)-th sample is the first success with chance ``p (1-p)^k``. The saturation point is the
first k at which this gain has fallen to a threshold (TTSPM, arXiv 2505.20522).
"""

import numpy as np

from ttscale.arrays import FloatArray
from ttscale.stats.laws.frame import CurveLaw, Range


class Saturation(CurveLaw):
    """``coverage = ceiling (1 - (1 - p)^k)``: every solvable problem is equally hard; by least squares on coverage."""

    name = "saturation"
    ranges = (Range("ceiling", 1e-6, 1.0, "log"), Range("p", 1e-9, 1.0 - 1e-9, "logit"))

    def coverage(self, k: FloatArray, theta: FloatArray) -> FloatArray:
        """Return ``ceiling (1 - (1 - p)^k)``."""
        return np.asarray(-theta[0] * np.expm1(k * np.log1p(-theta[1])))

    def starts(self, k: FloatArray, coverage: FloatArray) -> list[FloatArray]:
        """Start from the last point as the ceiling and from twice that."""
        top = float(coverage[-1])
        return [
            np.array([c, np.clip(coverage[0] / c, 1e-9, 0.99)])
            for c in (min(1.0, 1.02 * top), min(1.0, 2 * top))
        ]
