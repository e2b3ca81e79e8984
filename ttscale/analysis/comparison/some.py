"""The comparison of verifiers for a report: on as many samples as a few seconds allow, drawn at random."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl

from ttscale.analysis.comparison.compare import VOTE, ComparisonSettings, compare_samples
from ttscale.analysis.comparison.ready import SELECTORS
from ttscale.analysis.comparison.results import Comparison, Selection
from ttscale.analysis.reading.cell import CellReader
from ttscale.analysis.reading.settling import settle
from ttscale.config.models import AnalysisSettings
from ttscale.errors import TtscaleError
from ttscale.stats.counts.curve import Curve
from ttscale.stats.selectors.voting import MajorityVote

_MOST_SAMPLES = 20_000
_FEWEST_EACH = 8
_MOST_PROBLEMS = _MOST_SAMPLES // _FEWEST_EACH
_RESAMPLES = 1000


def compare_some(
    rows: pl.DataFrame, cell: CellReader, settings: AnalysisSettings, whole: Mapping[str, Curve]
) -> tuple[Comparison | None, tuple[str, ...]]:
    """Compare a cell's verifiers, and the vote where there are answers.

    Samples without a verdict of every verifier are left out for all of them. At most 20,000 samples are compared, the
    same number of each problem; of more than 2,500 problems a random part.

    Args:
        rows: What `CellReader.rows` returned, or some of it.
        cell: The cell.
        settings: Confidence level and seed.
        whole: The curves of all samples by label, coverage among them: they stand in the place of those of a part, so that
            one question has one answer.

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
        return _with_whole(compare_samples(settle(table, how.errors), names, how), whole), notes
    except TtscaleError as error:
        return None, (f"Verifiers are not compared: {error}",)


def _with_whole(found: Comparison, whole: Mapping[str, Curve]) -> Comparison:
    """Return a comparison with the curves that are known of all samples, at the budgets which those have."""
    coverage = whole.get("coverage")
    known = [k for k in found.table_k if coverage is not None and coverage.at(k) is not None]
    if coverage is None or not known:
        return found
    spelt = {selector.label(): selector for selector in (*SELECTORS, MajorityVote())}

    def curve(verifier: str, selection: Selection) -> Curve:
        selector = spelt.get(selection.name)
        own = None if selector is None else whole.get(selector.label(verifier))
        return own if own is not None and all(own.at(k) is not None for k in known) else selection.curve

    verifiers = tuple(
        replace(
            one,
            selections=tuple(replace(each, curve=curve(one.name, each)) for each in one.selections),
        )
        for one in found.verifiers
    )
    return replace(found, coverage=coverage, table_k=tuple(known), verifiers=verifiers)


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
        f"Verifiers are compared on {kept.height:,} samples{problems}, {each:,} of each problem, drawn at random, but for "
        "curves known of all. All of them: ttscale compare RUN.",
    )
