"""Export a run: samples and counts for other tools, figures for a paper."""

import io
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from ttscale.analysis.reading.cell import CellReader, RunReader, stored_config
from ttscale.analysis.run.analyze import analyze_run
from ttscale.analysis.run.results import RunResult
from ttscale.config.models import AnalysisSettings
from ttscale.errors import DataWarning, InvalidInputError, StoreError, did_you_mean, listed
from ttscale.exchange.export.columns import CellExport
from ttscale.exchange.export.dataset import write_dataset
from ttscale.exchange.export.files import appearing, write_csv, write_jsonl
from ttscale.exchange.export.lm_eval import write_lm_eval
from ttscale.plots import save_figure
from ttscale.plots.style import Style
from ttscale.report.cells import page_cells
from ttscale.report.figures import (
    ReportFigure,
    csv_bytes,
    curves_figure,
    figure_prefixes,
    overlay_figure,
    success_rates_figure,
)
from ttscale.showing.numbers import exact_percent, share
from ttscale.stats.counts.curve import table_budgets
from ttscale.stats.coverage.coverage import coverage_curve
from ttscale.store.calls import finished_journal
from ttscale.store.run import RunStore
from ttscale.store.verdicts import VerdictSet

FORMATS = {
    "parquet": "a data set for the hub: Parquet files, problems and a data card",
    "jsonl": "one JSON object per sample, with all verdicts",
    "csv": "one line per sample, with all verdicts",
    "counts": "a CSV with n and c of every problem",
    "lm-eval": "samples in the style of lm-evaluation-harness",
    "traces": "one JSON object per call and judgement of a strategy's attempts",
    "figures": "PNG, SVG and PDF with the data table beside each",
}
"""Name -> what it is."""

_SUFFIXES = (".png", ".svg", ".pdf")


def export_run(
    run: Path | str, to: str, out: Path | str, *, cells: Sequence[str] = (), style: Style = "page"
) -> list[Path]:
    """Write a run for use elsewhere.

    Args:
        run: The run directory.
        to: One of `FORMATS`.
        out: A file (jsonl, csv, counts, traces) or a folder (the others); it must not be there yet.
        cells: Only these; all by default.
        style: Of figures: "page", or "paper" for one of two columns.

    Returns:
        The files written.

    Raises:
        InvalidInputError: An unknown format or cell, or `out` is taken.
        StoreError: There is nothing to export, or `out` cannot be written.
    """
    if to not in FORMATS:
        raise InvalidInputError(
            f"Unknown format '{to}'.{did_you_mean(to, FORMATS)} Known: {listed(FORMATS)}."
        )
    store, out = RunStore(run), Path(out)
    oracles = _oracles(store, cells)
    if to == "parquet":
        write_dataset(store, oracles, out, title=store.manifest()["name"], findings=_findings(store, oracles))
    elif to == "jsonl":
        write_jsonl(_all_rows([CellExport(store, *each) for each in oracles.items()]), out)
    elif to == "csv":
        _write_csv([CellExport(store, *each) for each in oracles.items()], out)
    elif to == "counts":
        counts = _counts(store, oracles)
        write_csv(counts, counts[0].columns, out)
    elif to == "traces":
        write_jsonl(_traces(store, list(oracles)), out)
    elif to == "lm-eval":
        write_lm_eval(store, oracles, out)
    else:
        _write_figures(analyze_run(store), oracles, out, style)
    return sorted(path for path in out.rglob("*") if path.is_file()) if out.is_dir() else [out]


def counts_table(store: RunStore, cell: str, oracle: VerdictSet | None) -> pl.DataFrame:
    """Return n and c of every problem of a cell, as `ttscale curve` and its kin read them.

    Raises:
        StoreError: Nothing defines *correct* in this cell.
    """
    if oracle is None:
        raise StoreError(
            f"Cell '{cell}' of {store.path} has no verdicts to count. Run: ttscale verify {store.path}"
        )
    identity = store.manifest()["cells"][cell]
    judged = CellReader(store=store, name=cell, oracle=oracle).verified()
    known = {"cell": cell, "model": identity.get("model.path"), "task": identity.get("task.name")}
    table = pl.DataFrame({"problem_id": list(judged.problem_ids), "n": judged.n, "c": judged.c})
    return table.select(*(pl.lit(value, pl.String).alias(name) for name, value in known.items()), pl.all())


def _write_csv(exports: list[CellExport], out: Path) -> None:
    """Write all cells below each other, with the columns of all; those of a cell do not depend on the block."""
    columns = dict.fromkeys(name for export in exports for name in export.rows([]).columns)
    write_csv(_all_rows(exports), list(columns), out)


def _all_rows(exports: list[CellExport]) -> Iterator[pl.DataFrame]:
    """Yield the samples of every cell, as many at a time as fit into memory."""
    for export in exports:
        yield from export.all_rows()


def _traces(store: RunStore, cells: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Yield the journal of every cell whose attempts made several calls; of attempts that are done.

    Raises:
        StoreError: There is none.
    """
    recorded = [cell for cell in cells if store.calls_folder(cell).exists()]
    if not recorded:
        raise StoreError(
            f"{store.path} has no attempts of several calls: no cell has a strategy that makes them."
        )
    for cell in recorded:
        yield finished_journal(store.calls_folder(cell))


def _counts(store: RunStore, oracles: dict[str, VerdictSet | None]) -> list[pl.DataFrame]:
    unverified = [cell for cell, oracle in oracles.items() if oracle is None]
    if len(unverified) == len(oracles):
        counts_table(store, unverified[0], None)  # says so
    if unverified:
        warnings.warn(
            f"Cells without verdicts are left out: {listed(unverified)}. Run: ttscale verify {store.path}",
            DataWarning,
            stacklevel=2,
        )
    return [counts_table(store, cell, oracle) for cell, oracle in oracles.items() if oracle is not None]


def _oracles(store: RunStore, wanted: Sequence[str]) -> dict[str, VerdictSet | None]:
    """Return the cells to export with what defines *correct* in each, None where nothing does yet."""
    cells = store.cells()
    unknown = [cell for cell in wanted if cell not in cells]
    if unknown:
        raise InvalidInputError(
            f"{store.path} has no cell '{unknown[0]}'.{did_you_mean(unknown[0], cells)} Cells: {listed(cells)}."
        )
    reader = RunReader(store)
    found: dict[str, VerdictSet | None] = {}
    for cell in wanted or cells:
        if not store.has_samples(cell):
            continue
        try:
            found[cell] = reader.cell(cell).oracle
        except StoreError:  # samples alone can be exported, too
            found[cell] = None
    if not found:
        raise StoreError(f"{store.path} has no samples yet.")
    return found


def _findings(store: RunStore, oracles: dict[str, VerdictSet | None]) -> str:
    """Return the measured coverage as Markdown: of the whole analysis, what is cheap to compute."""
    settings = stored_config(store).analysis
    rows = []
    for cell, oracle in oracles.items():
        counts = counts_table(store, cell, oracle) if oracle is not None else pl.DataFrame()
        if counts.height:
            rows += _coverage_rows(cell, counts, settings)
    if not rows:
        return "The samples are not verified."
    head = [
        "Coverage: the share of problems that at least one of k samples solves, with the "
        f"{exact_percent(settings.confidence_level)} interval over problems.",
        "",
        "| configuration | k | coverage in percent |",
        "| --- | ---: | --- |",
    ]
    return "\n".join([*head, *rows])


def _coverage_rows(cell: str, counts: pl.DataFrame, settings: AnalysisSettings) -> list[str]:
    n, c = counts["n"].to_numpy(), counts["c"].to_numpy()
    curve = coverage_curve(
        n,
        c,
        table_budgets(settings.k, int(n.min())),
        confidence_level=settings.confidence_level,
        n_resamples=settings.n_resamples,
        rng=settings.seed,
    )
    return [
        f"| `{cell}` | {k:,} | {share(value, low, high)} |"
        for k, value, low, high in zip(curve.k.tolist(), curve.value, curve.low, curve.high, strict=True)
    ]


def _write_figures(result: RunResult, oracles: dict[str, VerdictSet | None], out: Path, style: Style) -> None:
    """Write every figure of the report in three formats, and its data."""
    with appearing(out) as folder:
        folder.mkdir()
        for figure in _figures(result, set(oracles), style):
            for suffix in _SUFFIXES:
                drawn = io.BytesIO()
                save_figure(figure.figure, drawn, suffix=suffix)
                (folder / f"{figure.name}{suffix}").write_bytes(drawn.getvalue())
            (folder / f"{figure.name}.csv").write_bytes(csv_bytes(figure.rows))


def _figures(result: RunResult, wanted: set[str], style: Style) -> list[ReportFigure]:
    cells = [cell for cell in page_cells([result]) if cell.result.cell in wanted]
    figures: list[Any] = [overlay_figure(cells, result.name, style)] if len(cells) > 1 else []
    for cell, prefix in zip(cells, figure_prefixes(cells), strict=True):
        figures += [
            curves_figure(cell.result, prefix, style),
            success_rates_figure(cell.result, prefix, style),
        ]
    return figures
