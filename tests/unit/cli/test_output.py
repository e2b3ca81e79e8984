"""Rows on stdout: every form holds the same values, and programs can read them."""

import csv
import io
import json
import math

import pytest

from ttscale.cli.main import say
from ttscale.cli.output import print_rows, print_table
from ttscale.cli.progress import LogProgress

ROWS = [{"name": 'a, "b"', "value": 0.1 + 0.2, "low": None}, {"name": "ü", "value": math.nan, "extra": 3}]


def said(capsys: pytest.CaptureFixture[str], output: str | None) -> str:
    print_rows(ROWS, output)
    return capsys.readouterr().out


def test_json_has_every_digit_and_no_word_that_json_lacks(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(said(capsys, "json"), parse_constant=pytest.fail)
    assert found == [ROWS[0], {**ROWS[1], "value": None}]


def test_json_lines_are_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys, "jsonl").splitlines()
    assert [json.loads(line)["name"] for line in lines] == [row["name"] for row in ROWS]


def test_csv_has_the_columns_of_all_rows(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = csv.DictReader(io.StringIO(said(capsys, "csv")))
    assert list(first) == ["name", "value", "low", "extra"]
    assert (first["name"], float(first["value"]), first["extra"]) == (ROWS[0]["name"], 0.1 + 0.2, "")
    assert second["extra"] == "3"


def test_a_table_off_a_terminal_has_no_colour_and_no_trailing_blanks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = said(capsys, None)
    assert "\x1b" not in table
    assert all(line == line.rstrip() for line in table.splitlines())
    assert "ü" in table


@pytest.mark.parametrize(("output", "nothing"), [("json", "[]\n"), ("jsonl", ""), (None, "")])
def test_no_rows_are_no_rows(output: str | None, nothing: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([], output)
    assert capsys.readouterr().out == nothing


@pytest.mark.parametrize("kind", ["table", "message", "warning"])
def test_foreign_text_cannot_steer_a_terminal(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "p\x1b]0;owned\x07\x1b[2J\u202egnp\x9b31m"
    if kind == "table":
        print_table([{"problem": hostile, "n": 3}, {"problem": "q", "n": 4}])
    elif kind == "message":
        say(f"Error: {hostile}")
    else:
        LogProgress().note(hostile)
    out = capsys.readouterr()
    said = out.out + out.err
    assert "owned" in said
    assert not set(said) & set("\x1b\x07\u202e\x9b")
