"""What all verifiers of a comparison share: the samples, the budgets, coverage, and how to compare."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ttscale.analysis.reading.settling import ErrorPolicy, ScoredSamples
from ttscale.analysis.reading.verified import VerifierScores, pools_of, seen_by, voting
from ttscale.analysis.selecting import named_selector
from ttscale.arrays import FloatArray, IntArray
from ttscale.config.models import PluginSettings
from ttscale.stats.counts.curve import Curve, check_budgets, table_budgets
from ttscale.stats.coverage.plateau import TOLERANCE, doublings
from ttscale.stats.intervals.intervals import IntervalOptions
from ttscale.stats.selectors.averaging import averaged_curve
from ttscale.stats.selectors.contract import AnyCorrect, Picked, SamplePools, Selector
from ttscale.types import CONFIDENCE_LEVEL


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonSettings:
    """How to compare.

    Attributes:
        k: Budgets of the tables; by default powers of ten and the smallest n.
        selectors: More ways to pick an answer, or their names, beside the usual ones.
        errors: What a verifier's error counts as; see `ErrorPolicy`.
        thresholds: Verifier -> the score from which on it accepts.
        value_correct: V, what a correct answer is worth.
        cost_wrong: C, what a wrong answer costs.
        cost_per_draw: Price of drawing and verifying one sample.
        tolerance: Most that accuracy may move per doubling of k on a plateau.
        confidence_level: Of every interval; of the differences, all together.
        n_resamples: Bootstrap replicates.
        n_folds: Folds of problems for the ensemble.
        seed: Of everything that is simulated or dealt at random.
    """

    k: tuple[int, ...] | None = None
    selectors: tuple[str | PluginSettings | Selector, ...] = ()
    errors: ErrorPolicy = "stop"
    thresholds: Mapping[str, float] | None = None
    value_correct: float = 1.0
    cost_wrong: float = 1.0
    cost_per_draw: float = 0.0
    tolerance: float = TOLERANCE
    confidence_level: float = CONFIDENCE_LEVEL
    n_resamples: int = 2000
    n_folds: int = 5
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Frame:
    """What all verifiers share.

    Attributes:
        samples: The samples.
        settings: How to compare.
        more: The selectors that the settings add.
        pools: The samples by problem, with the oracle's answers.
        table_k: Budgets of the tables.
        k: Budgets of the curves, shape (K,): those of the tables and the doublings. Votes are too costly for more.
        coverage: pass@k, shape (P, K).
        success: Success rate of each problem, shape (P,).
    """

    samples: ScoredSamples
    settings: ComparisonSettings
    more: tuple[Selector, ...]
    pools: SamplePools
    table_k: tuple[int, ...]
    k: IntArray
    coverage: FloatArray
    success: FloatArray

    @classmethod
    def of(cls, samples: ScoredSamples, settings: ComparisonSettings) -> "Frame":
        """Choose the budgets and compute coverage."""
        pools = pools_of(samples.problem, samples.correct, samples.answer_class)
        k_max = int(pools.n.min())
        check_budgets(settings.k, k_max, "The comparison is asked for")
        table_k = table_budgets(settings.k, k_max)
        k = np.union1d(doublings(k_max), np.array(table_k, dtype=np.int64))
        return cls(
            samples=samples,
            settings=settings,
            more=tuple(map(named_selector, settings.selectors)),
            pools=pools,
            table_k=table_k,
            k=k,
            coverage=AnyCorrect().values(pools, k).value,
            success=pools.c / pools.n,
        )

    def curve(self, metric: str, picked: Picked) -> Curve:
        """Average the values of all problems."""
        options = IntervalOptions(confidence_level=self.settings.confidence_level)
        return averaged_curve(metric, self.k, picked, options)

    def view(self, scores: VerifierScores) -> tuple[SamplePools, bool]:
        """Return the samples as a selector sees them that goes by a verifier, and whether the answers are the verifier's own.

        Its own classes stand in where the oracle has none: programs that pass the same tests, say.
        """
        answers = self.pools.answer_class
        own = voting(scores.answer_class) if answers is None else None
        view = seen_by(replace(self.pools, answer_class=answers if own is None else own), [scores])
        return view, own is not None

    def at(self, k: int) -> int:
        """Return the position of a budget in `k`."""
        return int(np.searchsorted(self.k, k))
