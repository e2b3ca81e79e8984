"""What the page's scripts are given: finite numbers, harmless texts, each text once, within a size."""

import json
import math
from dataclasses import replace
from itertools import pairwise

import polars as pl
import pytest
from report_results import make_result

from ttscale.analysis.run.results import CellResult, SamplingTotals
from ttscale.report.cells import page_cells
from ttscale.report.payload import (
    TextLimits,
    TextPool,
    costs,
    curves_chart,
    numbers,
    overlay_chart,
    problem_table,
    rates_chart,
    text_limits,
)

LIMITS = TextLimits(characters=50, examples=2, answers=1, problems=1000)


def cell(**options: object) -> CellResult:
    return make_result(n_problems=40, n=100, **options).cells[0]  # type: ignore[arg-type]


def test_numbers_that_json_has_no_word_for_are_null() -> None:
    assert numbers([0.1234567, math.nan, math.inf, -math.inf, 0.0]) == [0.123457, None, None, None, 0.0]
    json.dumps(numbers([math.nan, math.inf]), allow_nan=False)


def test_a_chart_has_every_curve_with_its_interval_at_its_budgets() -> None:
    result = make_result(n_problems=40, n=100)
    chart = curves_chart(page_cells([result])[0])
    json.dumps(chart, allow_nan=False)
    lines = {line["label"]: line for line in chart["lines"]}
    assert set(result.cells[0].selectors) < set(lines)
    for line in lines.values():
        assert len(line["k"]) == len(line["value"]) == len(line["low"]) == len(line["high"])
        for low, value, high in zip(line["low"], line["value"], line["high"], strict=True):
            assert low <= value <= high
    assert chart["measuredK"] == 100
    assert {line["style"] for line in chart["lines"]} == {"measured", "law"}


def test_in_an_overlay_every_line_says_whose_it_is() -> None:
    chart = overlay_chart(page_cells([make_result(n_problems=40, n=100, cells=("a", "b"))]))
    assert len(chart["cells"]) == 2
    for line in chart["lines"]:
        owner = chart["cells"][line["cell"]]
        assert (line["color"], line["dash"]) == (owner["color"], owner["dash"])
    assert {line["cell"] for line in chart["lines"]} == {0, 1}


def test_every_problem_is_in_one_bar_or_never_solved() -> None:
    result = cell()
    chart = rates_chart(result)
    assert chart["never"] == int((result.problems["c"] == 0).sum())
    assert chart["never"] + sum(bar["count"] for bar in chart["bars"]) == chart["nProblems"] == 40
    assert all(left["label"].split(" to ")[1] == right["label"].split(" to ")[0] for left, right in pairwise(chart["bars"]))  # fmt: skip


def test_a_text_is_kept_once_and_none_is_no_text() -> None:
    pool = TextPool()
    assert [pool.place(text) for text in ("a", "b", None, "a", "")] == [0, 1, -1, 0, 2]
    assert pool.texts() == ["a", "b", ""]


def test_rows_point_at_their_texts() -> None:
    result, pool = cell(), TextPool()
    rows = problem_table(result, LIMITS, pool)
    texts = pool.texts()
    assert len(rows) == 40
    for row, problem in zip(rows, result.problems.iter_rows(named=True), strict=True):
        assert row[:3] == [str(problem["problem_id"]), problem["n"], problem["c"]]
        assert texts[row[3]] == problem["prompt"][:50]
        assert len(row[5]) <= 1
        assert len(row[6]) <= 2
        assert all(-1 <= place < len(texts) for example in row[6] for place in example[1:])


def test_examples_are_correct_and_wrong_ones_by_turns_in_their_own_order() -> None:
    def example(index: int, outcome: str) -> dict[str, object]:
        return {
            "sample_index": index,
            "outcome": outcome,
            "finish_reason": "stop",
            "completion": f"text {index}",
        }

    examples = [example(i, "incorrect") for i in range(5)] + [example(i, "correct") for i in (7, 8)]
    (row,) = cell().problems.head(1).with_columns(examples=pl.Series([examples])).iter_rows(named=True)
    frame = pl.DataFrame([row | {"examples": examples}])
    ((*_, kept),) = problem_table(replace(cell(), problems=frame), replace(LIMITS, examples=4), TextPool())
    assert [one[0] for one in kept] == [0, 1, 7, 8]


@pytest.mark.parametrize(
    ("finish", "told"), [("length", "length"), ("max_tokens", "length"), ("stop", "stop")]
)
def test_a_cut_off_sample_is_told_by_whatever_word(finish: str, told: str) -> None:
    example = {"sample_index": 0, "outcome": "correct", "finish_reason": finish, "completion": "text"}
    (row,) = cell().problems.head(1).with_columns(examples=pl.Series([[example]])).iter_rows(named=True)
    frame, pool = pl.DataFrame([row | {"examples": [example]}]), TextPool()
    ((*_, ((_, _, place, _),)),) = problem_table(replace(cell(), problems=frame), LIMITS, pool)
    assert pool.texts()[place] == told


def test_no_text_can_end_a_script_or_hide_its_order() -> None:
    pool = TextPool()
    hostile = cell(completions=("</script><script>alert(1)</script>\u202e{given}\x00",))
    problem_table(hostile, replace(LIMITS, characters=4000), pool)
    assert not any("\u202e" in text or "\x00" in text for text in pool.texts())


@pytest.mark.parametrize(("n_cells", "height"), [(1, 40), (3, 40), (10, 4000)])
def test_limits_keep_all_texts_within_the_budget(n_cells: int, height: int) -> None:
    one = cell()
    tall = replace(one, problems=pl.concat([one.problems] * (height // 40)))
    limits = text_limits([tall] * n_cells)
    rows = min(height, limits.problems) * n_cells
    assert rows * (1 + limits.examples) * limits.characters <= 2_400_000
    assert limits.problems * n_cells <= 40_000


def test_what_is_left_out_is_told() -> None:
    told = replace(LIMITS, problems=10).told(cell())
    assert "the first 10 of 40 problems are listed" in told
    assert "2 sample texts are kept" in told
    assert TextLimits(4000, 6, 10, 1000).told(cell()) == ""


def test_costs_are_the_prompt_once_and_every_completion() -> None:
    totals = SamplingTotals(
        n_samples=4000, n_truncated=0, prompt_tokens=400, completion_tokens=20_000, seconds=50.0
    )
    found = costs(replace(cell(), totals=totals))
    assert found == {"tokens": [10.0, 5.0], "engine seconds": [0.0, 0.0125]}
    without = replace(totals, prompt_tokens=None, seconds=0.0)
    assert costs(replace(cell(), totals=without)) == {"generated tokens": [0.0, 5.0]}
