"""Models compared: values, pairing, sources of every kind, who solves what, and the samples that show it."""

from pathlib import Path

import budget_runs
import numpy as np
import polars as pl
import pytest

from ttscale.analysis.budget.reading_arms import read_arms
from ttscale.analysis.models.compare import ModelComparisonSettings, compare_models
from ttscale.analysis.models.texts import samples_to_read
from ttscale.errors import InvalidInputError
from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.selectors.voting import majority_curve


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return budget_runs.build_two_cells(tmp_path_factory.mktemp("models") / "run").path


def table(run: Path, path: Path) -> Path:
    """Write the run's counts as a table."""
    rows = [
        {"model": arm.label, "problem_id": problem, "n": n, "c": c}
        for arm in read_arms([run])
        for problem, n, c in zip(arm.problem_ids or (), arm.n.tolist(), arm.c.tolist(), strict=True)
    ]
    pl.DataFrame(rows).write_csv(path)
    return path


def test_values_and_differences_are_those_of_pass_at_k_problem_by_problem(run: Path) -> None:
    (found,) = compare_models([run], settings=ModelComparisonSettings(k=(1, 5, 40)))
    (way,) = found.ways
    a, b = (pass_at_k(arm.n, arm.c, way.k) for arm in read_arms([run]))
    np.testing.assert_allclose(way.value, [a.mean(axis=0), b.mean(axis=0)])
    assert [(one.first, one.second, one.k) for one in way.contrasts] == [(0, 1, 1), (0, 1, 5), (0, 1, 40)]
    np.testing.assert_allclose([one.value for one in way.contrasts], (a - b).mean(axis=0))
    assert all(one.low <= one.value <= one.high for one in way.contrasts)
    assert found.problem_ids == tuple(f"p{i}" for i in range(budget_runs.N_PROBLEMS))


def test_a_selector_is_compared_like_coverage(run: Path) -> None:
    settings = ModelComparisonSettings(k=(1, 7), selectors=("majority",))
    ((way,),) = (found.ways for found in compare_models([run], settings=settings))
    for i, arm in enumerate(read_arms([run])):
        assert arm.samples is not None
        curve = majority_curve(arm.samples.problem, arm.samples.answer_class, arm.samples.correct, [1, 7])
        np.testing.assert_allclose(way.value[i], curve.value, atol=1e-9)
    assert way.name == "majority vote"
    assert all(np.isfinite(one.settling.detectable) for one in way.contrasts)


def test_a_table_gives_what_the_run_gives(run: Path, tmp_path: Path) -> None:
    settings = ModelComparisonSettings(k=(1, 40))
    (one,) = compare_models([run], settings=settings)
    (other,) = compare_models([table(run, tmp_path / "t.csv")], settings=settings)
    assert one.labels == other.labels
    assert (one.c == other.c).all()
    for mine, theirs in zip(one.ways[0].contrasts, other.ways[0].contrasts, strict=True):
        assert (mine.value, mine.low, mine.p_value) == (theirs.value, theirs.low, theirs.p_value)


def test_sources_are_matched_by_problem_and_what_is_not_shared_is_said(run: Path, tmp_path: Path) -> None:
    fewer = budget_runs.build_two_cells(tmp_path / "fewer", problems=range(9, 2, -1)).path
    (found,) = compare_models([run, fewer], settings=ModelComparisonSettings(k=(1,)))
    assert len(found.labels) == 4 and len(found.pairs) == 6
    assert set(found.problem_ids) == {f"p{i}" for i in range(3, 10)}
    assert found.n_alone == (5, 5, 0, 0)
    assert any("7 problems that all of them have" in note and "5 of 12" in note for note in found.notes)
    counts = dict(zip(read_arms([fewer])[0].problem_ids or (), read_arms([fewer])[0].c.tolist(), strict=True))
    assert found.c[:, 2].tolist() == [counts[problem] for problem in found.problem_ids]


def test_who_solves_what_the_other_never_does_both_ways_and_with_the_samples(run: Path) -> None:
    (found,) = compare_models([run])
    arms = read_arms([run])
    for cell, versus in ((0, 1), (1, 0)):
        wanted = [
            f"p{i}" for i in range(budget_runs.N_PROBLEMS) if arms[cell].c[i] > 0 and arms[versus].c[i] == 0
        ]
        alone = [one.problem_id for one in found.solved_by_one(cell, versus)]
        assert alone == wanted
        right = samples_to_read(found, cell, alone)
        wrong = samples_to_read(found, versus, alone)
        assert [right[problem].outcome for problem in alone] == ["correct"] * len(alone)
        assert all(wrong[problem].outcome != "correct" for problem in alone)
    assert sum(row["problems"] for row in found.alone_table()) > 0


def test_a_baseline_a_choice_of_cells_and_levels(run: Path) -> None:
    labels = [arm.label for arm in read_arms([run])]
    settings = ModelComparisonSettings(k=(1,), against=labels[0], cells=(labels[1],))
    parts = compare_models([run], by=["level"], settings=settings)
    assert [dict(one.part) for one in parts] == [{"level": "1"}, {"level": "2"}]
    assert [one.pairs for one in parts] == [((1, 0),), ((1, 0),)]
    assert sum(len(one.problem_ids) for one in parts) == budget_runs.N_PROBLEMS


def test_equal_cost_is_in_the_unit_asked_for(run: Path, tmp_path: Path) -> None:
    (found,) = compare_models([run])
    assert found.ways[0].at_cost is not None
    (counted,) = compare_models([table(run, tmp_path / "t.csv")])
    assert counted.ways[0].at_cost is None  # nothing but samples is known, and equal k says that already


def test_every_row_has_its_question_and_frames_and_text_are_made(run: Path) -> None:
    (found,) = compare_models([run])
    rows = list(found.to_rows())
    assert {row["question"] for row in rows} == {"value", "difference", "rank", "equal cost", "problem"}
    assert found.to_frame().height == len(rows)
    assert "paired differences in points" in str(found)
    assert found.grid_table()[0]["problem"] == "p0"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (ModelComparisonSettings(cells=("nobody",)), "no cell 'nobody'"),
        (ModelComparisonSettings(against="nobody"), "no cell 'nobody'"),
        (ModelComparisonSettings(k=(1, 41)), "k = 41"),
    ],
)
def test_what_is_not_there_is_refused(run: Path, settings: ModelComparisonSettings, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        compare_models([run], settings=settings)


def test_one_cell_is_nothing_to_compare(run: Path) -> None:
    label = read_arms([run])[0].label
    with pytest.raises(InvalidInputError, match="nothing to compare"):
        compare_models([run], settings=ModelComparisonSettings(cells=(label,)))


def test_texts_of_a_table_are_refused_with_the_way_to_have_them(run: Path, tmp_path: Path) -> None:
    (found,) = compare_models([table(run, tmp_path / "t.csv")])
    with pytest.raises(InvalidInputError, match="ttscale import table"):
        samples_to_read(found, 0, ["p0"])
