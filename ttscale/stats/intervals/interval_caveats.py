"""Where intervals of coverage are known to miss their nominal level, said beside each of them.

`benchmarks/interval_coverage.py` simulates nominal 95 % intervals: over problems they hold the truth 93 to 98 % of
the time wherever some ten problems are solved and some ten are not. Elsewhere they held it in the shares stated
here, over all laws and sizes simulated (`results/benchmarks/interval_coverage.md` and its held-out companion).
"""

from ttscale.arrays import FloatArray
from ttscale.stats.counts.curve import Over

ENOUGH = 10.0
"""Solved and unsolved problems, in expectation, from which on the nominal level is reached."""

_HELD = {
    ("problems", "few solved"): "92 to 100 %",
    ("problems", "few unsolved"): "92 to 100 %",
    ("samples", "few solved"): "90 to 100 %",
    ("samples", "few unsolved"): "90 to 100 %",
}
_BOOTSTRAP_HELD = "85 to 100 %"


def interval_caveats(
    mean: FloatArray, n_problems: int, *, over: Over, method: str = "analytic"
) -> tuple[str | None, ...]:
    """Say of each interval of a mean over problems whether its level was reached in simulation.

    Args:
        mean: The estimates within [0, 1], shape (K,).
        n_problems: Problems averaged.
        over: What the intervals generalise over.
        method: "analytic" or "bootstrap".

    Returns:
        One text per budget: what is scarce and how often intervals held the truth there; None where the level is
        reached.

    >>> import numpy as np
    >>> interval_caveats(np.array([0.05, 0.5]), 100, over="problems")
    ('few solved: where fewer than 10 problems are, nominal 95 % intervals held the truth in 92 to 100 % of simulations', None)
    """
    held_over = "samples" if over == "samples" else "problems"

    def caveat(share: float) -> str | None:
        if method == "bootstrap":
            return f"bootstrap: nominal 95 % intervals held the truth in {_BOOTSTRAP_HELD} of simulations"
        if min(share, 1.0 - share) * n_problems >= ENOUGH:
            return None
        scarce = "few solved" if share <= 0.5 else "few unsolved"
        held = _HELD[held_over, scarce]
        return (
            f"{scarce}: where fewer than {ENOUGH:g} problems are, nominal 95 % intervals held the truth in {held} of "
            "simulations"
        )

    return tuple(caveat(float(share)) for share in mean)
