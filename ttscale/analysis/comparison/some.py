"""The comparison of verifiers for a report: on as many samples as a few seconds allow, drawn at random."""

import numpy as np
import polars as pl

from ttscale.analysis.comparison.compare import VOTE, ComparisonSettings, compare_samples
from ttscale.analysis.comparison.results import Comparison
from ttscale.analysis.reading.cell import CellReader
from ttscale.analysis.reading.settling import settle
from ttscale.config.models import AnalysisSettings
from ttscale.errors import TtscaleError

_MOST_SAMPLES = 20_000
_FEWEST_EACH = 8
_MOST_PROBLEMS = _MOST_SAMPLES // _FEWEST_EACH
_RESAMPLES = 1000


def compare_some(
    rows: pl.DataFrame, cell: CellReader, settings: AnalysisSettings
) -> tuple[Comparison | None, tuple[str, ...]]:
    """Compare a cell's verifiers, and the vote where there are answers.

    Samples without a verdict of every verifier are left out for all of them. At most 20,000 samples are compared, the
    same number of each problem; of more than 2,500 problems a random part.

    Args:
        rows: What `CellReader.rows` returned, or some of it.
        cell: The cell.
        settings: Confidence level and seed.

    Returns:
        The comparison, None where there is nothing to compare or it is impossible; and what was left out.
    """
    names = [*cell.verifiers, *([VOTE] if rows["answer_class"].null_count() < rows.height else [])]
    if not names:
        return None, ()
    thinned, notes = _thinned(rows, settings.seed)
    table = cell.score_table(thinned)
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
