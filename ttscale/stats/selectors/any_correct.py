"""Coverage as a selector: what one that always knew the correct sample would collect. No selector beats it."""

from typing import ClassVar

from ttscale.arrays import IntArray
from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.intervals.intervals import Rng
from ttscale.stats.selectors.contract import Effort, Need, Picked, SamplePools, Selector


class AnyCorrect(Selector):
    """Any correct sample of k: coverage, the ceiling of every other selector. Counts are all it reads."""

    metric = "coverage"
    needs: ClassVar[frozenset[Need]] = frozenset()
    effort: ClassVar[Effort] = "counts"
    at_k = "pass@{k}"

    def label(self, verifier: str | None = None) -> str:
        """Return what a table calls it."""
        return "coverage"

    def values(self, pools: SamplePools, k: IntArray, *, rng: Rng = None) -> Picked:
        """Return pass@k of every problem, exactly."""
        return Picked(pass_at_k(pools.n, pools.c, k))
