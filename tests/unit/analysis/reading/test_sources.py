"""Runs and tables split by what is known of their problems: curves and budgets by difficulty."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from stored_runs import make_run, problems

from ttscale.analysis.budget.pricing import Pricing
from ttscale.analysis.budget.view import BudgetSettings, budget_view, budget_views
from ttscale.analysis.reading.sources import read_source
from ttscale.errors import InvalidInputError
from ttscale.store.inventory import delete
from ttscale.store.run import RunStore

LEVELS = [2, 10, 2, 10, 2, 10, None, 2]


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    """Return a run of two cells whose problems have levels, one of them none."""
    cells = {"cold": {"sampling.temperature": 0.2}, "hot": {}}
    found = make_run(tmp_path / "run", cells=cells, n=8, n_problems=len(LEVELS))
    leveled = [
        replace(one, metadata={} if level is None else {"level": level})
        for one, level in zip(problems(len(LEVELS)), LEVELS, strict=True)
    ]
    for cell in cells:
        delete([found.path / "problems" / f"{cell}.parquet"])
        with found.writing():
            found.keep_problems(cell, leveled)
    return found


def test_a_run_is_split_by_metadata_in_natural_order(store: RunStore) -> None:
    whole = read_source(store.path)
    parts = read_source(store.path, by=["level"])
    assert [dict(part.labels) for part in parts] == [
        {"cell": cell, "level": level} for cell in ("cold", "hot") for level in ("2", "10", "unknown")
    ]
    for cell in range(2):
        own = parts[3 * cell : 3 * cell + 3]
        counted = dict(zip(whole[cell].problem_ids or (), whole[cell].c.tolist(), strict=True))
        for part, level in zip(own, (2, 10, None), strict=True):
            wanted = [f"{i:04d}" for i, one in enumerate(LEVELS) if one == level]
            assert list(part.problem_ids or ()) == wanted
            assert part.c.tolist() == [counted[problem] for problem in wanted]


def test_settings_of_cells_name_them_and_split_nothing(store: RunStore) -> None:
    parts = read_source(store.path, by=["temperature", "model", "cell"])
    assert [dict(part.labels) for part in parts] == [
        {"cell": "cold", "temperature": "0.2", "model": "demo-arithmetic"},
        {"cell": "hot", "temperature": "default", "model": "demo-arithmetic"},
    ]


def test_a_key_that_nothing_has_is_refused_with_what_there_is(store: RunStore) -> None:
    with pytest.raises(
        InvalidInputError, match=r"'levl' to group by. Did you mean 'level'\?.*problems have: level"
    ):
        read_source(store.path, by=["levl"])


def test_budgets_by_level_are_those_of_a_table_of_that_level_alone(store: RunStore, tmp_path: Path) -> None:
    settings = BudgetSettings(pricing=Pricing(cost="samples"))
    views = budget_views([store.path], by=["level"], settings=settings)
    assert [labels for labels, _ in views] == [{"level": "2"}, {"level": "10"}, {"level": "unknown"}]
    groups = read_source(store.path, by=["level"])
    rows = [
        {"cell": part.labels["cell"], "problem": problem, "level": part.labels["level"], "n": n, "c": c}
        for part in groups
        for problem, n, c in zip(part.problem_ids or (), part.n.tolist(), part.c.tolist(), strict=True)
    ]
    frame = pl.DataFrame(rows)
    frame.filter(pl.col("level") == "10").drop("level").write_csv(tmp_path / "ten.csv")
    alone = budget_view([tmp_path / "ten.csv"], settings=settings)
    for mine, theirs in zip(views[1][1].curves, alone.curves, strict=True):
        assert mine.label == theirs.label
        np.testing.assert_allclose(mine.high, theirs.high)
    frame.write_csv(tmp_path / "all.csv")
    from_table = budget_views([tmp_path / "all.csv"], by=["cell", "level"], settings=settings)
    assert [labels for labels, _ in from_table] == [{"level": "2"}, {"level": "10"}, {"level": "unknown"}]
    for (_, one), (_, other) in zip(views, from_table, strict=True):
        for mine, theirs in zip(one.curves, other.curves, strict=True):
            np.testing.assert_allclose(mine.value, theirs.value)
    with pytest.raises(InvalidInputError, match="fall into 3 parts"):
        budget_view([store.path], by=["level"])
