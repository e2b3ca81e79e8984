"""Rows of a data set: columns that lack are named, cells become text, templates are filled and nothing else."""

import math

import pytest

from ttscale.errors import TaskError
from ttscale.tasks.rows import as_text, fill, placeholders, require_columns, require_valid_text

ROWS = [{"question": "a", "answer": 1}, {"question": "b"}]


def test_a_column_that_all_rows_lack_is_told_with_what_was_meant() -> None:
    with pytest.raises(TaskError, match=r"'d\.csv' has no column 'quesion'\. Did you mean 'question'\?"):
        require_columns(ROWS, ["quesion"], "d.csv")


def test_a_column_that_one_row_lacks_is_told_with_the_row() -> None:
    with pytest.raises(TaskError, match="no column 'answer' in row 1"):
        require_columns(ROWS, ["question", "answer"], "d.csv")
    require_columns(ROWS, ["question"], "d.csv")


def test_half_a_surrogate_pair_is_refused_where_it_stands() -> None:
    with pytest.raises(TaskError, match="row 3 is not valid Unicode: half a surrogate pair at character 2"):
        require_valid_text("ab\ud800", "row 3")
    require_valid_text(None, "row 3")
    require_valid_text("\U0001f600", "row 3")


def test_cells_are_written_as_json_writes_them() -> None:
    cells = (None, math.nan, "x", 3, 2.5, True, ["é"], {"a": None})
    assert [as_text(cell) for cell in cells] == [None, None, "x", "3", "2.5", "true", '["é"]', '{"a": null}']


@pytest.mark.parametrize(
    ("template", "names", "filled"),
    [
        ("{q}", ["q"], "{x}"),
        (r"\boxed{{}} {q}", ["q"], r"\boxed{} {x}"),
        ("{{q}} {q}{n}", ["q", "n"], "{q} {x}7"),
        ("no names {}", [], "no names {}"),
        ("{n}{{{n}}}", ["n", "n"], "7{7}"),
    ],
)
def test_templates(template: str, names: list[str], filled: str) -> None:
    assert placeholders(template) == names
    assert fill(template, {"q": "{x}", "n": 7}) == filled
