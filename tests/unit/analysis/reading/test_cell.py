"""Which verdict set of a verifier counts: the newest by what is stored, whatever the files' times are."""

import json
import os
import shutil
from itertools import permutations
from pathlib import Path

import polars as pl
import pytest
from stored_runs import make_run

from ttscale.analysis.budget.reading_arms import read_arms
from ttscale.analysis.comparison.compare import compare_verifiers
from ttscale.analysis.reading.cell import RunReader
from ttscale.analysis.reading.settling import read_scored
from ttscale.analysis.reading.sources import read_source
from ttscale.analysis.run.analyze import analyze_run
from ttscale.errors import StoreError
from ttscale.store.inventory import delete
from ttscale.store.run import RunStore
from ttscale.store.seals import BY_HAND
from ttscale.store.verdicts import VERDICT_SCHEMA, VerdictSet, VerdictSetInfo

CELL = "demo-arithmetic-arithmetic"


def another_set(store: RunStore, verifier: str, *, accepts: bool, **options: object) -> VerdictSet:
    """Store verdicts of the same verifier with other options, all of one kind."""
    (old,) = [one for one in store.verdict_sets() if one.info.verifier == verifier]
    rows = old.scan(CELL).with_columns(
        outcome=pl.lit("correct" if accepts else "incorrect"), score=pl.lit(None, pl.Float64)
    )
    info = VerdictSetInfo(
        verifier=verifier, version=old.info.version, options=options, sees_answer=old.info.sees_answer
    )
    found = store.verdict_set(info)
    found.write(CELL, rows.collect().select(list(VERDICT_SCHEMA)), "20990101T000000000000-aaaaaaaa-000000")
    return found


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    run = make_run(tmp_path / "run", n=8, n_problems=4)
    another_set(run, "exact", accepts=True, changed=1)
    another_set(run, "last-digit", accepts=True, changed=2)
    return run


def solved(path: Path) -> list[float]:
    """What every analysis makes of the oracle's verdicts, one number each."""
    (cell,) = analyze_run(path).cells
    (arm,) = read_arms([path])
    (counts,) = read_source(path)
    (compared,) = compare_verifiers(path, ["last-digit"])
    return [
        float(cell.coverage.value[0]),
        float((arm.c / arm.n).mean()),
        float((counts.c / counts.n).mean()),
        float(compared.coverage.value[0]),
    ]


@pytest.mark.filterwarnings("ignore::ttscale.errors.FitWarning")  # everything is solved
@pytest.mark.parametrize("order", list(permutations(range(4)))[::5])
def test_file_times_decide_nothing(store: RunStore, tmp_path: Path, order: tuple[int, ...]) -> None:
    assert solved(store.path) == [1.0] * 4  # the newest oracle accepts everything
    copy = shutil.copytree(store.path, tmp_path / "copy", copy_function=shutil.copyfile)
    for stamp, path in zip(order, sorted(copy.glob("verdicts/*/verifier.json")), strict=True):
        os.utime(path, (1e9 + stamp, 1e9 + stamp))
    assert solved(copy) == [1.0] * 4
    (table,) = read_scored(copy, ["last-digit"])
    assert (table.frame["outcome:last-digit"] == "correct").all()


def test_sets_of_earlier_versions_are_as_old_as_their_first_segment(store: RunStore) -> None:
    for path in store.path.glob("verdicts/*/verifier.json"):
        described = json.loads(path.read_text())
        del described["began"]
        described["seal"] = BY_HAND
        path.write_text(json.dumps(described))
    newest = RunReader(store).cell(CELL, verifiers=None)
    assert newest.oracle.began == "20990101T000000000000"
    assert newest.oracle.info.options == {"changed": 1}
    assert newest.verifiers["last-digit"].info.options == {"changed": 2}


def test_a_label_names_one_set_also_as_the_oracle_beside_a_newer_one(store: RunStore) -> None:
    old, new = sorted(
        (one for one in store.verdict_sets() if one.info.verifier == "exact"), key=lambda s: s.began
    )
    (table,) = read_scored(store.path, ["exact"], oracle=old.info.label)
    judged = old.scan(CELL).sort("problem_id", "sample_index").collect()["outcome"].to_list()
    rows = table.frame.sort("problem_id", "sample_index")
    assert rows[f"outcome:{table.oracle}"].to_list() == judged
    assert set(rows["outcome:exact"]) == {"correct"}
    assert new.info.options == {"changed": 1}


def test_a_verifier_counts_by_its_newest_set_with_verdicts_in_that_cell(tmp_path: Path) -> None:
    store = make_run(tmp_path / "run", cells={"a": {}, "b": {}}, n=4, n_problems=3)
    info = VerdictSetInfo(verifier="last-digit", version="1", options={"new": True}, sees_answer=False)
    (old,) = [one for one in store.verdict_sets() if one.info.verifier == "last-digit"]
    store.verdict_set(info).write(
        "a", old.scan("a").collect().select(list(VERDICT_SCHEMA)), "20990101T000000-x-0"
    )
    reader = RunReader(store)
    chosen = {cell: reader.cell(cell, verifiers=["last-digit"]).verifiers["last-digit"] for cell in "ab"}
    assert chosen["a"].info.options == {"new": True}
    assert chosen["b"].info == old.info
    delete([old.folder / "b"])
    with pytest.raises(StoreError, match=r"holds no verdicts of 'last-digit' for cell 'b'.*ttscale verify"):
        RunReader(store).cell("b", verifiers=["last-digit"])
