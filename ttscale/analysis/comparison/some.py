"""The comparison of verifiers for a report: on as many samples as a few seconds allow, drawn at random."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from ttscale.analysis.comparison.compare import VOTE, ComparisonSettings, compare_samples
from ttscale.analysis.comparison.results import Comparison
from ttscale.analysis.reading.scored_samples import settle
from ttscale.config.models import AnalysisSettings
from ttscale.errors import TtscaleError
from ttscale.exchange.scores import ScoreTable

_MOST_SAMPLES = 20_000
_FEWEST_EACH = 8
_MOST_PROBLEMS = _MOST_SAMPLES // _FEWEST_EACH
_RESAMPLES = 1000


def compare_some(
    rows: pl.DataFrame, cell: str, oracle: str, verifiers: Sequence[str], settings: AnalysisSettings
) -> tuple[Comparison | None, tuple[str, ...]]:
    """Compare a cell's verifiers, and the vote where there are answers.

    Samples without a verdict of every verifier are left out for all of them. At most 20,000 samples are compared, the
    same number of each problem; of more than 2,500 problems a random part.

    Args:
        rows: From `ttscale.analysis.reading.tables.read_cell`.
        cell: Its name.
        oracle: What defines *correct*.
        verifiers: Those that do not see the key.
        settings: Confidence level and seed.

    Returns:
        The comparison, None where there is nothing to compare or it is impossible; and what was left out.
    """
    names = [*verifiers, *([VOTE] if rows["answer_class"].null_count() < rows.height else [])]
    if not names:
        return None, ()
    thinned, notes = _thinned(rows, settings.seed)
    table = ScoreTable(label=cell, oracle=oracle, verifiers=tuple(verifiers), frame=_named(thinned, oracle))
    how = ComparisonSettings(
        errors="drop",
        confidence_level=settings.confidence_level,
        n_resamples=min(settings.n_resamples, _RESAMPLES),
        seed=settings.seed,
    )
    try:
        return compare_samples(settle(table, how.errors), names, how), notes
    except TtscaleError as error:
        return None, (f"Verifiers are not compared: {error}",)


def _thinned(rows: pl.DataFrame, seed: int) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Keep a random part of the samples where there are too many; say so."""
    orders = rows["order"].unique()
    if rows.height <= _MOST_SAMPLES:
        return rows, ()
    if len(orders) > _MOST_PROBLEMS:
        chosen = np.random.default_rng(seed).choice(orders.sort().to_numpy(), _MOST_PROBLEMS, replace=False)
        rows = rows.filter(pl.col("order").is_in(chosen.tolist()))
    each = _MOST_SAMPLES // min(len(orders), _MOST_PROBLEMS)
    shuffled = pl.int_range(pl.len()).shuffle(seed=seed).over("order") < each
    kept = rows.filter(shuffled)
    problems = f" of {_MOST_PROBLEMS:,} problems" if len(orders) > _MOST_PROBLEMS else ""
    return kept, (
        f"Verifiers are compared on {kept.height:,} samples{problems}, {each:,} of each problem, drawn at random. "
        "All of them: ttscale compare RUN.",
    )


def _named(rows: pl.DataFrame, oracle: str) -> pl.DataFrame:
    """Return the columns under the names of `ScoreTable`."""
    return rows.with_columns(
        pl.col("outcome").alias(f"outcome:{oracle}"),
        pl.col("score").alias(f"score:{oracle}"),
        pl.col("seconds").alias(f"seconds:{oracle}"),
        pl.col("answer_class").alias(f"class:{oracle}"),
    )
