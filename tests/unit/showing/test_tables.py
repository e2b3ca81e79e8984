"""Tables for a terminal: what is constant stands above, numbers never fold, what is too wide turns over."""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from ttscale.showing.numbers import share
from ttscale.showing.palette import PALETTE
from ttscale.showing.tables import split_constants, terminal_table, text_table

ROWS = [
    {
        "cell": f"model-{i}",
        "over": "problems",
        "k": 10**i,
        "empty": None,
        **{f"selector {j}": share(0.1 * i + 0.01 * j, 0.05, 0.95) for j in range(4)},
    }
    for i in range(3)
]


def rendered(rows: list[dict[str, object]], width: int) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None).print(
        terminal_table(rows, title="A title", width=width)
    )
    return stream.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_no_number_is_ever_cut_in_two(width: int) -> None:
    text = rendered(ROWS, width)
    assert max(map(len, text.splitlines())) <= width
    for row in ROWS:
        for value in row.values():
            if isinstance(value, type(share(0.5))):
                assert value.value in text.split()
                assert value.interval in text


def test_where_room_is_short_words_give_way_and_numbers_stay_whole() -> None:
    rows = [
        {
            "law": name,
            "parameter": "alpha",
            "value": share(0.1, 0.05, 0.2),
            "error on the curve": "1.2 points",
            "AIC": 123.4 + k,
        }
        for k, name in enumerate(("beta-binomial", "log-log", "zero-inflated-generalized-beta"))
    ]
    for width in range(40, 100):
        text = rendered(rows, width)
        assert max(map(len, text.splitlines())) <= width, width
        for number in ("123", "124", "125", "[5.0, 20.0]"):
            assert number in text, width


def test_constants_and_what_is_unknown_leave_the_columns() -> None:
    constants, rows = split_constants(ROWS)
    assert constants == {"over": "problems"}
    assert list(rows[0]) == ["cell", "k", *(f"selector {j}" for j in range(4))]
    text = rendered(ROWS, 200)
    assert text.count("problems") == 1
    assert "empty" not in text


def test_a_single_row_keeps_all_its_columns() -> None:
    assert split_constants([{"a": 1, "b": "x"}]) == ({}, [{"a": 1, "b": "x"}])


def test_equal_intervals_and_yes_or_no_stay_in_the_rows() -> None:
    rows = [{"k": k, "value": share(0.5, 0.4, 0.6), "best": True} for k in (1, 2)]
    assert split_constants(rows)[0] == {}


def test_a_title_does_not_wrap_to_a_narrow_table() -> None:
    stream = io.StringIO()
    Console(file=stream, width=80, color_system=None).print(
        terminal_table([{"k": 1}, {"k": 2}], title="A title that is wider than its table", width=80)
    )
    assert "A title that is wider than its table" in stream.getvalue().splitlines()[0]


def test_plain_text_lines_up() -> None:
    lines = text_table([{"k": 1, "value": share(0.5, 0.4, 0.6)}, {"k": 100, "value": None}]).splitlines()
    assert lines[1].index("]") == lines[2].index("–")


def test_the_page_has_the_palette_of_the_figures() -> None:
    css = Path("ttscale/report/templates/report.css").read_text(encoding="utf-8")
    light = re.search(
        r"--s0: (#\w+); --s1: (#\w+); --s2: (#\w+); --s3: (#\w+); --s4: (#\w+); --s5: (#\w+); --s6: (#\w+);",
        css,
    )
    assert light is not None
    assert light.groups() == PALETTE
