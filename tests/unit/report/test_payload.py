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
    shared_beginning,
    text_limits,
)

LIMITS = TextLimits(characters=50, answers=1, problems=1000)


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
    rows = problem_table(result, LIMITS, pool)["rows"]
    texts = pool.texts()
    assert len(rows) == 40
    for row, problem in zip(rows, result.problems.iter_rows(named=True), strict=True):
        assert row[:3] == [str(problem["problem_id"]), problem["n"], problem["c"]]
        assert texts[row[3]] == problem["prompt"][:50]
        assert len(row[5]) <= 1


INSTRUCTION = "Solve the problem. Finish with a line that has only the number.\n\n"


def test_what_all_prompts_begin_with_is_kept_once() -> None:
    result, pool = cell(), TextPool()
    longer = replace(result, problems=result.problems.with_columns(prompt=INSTRUCTION + pl.col("prompt")))
    table, texts = problem_table(longer, replace(LIMITS, characters=4000), pool), pool.texts()
    assert texts[table["shared"]] == INSTRUCTION
    assert [texts[row[3]] for row in table["rows"]] == result.problems["prompt"].to_list()


@pytest.mark.parametrize(
    "prompts",
    [["one only " * 20], ["short 1", "short 2"], [INSTRUCTION, None], [INSTRUCTION[:-30] + "x", "y"]],
)
def test_nothing_is_dropped_where_nothing_long_is_shared(prompts: list[str | None]) -> None:
    assert shared_beginning(prompts) == ""


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
    assert rows * limits.characters <= 2_400_000
    assert limits.problems * n_cells <= 40_000


def test_what_is_left_out_is_told() -> None:
    told = replace(LIMITS, problems=10).told(cell())
    assert "the first 10 of 40 problems are listed" in told
    assert TextLimits(4000, 10, 1000).told(cell()) == ""


def test_costs_are_the_prompt_once_and_every_completion() -> None:
    totals = SamplingTotals(
        n_samples=4000, n_truncated=0, prompt_tokens=400, completion_tokens=20_000, seconds=50.0
    )
    found = costs(replace(cell(), totals=totals))
    assert found == {"tokens": [10.0, 5.0], "engine seconds": [0.0, 0.0125]}
    without = replace(totals, prompt_tokens=None, seconds=0.0)
    assert costs(replace(cell(), totals=without)) == {"generated tokens": [0.0, 5.0]}
