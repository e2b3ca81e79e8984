"""The terminal's table and the rows for machines."""

import dataclasses
import io
import json

import pytest
from report_results import make_result
from rich.console import Console

from ttscale.analysis.run.results import RunResult
from ttscale.report import render_table, result_rows
from ttscale.showing.numbers import at_k


def rendered(result: RunResult, *, terminal: bool = False, width: int = 80) -> str:
    stream = io.StringIO()
    render_table(result, Console(file=stream, force_terminal=terminal, width=width, color_system=None))
    return stream.getvalue()


def test_each_budget_is_one_line_with_every_estimate_and_its_interval() -> None:
    result = make_result(n=256)
    lines = rendered(result).splitlines()
    (cell,) = result.cells
    for k in (1, 10, 100, 256):
        (line,) = [line for line in lines if line.strip().startswith(f"{k} ")]
        for curve in (cell.coverage, *cell.selectors.values()):
            assert str(at_k(curve, k, sign="")) in line


def test_law_caveats_and_interval_are_written_below_the_table() -> None:
    text = rendered(make_result(n=256, warnings=("Seven samples are missing.",)))
    assert "coverage(k) ~ exp(a k^b), a = -" in text
    assert "Note: Seven samples are missing." in text
    assert "95% interval over problems" in text


def test_what_an_attempt_of_a_strategy_takes_is_told() -> None:
    result = make_result(n=256)
    assert "An attempt takes" not in rendered(result)
    (cell,) = result.cells
    totals = dataclasses.replace(cell.totals, n_samples=10, completion_tokens=1854, calls=142)
    told = dataclasses.replace(result, cells=(dataclasses.replace(cell, totals=totals),))
    assert "An attempt takes 14.2 calls and 185 tokens on average." in rendered(told)
    uncounted = dataclasses.replace(totals, completion_tokens=None)
    assert uncounted.per_attempt == "An attempt takes 14.2 calls on average."


def test_off_a_terminal_there_are_no_escapes_and_no_frames() -> None:
    text = rendered(make_result(n=256))
    assert "\x1b" not in text
    assert not set("─│┃━") & set(text)


@pytest.mark.parametrize("width", [80, 100, 140])
def test_a_terminal_is_never_overrun(width: int) -> None:
    text = rendered(make_result(n=1000), terminal=True, width=width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert "…" not in text


def test_names_cannot_send_escapes_or_markup_to_the_terminal() -> None:
    cell = dataclasses.replace(
        make_result(n=10).cells[0],
        model="\x1b[2J[bold]m[/bold]",
        warnings=("\x1b]0;owned\x07", "[red]x[/red]"),
    )
    text = rendered(dataclasses.replace(make_result(n=10), cells=(cell,)))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "⟨ESC⟩[2J[bold]m[/bold]" in text
    assert "[red]x[/red]" in text


def test_a_cell_without_law_or_selectors_has_a_table_too() -> None:
    cell = dataclasses.replace(make_result(n=10, law=False).cells[0], selectors={})
    text = rendered(dataclasses.replace(make_result(n=10), cells=(cell,)))
    assert "coverage" in text
    assert "exp(" not in text


def test_rows_are_tidy_and_json_ready() -> None:
    result = make_result(n=256, cells=("one", "two"))
    rows = json.loads(json.dumps(result_rows(result)))
    assert len(rows) == 2 * 5 * 4
    first = rows[0]
    assert (first["cell"], first["curve"], first["k"]) == ("one", "coverage", 1)
    assert first["value"] == result.cells[0].coverage.value[0]
    assert {"low", "high", "n_problems", "method", "confidence_level", "over"} <= set(first)
