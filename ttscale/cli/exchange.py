"""Commands that move samples between tools: import and export."""

from pathlib import Path
from typing import Any

import click

from ttscale.cli.options import output_options


@click.command("import")
@click.argument("what", nargs=-1, metavar="[FORMAT] PATH...")
@click.option("--out", type=click.Path(path_type=Path), help="Run directory: new, or of an earlier import.")
@click.option("--model", help="The model's name, where the files do not say it.")
@click.option("--task", help="The benchmark's name, where the files do not say it.")
@click.option(
    "--map", "mapping", metavar="FIELD=COLUMN,...", help="For a table: which column holds what; see --list."
)
@click.option(
    "--problems",
    metavar="TASK",
    help="Take prompts, keys and tests from a task instead, by problem id: a name or {name: ..., option: ...}.",
)
@click.option(
    "--threshold",
    type=float,
    help="The score from which on a sample is correct, for formats with scores alone.",
)
@click.option("--oracle", metavar="NAME", help="The imported verifier that defines correct.")
@click.option("--list", "list_formats", is_flag=True, help="List the formats and import nothing.")
@output_options
def import_command(
    what: tuple[str, ...],
    out: Path | None,
    model: str | None,
    task: str | None,
    mapping: str | None,
    problems: str | None,
    threshold: float | None,
    oracle: str | None,
    list_formats: bool,
    output: str | None,
) -> None:
    """Import samples of other tools into a run directory; then show, report, compare, verify as ever.

    Without FORMAT it is guessed. All of PATH is imported, or on an error nothing. The same command again adds
    nothing; files that are new or have grown add what is new.
    """
    from ttscale.cli.output import print_rows

    if list_formats:
        print_rows(_formats(), output)
        return
    from ttscale.cli.progress import make_progress
    from ttscale.config.loading import parse_plugin
    from ttscale.errors import InvalidInputError
    from ttscale.pipeline.importing import import_samples

    format_name, paths = _split(what)
    if not paths:
        raise click.UsageError(
            "Give the files or folders to import: ttscale import [FORMAT] PATH... --out RUN"
        )
    if out is None:
        raise click.UsageError("Give the run directory to import into: --out RUN")
    options: dict[str, Any] = {"model": model, "task": task, "threshold": threshold}
    if mapping is not None:
        if format_name not in (None, "table"):
            raise InvalidInputError(f"--map is for tables, but the format is '{format_name}'.")
        format_name = "table"
        options["map"] = mapping
    result = import_samples(
        paths,
        out,
        format_name=format_name,
        options={name: value for name, value in options.items() if value is not None},
        problems=parse_plugin(problems, "--problems") if problems else None,
        oracle=oracle,
        progress=make_progress(),
    )
    print_rows(_rows(result), output)
    _tell(result)


def _split(what: tuple[str, ...]) -> tuple[str | None, list[Path]]:
    """Tell the format's name from the paths: a word is a format if it is one, or if no such file exists."""
    from ttscale.registry import find_plugin, plugins

    if not what:
        return None, []
    first, *rest = what
    is_format = first in plugins("importers") or (":" in first and not Path(first).exists())
    if not is_format and rest and not Path(first).exists() and "/" not in first and "." not in first:
        find_plugin("importers", first)  # says what is known
    return (first, [Path(each) for each in rest]) if is_format else (None, [Path(each) for each in what])


def _formats() -> list[dict[str, Any]]:
    from ttscale.registry import plugins

    return [
        {"format": name, "origin": ref.origin, "what": (ref.load().__doc__ or "").strip().split("\n")[0]}
        for name, ref in plugins("importers").items()
    ]


def _rows(result: Any) -> list[dict[str, Any]]:
    """Return one row per cell of the run as it is now."""
    store = result.store
    rows = []
    for cell in store.cells():
        counts = store.counts(cell)
        rows.append(
            {
                "cell": cell,
                "problems": len(store.problems(cell)),
                "samples": sum(counts.values()),
                "fewest": min(counts.values(), default=0),
                "most": max(counts.values(), default=0),
                "new": sum(record.n_new_in.get(cell, 0) for record in result.read),
                "verdicts": ", ".join(
                    f"{one.info.verifier} ({one.count(cell):,})"
                    for one in store.verdict_sets()
                    if one.count(cell)
                ),
            }
        )
    return rows


def _tell(result: Any) -> None:
    """Say what was not imported, and what can be done next."""
    from collections import Counter

    from ttscale.cli.main import say

    unmapped: Counter[str] = Counter()
    remarks: dict[str, None] = {}
    for record in result.read:
        unmapped.update(record.unmapped)
        remarks |= dict.fromkeys(record.remarks)
    if unmapped:
        say(
            "Not imported: "
            + ", ".join(f"{name} ({count:,})" for name, count in sorted(unmapped.items()))
            + "."
        )
    for remark in remarks:
        say(f"Note: {remark}")
    path = result.store.path
    if any(one.info.sees_answer for one in result.store.verdict_sets()):
        say(f"Next: ttscale show {path}")
    else:
        say(f"No verdicts came along. Next: ttscale verify {path} --verifier NAME (ttscale list verifiers)")


@click.command("export")
@click.argument("run", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--to",
    "to",
    metavar="FORMAT",
    help="parquet, jsonl, csv, counts, lm-eval, traces or figures; see --list.",
)
@click.option("--out", type=click.Path(path_type=Path), help="A file or folder that is not there yet.")
@click.option("--cell", "cells", multiple=True, metavar="NAME", help="Only this cell. Repeatable.")
@click.option(
    "--style",
    type=click.Choice(["page", "paper"]),
    default="page",
    show_default=True,
    help="Of figures; paper: as wide as one of two columns, small type, no title.",
)
@click.option("--list", "list_formats", is_flag=True, help="List the formats and export nothing.")
@output_options
def export_command(
    run: Path | None,
    to: str | None,
    out: Path | None,
    cells: tuple[str, ...],
    style: Any,
    list_formats: bool,
    output: str | None,
) -> None:
    """Export samples, counts or figures of RUN for other tools."""
    from ttscale.cli.output import print_rows
    from ttscale.report.exporting import FORMATS, export_run

    if list_formats:
        print_rows([{"format": name, "what": what} for name, what in FORMATS.items()], output)
        return
    if run is None or to is None or out is None:
        raise click.UsageError("Give a run, a format and a place: ttscale export RUN --to FORMAT --out PATH")
    files = export_run(run, to, out, cells=cells, style=style)
    print_rows([{"file": str(path), "bytes": path.stat().st_size} for path in files], output)
