"""A prior from earlier counts: other models on this benchmark, or this model on another one of its kind.

Each earlier table says which laws it follows and with which parameters. Tables of one kind share that up to a spread
between them, which their number and scatter estimate (an empirical-Bayes prior over populations): the prior is centered
where they lie, as wide as they differ, and never narrower than half of what is believed without them, divided among few.
A law that explained them is likelier, and none is ruled out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy.special import softmax
from threadpoolctl import threadpool_limits

from ttscale.arrays import ArrayLike, FloatArray
from ttscale.errors import InvalidInputError
from ttscale.stats.counts.counts import Counts, UniqueCounts, counts
from ttscale.stats.forecast.model_averaging import highest_mode
from ttscale.stats.forecast.prior import KNOTS, PriorLaw, PriorModel, Tail, prior_models, under_shapes

_OWN_TABLES = 2.0
"""Tables that the prior without any counts for, in the spread between tables and in the weights of laws."""
_BETWEEN = 0.5
"""Spread between tables of one kind before any is seen, over the spread of the prior without them."""


Earlier = Sequence[tuple[ArrayLike, ArrayLike]]
"""Tables of counts, each as (n, c)."""


def earlier(like: Earlier, data: Counts) -> tuple[Counts, ...]:
    """Validate earlier counts; those of `data` itself are left out, so that nothing counts twice.

    Raises:
        InvalidInputError: Impossible counts, or a table without samples.
    """
    tables = tuple(counts(n, c) for n, c in like)
    if any(not table.n.any() for table in tables):
        raise InvalidInputError("Earlier counts hold no samples. Leave them out, or give counts of a run.")
    return tuple(
        table for table in tables if not (np.array_equal(table.n, data.n) and np.array_equal(table.c, data.c))
    )


@dataclass(frozen=True, slots=True)
class _Fit:
    center: FloatArray
    variance: FloatArray
    evidence: float


def models_like(tables: Sequence[Counts], tail: Tail = "auto") -> tuple[PriorModel, ...]:
    """Return the models of a tail with a prior learnt from earlier counts; without any, those of `prior_models`.

    Args:
        tables: Counts of other models on this benchmark, or of benchmarks of its kind.
        tail: What is known of the hardest problems.
    """
    if not tables:
        return prior_models(tail)
    return _learnt(tuple((table.n.tobytes(), table.c.tobytes()) for table in tables), tail)


@lru_cache(maxsize=8)
def _learnt(tables: tuple[tuple[bytes, bytes], ...], tail: Tail) -> tuple[PriorModel, ...]:
    seen = [Counts(*(np.frombuffer(column, np.int64) for column in table)).unique() for table in tables]
    models = prior_models(tail)
    fits = [_fits(models, pairs) for pairs in seen]  # per table, per model
    share = np.mean([softmax([fit.evidence for fit in of_table]) for of_table in fits], axis=0)
    own = np.array([model.prior.weight * model.shape.weight for model in models])
    weight = (_OWN_TABLES * own + len(seen) * share) / (_OWN_TABLES + len(seen))
    learnt: list[PriorModel] = []
    for model, chance, *of_model in zip(models, weight, *fits, strict=True):
        law = replace(_moved(model.prior, of_model), weight=1.0)
        learnt += under_shapes(law, (replace(model.shape, weight=float(chance)),))
    return tuple(learnt)


def _fits(models: Sequence[PriorModel], pairs: UniqueCounts) -> list[_Fit]:
    with threadpool_limits(1, user_api="blas"):
        found = highest_mode(models, pairs, int(KNOTS[-1]))
    return [
        _Fit(
            center, np.diag(covariance), height + 0.5 * float(np.linalg.slogdet(2.0 * np.pi * covariance)[1])
        )
        for center, covariance, height in found
    ]


def _moved(prior: PriorLaw, fits: Sequence[_Fit]) -> PriorLaw:
    """Center a prior on the fits, as wide as they differ from each other and are unsure themselves."""
    expected = (_BETWEEN * prior.spread) ** 2
    precision = 1.0 / (np.array([fit.variance for fit in fits]) + expected)  # (T, D)
    center = np.sum(precision * [fit.center for fit in fits], axis=0) / precision.sum(axis=0)
    scatter = np.sum([(fit.center - center) ** 2 for fit in fits], axis=0)
    between = (_OWN_TABLES * expected + scatter) / (_OWN_TABLES + len(fits) - 1.0)
    spread = np.sqrt(between + 1.0 / precision.sum(axis=0))
    return replace(prior, center=center, spread=np.minimum(spread, prior.spread))
