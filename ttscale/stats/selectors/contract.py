"""What a selector is: how one answer of k samples is picked, as values at every budget.

A selector is a class, constructed without arguments or from an instance of its `Options` (a frozen pydantic model)
where it has one::

    class MySelector(Selector):
        metric = "my_selector"
        needs = frozenset({"scores"})

        def label(self, verifier=None): ...
        def values(self, pools, k, *, rng=None): ...

Notation: P problems, S samples in all; k is a budget in samples per problem.
"""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Protocol, TypeVar

import numpy as np

from ttscale.arrays import ArrayLike, FloatArray, IntArray
from ttscale.errors import InvalidInputError
from ttscale.stats.counts.counts import counts
from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.counts.pools import Pools, classes, flags
from ttscale.stats.counts.pools import pools as grouped
from ttscale.stats.counts.pools import scores as numbers
from ttscale.stats.intervals.intervals import Rng

Need = Literal["answers", "scores", "verdicts", "features"]
"""What a selector goes by: the samples' answers, the scores or verdicts of one verifier, or the scores of several together."""

Effort = Literal["counts", "ranks", "votes"]
"""What a budget costs to compute: next to nothing, little, or so much that curves have few budgets."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SamplePools:
    """The samples of P problems with what is known of each; build it with `sample_pools` or `counted_pools`.

    Attributes:
        n: Samples of each problem, shape (P,).
        c: Correct ones, shape (P,).
        table: Which samples belong to which problem; None where there are counts alone.
        correct: Shape (S,), 0 or 1.
        answer_class: Class of each answer within its problem, -1 abstains, shape (S,); None where not known.
        score: The verifier's, higher is better, shape (S,); None where there is none.
        accepted: The verifier's verdicts, 0 or 1, shape (S,); None where there is none.
        failed: Where the verifier failed: such a sample gets no vote; shape (S,), None: nowhere.
        features: Scores of F verifiers, shape (S, F); None where there are none.
    """

    n: IntArray
    c: IntArray
    table: Pools | None = None
    correct: IntArray | None = None
    answer_class: IntArray | None = None
    score: FloatArray | None = None
    accepted: IntArray | None = None
    failed: IntArray | None = None
    features: FloatArray | None = None

    def samples(self) -> tuple[Pools, IntArray]:
        """Return which samples belong to which problem, and which are correct."""
        return _known(self.table, "the samples"), _known(self.correct, "the samples")

    def answers(self) -> IntArray:
        """Return the answer classes."""
        return _known(self.answer_class, "answers")

    def scores(self) -> FloatArray:
        """Return the verifier's scores."""
        return _known(self.score, "scores")

    def acceptance(self) -> tuple[IntArray, IntArray, IntArray]:
        """Return samples, accepted ones and accepted correct ones of each problem, each of shape (P,)."""
        table, right = self.samples()
        yes = _known(self.accepted, "verdicts")
        return self.n, table.totals(yes), table.totals(yes * right)

    def has(self, need: Need) -> bool:
        """Tell whether a selector finds what it goes by."""
        columns = {"answers": self.answer_class, "scores": self.score, "verdicts": self.accepted}
        return (self.features if need == "features" else columns[need]) is not None

    def take(self, rows: IntArray) -> "SamplePools":
        """Return some of the samples, of the same problems."""
        whole, right = self.samples()
        table = grouped(whole.problem_of_row()[rows])
        kept = {
            name: None if column is None else column[rows]
            for name in ("answer_class", "score", "accepted", "failed", "features")
            for column in [getattr(self, name)]
        }
        return replace(self, n=table.n, c=table.totals(right[rows]), table=table, correct=right[rows], **kept)


def sample_pools(
    problem: ArrayLike,
    correct: ArrayLike,
    *,
    answer_class: ArrayLike | None = None,
    score: ArrayLike | None = None,
    accepted: ArrayLike | None = None,
    failed: ArrayLike | None = None,
) -> SamplePools:
    """Group samples by problem, with what selectors go by.

    Args:
        problem: Problem number of each sample, shape (S,), 0..P-1.
        correct: Whether each sample is correct, shape (S,).
        answer_class: Class of each answer within its problem, shape (S,); -1 abstains.
        score: A verifier's score of each sample, higher is better, shape (S,).
        accepted: Whether the verifier accepts each sample, shape (S,).
        failed: Where the verifier failed, shape (S,); such a sample gets no vote.

    Raises:
        InvalidInputError: Columns of unequal length, a NaN score, or a label that is neither true nor false.

    >>> sample_pools([0, 0, 1], [True, False, True]).c.tolist()
    [1, 1]
    """
    table = grouped(problem)
    size = len(table.order)
    right = flags(correct, "correct", size)
    return SamplePools(
        n=table.n,
        c=table.totals(right),
        table=table,
        correct=right,
        answer_class=None if answer_class is None else classes(answer_class, "answer_class", size),
        score=None if score is None else numbers(score, "score", size),
        accepted=None if accepted is None else flags(accepted, "accepted", size),
        failed=None if failed is None else flags(failed, "failed", size),
    )


def counted_pools(n: ArrayLike, c: ArrayLike) -> SamplePools:
    """Return pools of which only counts are known: enough for coverage, not for picking an answer.

    >>> counted_pools(8, [0, 3]).n.tolist()
    [8, 8]
    """
    data = counts(n, c)
    return SamplePools(n=data.n, c=data.c)


@dataclass(frozen=True, slots=True, eq=False)
class Picked:
    """Chance that the picked answer is correct.

    Attributes:
        value: Shape (P, K).
        standard_error: Monte Carlo error of each value, shape (P, K); None where they are exact.
    """

    value: FloatArray
    standard_error: FloatArray | None = None

    def error_of_mean(self) -> FloatArray | None:
        """Return the Monte Carlo error of the mean over problems, shape (K,); None where it is exact."""
        if self.standard_error is None:
            return None
        error: FloatArray = np.sqrt((self.standard_error**2).sum(axis=0)) / len(self.value)
        return error


class Selector(Protocol):
    """Picks one answer of k samples. Derive from it, so that what you leave out has its default.

    Attributes:
        metric: Name of its curve.
        needs: What it goes by; one that names scores or verdicts goes by a verifier, one that names features by several at once.
        effort: What a budget costs to compute.
        stops_early: Whether drawing may end before k; then `draws` says how soon.
        at_k: What messages call it at a budget.
    """

    metric: ClassVar[str]
    needs: ClassVar[frozenset[Need]]
    effort: ClassVar[Effort] = "ranks"
    stops_early: ClassVar[bool] = False
    at_k: ClassVar[str] = "k = {k}"

    def label(self, verifier: str | None = None) -> str:
        """Return what a table calls it, by itself or going by a verifier, or by several ("a + b")."""
        ...

    def values(
        self, pools: SamplePools, k: IntArray, *, rng: np.random.Generator | int | None = None
    ) -> Picked:
        """Return each problem's chance of a correct pick, over all subsets of k of its samples.

        Args:
            pools: The samples, with what the selector needs.
            k: Budgets, increasing, at most the fewest samples of any problem, shape (K,).
            rng: Of whatever is simulated.

        Returns:
            Values of shape (P, K).
        """
        ...

    def draws(self, pools: SamplePools, k: IntArray) -> FloatArray:
        """Return how many samples each problem takes at most k, on average; shape (P, K). All k, unless it stops early."""
        return np.broadcast_to(k.astype(np.float64), (len(pools.n), len(k)))


def goes_by_verifier(selector: Selector) -> bool:
    """Tell whether a selector needs a verifier's scores or verdicts."""
    return bool(selector.needs & {"scores", "verdicts"})


def _known(column: T | None, what: str) -> T:
    if column is None:
        raise InvalidInputError(f"This selector goes by {what}, which these pools lack.")
    return column


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
