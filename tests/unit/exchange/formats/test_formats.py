"""Every foreign format, on the same twelve samples: nothing lost, nothing doubled, nothing made up."""

import os
from pathlib import Path

import polars as pl
import pytest
from foreign_formats import N_CORRECT, PROBLEMS, REPEATS, WRITERS, is_right, text

from ttscale.analysis.reading.sources import read_source
from ttscale.errors import InvalidInputError
from ttscale.exchange.detection import detect_format
from ttscale.pipeline.importing import ImportResult, import_samples
from ttscale.store.run import RunStore

pytestmark = pytest.mark.parametrize("name", WRITERS)
WITHOUT_TEXTS = {"swe-bench reports"}


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def imported(name: str, folder: Path) -> ImportResult:
    format_name, write, _, options = WRITERS[name]
    return import_samples([write(folder)], folder / "run", format_name=format_name, options=options)


def rows(store: RunStore) -> pl.DataFrame:
    (cell,) = store.cells()
    return store.samples(cell).collect().sort("problem_id", "sample_index")


def test_samples_and_verdicts_arrive_once_also_from_a_second_import(name: str, tmp_path: Path) -> None:
    first = imported(name, tmp_path)
    samples = rows(first.store)
    assert samples["sample_index"].to_list() == [*range(REPEATS)] * PROBLEMS
    expected = [text(p, r) for p in range(PROBLEMS) for r in range(REPEATS)]
    assert samples["completion"].to_list() == ([None] * 12 if name in WITHOUT_TEXTS else expected)
    assert samples["completion_tokens"].unique().to_list() in ([None], [11])
    check_verdicts(first.store, WRITERS[name][2])
    again = imported(name, tmp_path)
    assert sum(record.n_new for record in again.read) == 0
    assert len(again.known) + len(again.read) == len(first.read)
    assert rows(again.store).equals(samples)


def check_verdicts(store: RunStore, verifier: str | None) -> None:
    if verifier is None:
        assert store.verdict_sets() == []
        return
    (own,) = [one for one in store.verdict_sets() if one.info.verifier == verifier]
    (cell,) = store.cells()
    verdicts = own.scan(cell).collect().sort("problem_id", "sample_index")
    right = [is_right(p, r) for p in range(PROBLEMS) for r in range(REPEATS)]
    assert (verdicts["outcome"] == "correct").to_list() == right
    (counts,) = read_source(store.path)  # what every command reads: it defines *correct* by default
    assert counts.n.tolist() == [REPEATS] * PROBLEMS
    assert counts.c.sum() == N_CORRECT


def test_the_format_is_guessed(name: str, tmp_path: Path) -> None:
    format_name, write, _, _ = WRITERS[name]
    path = write(tmp_path)
    if format_name != "table":
        assert detect_format(path) == format_name
    else:
        with pytest.raises(InvalidInputError, match="import table PATH --map"):
            detect_format(path)


def test_a_wrong_name_is_answered_with_the_right_one(name: str, tmp_path: Path) -> None:
    format_name, write, _, _ = WRITERS[name]
    wrong = "verifiers" if format_name != "verifiers" else "lm-eval"
    hint = "has no|holds|JSON|UTF-8" if format_name == "table" else f"looks like {format_name}"
    with pytest.raises(InvalidInputError, match=hint):
        import_samples([write(tmp_path)], tmp_path / "run", format_name=wrong)
    assert not (tmp_path / "run").exists()


def test_a_truncated_file_is_an_error_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    format_name, write, _, options = WRITERS[name]
    path = write(tmp_path)
    victim = (
        path
        if path.is_file()
        else sorted(each for each in path.rglob("*") if each.suffix != ".diff" and each.is_file())[-1]
    )
    content = victim.read_bytes()
    victim.write_bytes(content[: len(content) - 40])
    if format_name == "monkeys" and victim.suffix == ".yaml":
        victim.write_bytes(
            content.replace(b"samples:\n", b"samples: [\n", 1)
        )  # YAML cut at a line is still YAML
    if victim.suffix == ".csv":
        victim.write_bytes(content + b'"cut')
    with pytest.raises(InvalidInputError):
        import_samples([path], tmp_path / "run", format_name=format_name, options=options)
    assert not (tmp_path / "run").exists()
