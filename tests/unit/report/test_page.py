"""What the report writes: files, contents, and nothing half-written."""

import csv
import dataclasses
import html
import re
import warnings
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from report_results import make_result
from stored_runs import make_run

from ttscale.analysis.budget.runs import price_runs
from ttscale.analysis.run.analyze import analyze_run
from ttscale.analysis.run.results import RunResult, UnmeasuredCell
from ttscale.errors import InvalidInputError, StoreError, TtscaleWarning
from ttscale.report import write_report
from ttscale.report.cells import page_cells
from ttscale.report.html import render_html
from ttscale.report.page import render_page
from ttscale.showing.numbers import at_k
from ttscale.stats.laws.fitting import fit_law


def with_cell(result: RunResult, **changes: object) -> RunResult:
    cell = dataclasses.replace(result.cells[0], **changes)  # type: ignore[arg-type]
    return dataclasses.replace(result, cells=(cell, *result.cells[1:]))


def text_of(page: str) -> str:
    body = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", body).split()))


def test_every_figure_comes_as_png_and_svg_with_its_data(tmp_path: Path) -> None:
    paths = write_report(make_result(), tmp_path / "report")
    names = {path.name for path in (tmp_path / "report").rglob("*") if path.is_file()}
    stems = ("curves", "success-rates")
    assert names == {"report.html"} | {f"{stem}.{kind}" for stem in stems for kind in ("png", "svg", "csv")}
    assert paths.page == tmp_path / "report" / "report.html"
    assert {path.name for path in (paths.page, *paths.figures, *paths.data)} == names


def test_several_cells_get_files_of_their_own_and_an_overlay(tmp_path: Path) -> None:
    paths = write_report(make_result(n=16, n_problems=8, cells=("a/b", "../../a b", "$t=1$")), tmp_path)
    names = {path.stem for path in paths.figures}
    curves = {"1-a-b-curves", "2-a-b-curves", "3-t-1-curves"}
    assert names == {"coverage-by-cell"} | curves | {
        name.replace("curves", "success-rates") for name in curves
    }


def test_the_data_beside_a_figure_is_what_it_shows(tmp_path: Path) -> None:
    result = make_result(n=100)
    write_report(result, tmp_path)
    with (tmp_path / "figures" / "curves.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    coverage = [float(row["value"]) for row in rows if row["curve"] == "coverage"]
    assert coverage == result.cells[0].coverage.value.tolist()
    beyond = [int(row["k"]) for row in rows if row["extrapolated"] == "True"]
    assert beyond
    assert min(beyond) > 100
    rates = pl.read_csv(tmp_path / "figures" / "success-rates.csv")
    assert rates["c"].to_list() == result.cells[0].problems["c"].to_list()


def test_a_spreadsheet_runs_nothing_of_the_data(tmp_path: Path) -> None:
    result = make_result(n=10, n_problems=4, law=False)
    ids = ["=1+1", "@x", "+1", "-1"]
    problems = result.cells[0].problems.with_columns(problem_id=pl.Series(ids))
    write_report(with_cell(result, problems=problems), tmp_path)
    with (tmp_path / "figures" / "success-rates.csv").open(newline="") as file:
        assert [row["problem_id"] for row in csv.DictReader(file)] == [f"'{name}" for name in ids]


def test_a_page_of_128_problems_with_1000_samples_can_be_sent_around() -> None:
    long = "Let us think step by step. " * 800  # some 21,600 characters each
    page = render_html(make_result(completions=(long,)))
    assert len(page.encode()) < 3_000_000


def test_the_page_refers_to_nothing_outside_itself() -> None:
    page = render_html(make_result())
    own = re.sub(r"data:image/svg\+xml;base64,[A-Za-z0-9+/=]+", "data:", page)
    assert set(re.findall(r'\bsrc="([^"]*)"', own)) == {"data:"}
    assert all(link.startswith("#") for link in re.findall(r'\bhref="([^"]*)"', own))
    assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", own)
    assert "<link" not in own


def test_code_between_the_tags_is_only_ours_and_cannot_end_early() -> None:
    page = render_html(make_result())
    scripts = re.findall(r"<script([^>]*)>", page)
    assert scripts.count("") == 1
    assert all(re.fullmatch(r' type="application/json" id="[\w-]+"', rest) for rest in scripts if rest)
    assert page.count("<style") == page.count("</style") == 1
    assert not re.search(r'<[^>]*\s(style|on\w+)="', page.partition("</style>")[2].rpartition("<script>")[0])


def test_the_same_result_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_report(make_result(n=50), tmp_path / name)
    for path in sorted((tmp_path / "one").rglob("*.*")):
        if path.is_file():
            twin = tmp_path / "two" / path.relative_to(tmp_path / "one")
            assert path.read_bytes() == twin.read_bytes(), path.name


def test_the_summary_says_the_main_numbers_with_their_intervals() -> None:
    result = make_result(n=256)
    (cell,) = result.cells
    text = text_of(render_html(result))
    for curve, k in (
        (cell.coverage, 1),
        (cell.coverage, 256),
        (cell.selectors["best by casting-out-nines"], 256),
    ):
        at = int(np.flatnonzero(curve.k == k)[0])
        shown = [f"{100 * x:.1f}" for x in (curve.value[at], curve.low[at], curve.high[at])]
        assert f"{shown[0]}% [{shown[1]}, {shown[2]}]" in text
    gap = 100 * (cell.coverage.value[-1] - cell.selectors["best by casting-out-nines"].value[-1])
    assert f"other {gap:.1f} percentage points of coverage stay uncollected" in text
    never = int((cell.problems["c"] == 0).sum())
    assert f"{never} problems ({100 * never / 128:.1f}%) were never solved" in text


def test_the_page_holds_everything_that_makes_the_run_again() -> None:
    result = make_result(n=10, warnings=("Two samples are missing.",))
    text = text_of(render_html(result))
    for wanted in (
        "temperature: 1.0",
        "schema_version",
        "0.32.0",
        "ttscale run config.yaml",
        "128 problems × 10 samples",
    ):
        assert wanted in text
    assert "Two samples are missing." in text


def counts(n: int, c: list[int]) -> dict[str, object]:
    base = make_result(n=n, n_problems=len(c), law=False).cells[0].problems
    return {
        "problems": base.with_columns(c=pl.Series(c), success_rate=pl.Series([x / n for x in c])),
    }


@pytest.mark.parametrize("c", [[0, 0, 0], [5, 5, 5], [0, 5, 2], [3]])
def test_extreme_results_make_a_page(tmp_path: Path, c: list[int]) -> None:
    result = make_result(n=5, n_problems=len(c), law=False)
    write_report(with_cell(result, **counts(5, c)), tmp_path)


def test_one_sample_per_problem_makes_a_page(tmp_path: Path) -> None:
    write_report(make_result(n=1, n_problems=20, law=False), tmp_path)


def test_missing_answers_examples_prompts_and_time_make_a_page() -> None:
    result = make_result(n=10, n_problems=3, law=False)
    (cell,) = result.cells
    bare = cell.problems.with_columns(
        prompt=pl.lit(None, pl.String),
        answer=pl.lit(None, pl.String),
        answers=pl.lit(None, cell.problems.schema["answers"]),
        examples=pl.lit(None, cell.problems.schema["examples"]),
    )
    totals = dataclasses.replace(cell.totals, seconds=None)
    page = render_html(with_cell(result, problems=bare, totals=totals, selectors={}, outcomes={}))
    assert "unknown" in text_of(page)


def test_a_law_that_could_not_be_fitted_leaves_no_numbers_behind() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TtscaleWarning)
        failed = fit_law("exponentiated-power-law", [4, 4], [0, 0])
    assert not failed.converged
    page = render_html(with_cell(make_result(n=10), law=failed))
    assert "nan" not in text_of(page).lower().split()
    assert "fitted law" not in text_of(page)


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(StoreError, match="cannot be written to"):
        write_report(make_result(n=10), tmp_path / "taken")


@pytest.mark.parametrize("fails_at", range(1, 8))
def test_a_full_disk_at_any_file_leaves_the_old_page_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    write_report(make_result(n=10), tmp_path)
    before = (tmp_path / "report.html").read_bytes()
    calls = iter(range(1, 100))
    write = Path.write_bytes

    def full_disk(path: Path, content: bytes) -> int:
        if next(calls) == fails_at:
            write(path, content[: len(content) // 2])
            raise OSError(28, "No space left on device")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(StoreError, match="No space left on device"):
        write_report(make_result(n=20), tmp_path)
    assert (tmp_path / "report.html").read_bytes() == before
    assert not list(tmp_path.rglob("*.tmp"))


def test_figures_of_cells_that_are_gone_go_away_and_nobody_elses(tmp_path: Path) -> None:
    write_report(make_result(n=8, n_problems=4, cells=("a", "b"), law=False), tmp_path)
    mine = tmp_path / "figures" / "my-curves.png"
    mine.write_bytes(b"mine")
    paths = write_report(make_result(n=8, n_problems=4, law=False), tmp_path)
    left = {path.name for path in (tmp_path / "figures").iterdir()}
    assert left == {path.name for path in (*paths.figures, *paths.data)} | {"my-curves.png"}


def test_several_runs_share_one_page_with_the_configuration_of_each(tmp_path: Path) -> None:
    first, second = (
        make_result(n=8, n_problems=6, law=False),
        make_result(n=16, n_problems=6, seed=3, law=False),
    )
    other = dataclasses.replace(second, name="other", config_yaml="name: other\nseed: 7\n")
    paths = write_report([first, other], tmp_path)
    text = text_of(paths.page.read_text())
    assert "2 cells of 2 runs" in text
    assert "seed: 7" in text
    assert "temperature: 1.0" in text
    # Their curves end at different k: both are compared at the largest budget that both have.
    assert "at k = 8" in text
    assert (tmp_path / "figures" / "coverage-by-cell.svg").exists()


def test_a_report_needs_a_run(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="at least one run"):
        write_report([], tmp_path)


def test_cells_without_numbers_are_listed_with_the_reason_and_hostile_reasons_stay_text() -> None:
    result = make_result(n=8, n_problems=4, law=False)
    waiting = UnmeasuredCell(cell="late <b>", reason="<script>x</script> No verdicts yet.", n_samples=1234)
    for cells in (result.cells, ()):
        page = render_html(dataclasses.replace(result, cells=cells, unmeasured=(waiting,)))
        text = text_of(page)
        assert "Without numbers yet" in text
        assert "1,234" in text
        assert "<script>x" not in page
    assert "No cell has verified samples yet" in text


@pytest.mark.parametrize(("n_cells", "n_problems"), [(1, 5000), (12, 1500)])
def test_thousands_of_problems_and_long_texts_stay_small_and_the_page_says_what_is_left_out(
    n_cells: int, n_problems: int
) -> None:
    cell = make_result(n=8, n_problems=n_problems, law=False, completions=("Let us think. " * 400,)).cells[0]
    problems = cell.problems.with_columns(prompt=pl.lit("p" * 3000) + pl.col("problem_id"))
    cells = [dataclasses.replace(cell, cell=f"c{i}", problems=problems) for i in range(n_cells)]
    result = dataclasses.replace(make_result(n=8, n_problems=4, law=False), cells=tuple(cells))
    runs, arranged = [result], page_cells([result])
    page = render_page(runs, arranged, None)
    assert len(page.encode()) < 10_000_000
    text = text_of(page)
    assert "To keep this page small" in text
    assert "texts are cut at" in text


def test_short_texts_are_kept_whole_without_a_word() -> None:
    assert "To keep this page small" not in text_of(render_html(make_result(n=8, n_problems=128)))


def test_a_full_analysis_shows_laws_forecast_backtest_and_comparison(tmp_path: Path) -> None:
    store = make_run(tmp_path / "run", cells={"a": {}, "b": {"sampling.temperature": 0.5}}, n=24)
    result = analyze_run(store, depth="full")
    text = text_of(render_html(result, budget=price_runs([store.path])))
    for wanted in (
        "Laws and forecast",
        "beta-binomial",
        "predictive intervals, for these same problems",
        "Backtest: how well methods forecast what is known by now",
        "Percent of problems solved with k of 288 samples",
        "first accepted",
        "Paired differences in percentage points",
        "What it costs",
        "Pareto front",
        "vllm 0.32.0",
    ):
        assert wanted in text, wanted
    (cell, _) = result.cells
    assert cell.outlook is not None
    ahead = cell.outlook.forecast
    assert ahead is not None
    assert str(at_k(ahead.curve, 240)) in text
