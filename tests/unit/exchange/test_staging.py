"""What happens to a run directory when imports repeat, grow, collide, fail or die."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from foreign_formats import REPEATS, lm_eval, nemo_skills, write_jsonl

from ttscale.errors import InvalidInputError, RunMismatchError, StoreError
from ttscale.exchange import staging
from ttscale.pipeline.importing import import_samples
from ttscale.store.run import RunStore


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def sample(problem: str, text: str, **other: Any) -> dict[str, Any]:
    return {"problem_id": problem, "completion": text, "correct": text == "right"} | other


def import_table(path: Path, out: Path, **options: Any) -> RunStore:
    return import_samples([path], out, format_name="table", options=options).store


def samples(store: RunStore, cell: str | None = None) -> dict[tuple[str, int], str]:
    rows = pl.concat(store.samples(name).collect() for name in ([cell] if cell else store.cells()))
    return {(row["problem_id"], row["sample_index"]): row["completion"] for row in rows.to_dicts()}


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_file_that_grew_adds_what_is_new(tmp_path: Path) -> None:
    rows = [sample("a", "right"), sample("b", "no"), sample("a", "wrong")]
    path = write_jsonl(tmp_path / "samples.jsonl", rows)
    import_table(path, tmp_path / "run")
    write_jsonl(path, [*rows, sample("a", "third"), sample("c", "new problem")])
    store = import_table(path, tmp_path / "run")
    assert samples(store) == {
        ("a", 0): "right", ("a", 1): "wrong", ("a", 2): "third", ("b", 0): "no", ("c", 0): "new problem",
    }  # fmt: skip
    (verdicts,) = store.verdict_sets()
    assert verdicts.count(store.cells()[0]) == 5
    assert [problem.problem_id for problem in store.problems(store.cells()[0])] == ["a", "b", "c"]


def test_more_repeats_later_extend_the_same_problems(tmp_path: Path) -> None:
    path = lm_eval(tmp_path, repeats=2)
    import_samples([path], tmp_path / "run")
    lm_eval(tmp_path, repeats=REPEATS)  # the same first repeats, as from the tool's cache
    result = import_samples([path], tmp_path / "run")
    assert result.read[0].n_new == 3 * (REPEATS - 2)
    assert set(result.store.counts(result.store.cells()[0]).values()) == {REPEATS}


def test_further_files_of_a_folder_are_further_repeats(tmp_path: Path) -> None:
    folder = nemo_skills(tmp_path)
    later = folder / "output-rs1.jsonl"
    kept = later.read_bytes()
    later.unlink()
    assert len(import_samples([folder], tmp_path / "run").read) == REPEATS - 1
    later.write_bytes(kept)
    result = import_samples([folder], tmp_path / "run")
    assert [record.name for record in result.read] == ["output-rs1.jsonl"]
    assert set(result.store.counts("unknown-toy").values()) == {REPEATS}
    assert sorted(result.store.samples("unknown-toy").collect()["seed"].unique()) == [*range(REPEATS)]


def test_the_same_samples_under_another_name_are_not_counted_again(tmp_path: Path) -> None:
    rows = [sample("a", "right"), sample("b", "no")]
    store = import_table(write_jsonl(tmp_path / "one.jsonl", rows), tmp_path / "run")
    before = samples(store)
    again = [row | {"extra": 1} for row in rows]
    result = import_samples(
        [write_jsonl(tmp_path / "two.jsonl", again)], tmp_path / "run", format_name="table"
    )
    assert result.read[0].n_new == 0
    assert samples(result.store) == before
    store = import_table(write_jsonl(tmp_path / "three.jsonl", [sample("a", "more")]), tmp_path / "run")
    assert samples(store) == before | {("a", 1): "more"}  # no index is wasted on the copy


def test_other_samples_of_the_same_cell_come_behind(tmp_path: Path) -> None:
    import_table(
        write_jsonl(tmp_path / "one.jsonl", [sample("a", "right"), sample("a", "no")]), tmp_path / "run"
    )
    store = import_table(write_jsonl(tmp_path / "two.jsonl", [sample("a", "other")]), tmp_path / "run")
    assert samples(store) == {("a", 0): "right", ("a", 1): "no", ("a", 2): "other"}


@pytest.mark.parametrize(
    "rows",
    [
        [sample("a", "edited"), sample("a", "no")],
        [sample("a", "right")],
        [sample("b", "right"), sample("b", "no")],
    ],
    ids=["edited", "shortened", "renamed"],
)
def test_a_file_that_was_rewritten_is_refused(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    path = write_jsonl(tmp_path / "samples.jsonl", [sample("a", "right"), sample("a", "no")])
    store = import_table(path, tmp_path / "run")
    before = snapshot(store.path)
    write_jsonl(path, rows)
    with pytest.raises(InvalidInputError, match="was imported before, and sample"):
        import_table(path, tmp_path / "run")
    assert snapshot(store.path) == before


def test_one_bad_file_among_good_ones_imports_nothing(tmp_path: Path) -> None:
    folder = nemo_skills(tmp_path)
    (folder / "output-rs3.jsonl").write_text('{"generation": 5}\n', encoding="utf-8")
    with pytest.raises(
        InvalidInputError, match=r"output-rs3.jsonl: field 'generation' should be str or null, but is 5"
    ):
        import_samples([folder], tmp_path / "run")
    assert not (tmp_path / "run").exists()
    shutil.rmtree(folder)
    good = import_samples([nemo_skills(tmp_path)], tmp_path / "run").store
    before = snapshot(good.path)
    write_jsonl(folder / "output-rs9.jsonl", [{"generation": "x", "problem": "p"}, {}])
    with pytest.raises(InvalidInputError, match="Line 2 of"):
        import_samples([folder], good.path)
    assert snapshot(good.path) == before


def test_a_killed_import_goes_on_after_its_last_whole_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = nemo_skills(tmp_path)
    real, started = staging.Staging._read, []

    def dies_at_the_third(self: Any, read: Any, source: Any, *rest: Any) -> Any:
        started.append(source.path.name)
        if len(started) == 3:
            raise KeyboardInterrupt
        return real(self, read, source, *rest)

    monkeypatch.setattr(staging.Staging, "_read", dies_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        import_samples([folder], tmp_path / "run")
    assert not RunStore(tmp_path / "run").exists  # nothing is half there
    result = import_samples([folder], tmp_path / "run")
    assert started == [f"output-rs{r}.jsonl" for r in (0, 1, 2, 2, 3)]
    assert len(result.read) == REPEATS
    assert set(result.store.counts("unknown-toy").values()) == {REPEATS}
    assert not (tmp_path / "run" / ".import").exists()


def test_what_a_killed_import_left_is_not_taken_by_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(self: Any, **_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(staging.Staging, "announce", dies)
        with pytest.raises(KeyboardInterrupt):
            import_samples([nemo_skills(tmp_path)], tmp_path / "run")
    other = write_jsonl(tmp_path / "other.jsonl", [sample("a", "right")])
    store = import_table(other, tmp_path / "run")
    assert samples(store) == {("a", 0): "right"}


@pytest.mark.parametrize("moves", [0, 1, 3, 6])
def test_a_move_that_was_cut_short_is_finished_by_the_next_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    path = lm_eval(tmp_path)
    real, done = Path.replace, []

    def dies_after_some(self: Path, target: Path) -> Path:
        if ".import" in self.parts and ".import" not in Path(target).parts:
            done.append(target)
            if len(done) > moves:
                raise KeyboardInterrupt
        return real(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", dies_after_some)
        with pytest.raises(KeyboardInterrupt):
            import_samples([path], tmp_path / "run")
    result = import_samples([path], tmp_path / "run")
    assert (len(result.read), len(result.known)) == (0, 1)
    reference = import_samples([path], tmp_path / "reference").store
    assert samples(result.store) == samples(reference)
    assert [one.outcomes(reference.cells()) for one in result.store.verdict_sets()] == [
        one.outcomes(reference.cells()) for one in reference.verdict_sets()
    ]
    assert not (tmp_path / "run" / ".import").exists()


def test_unequal_repeats_are_kept_as_they_are(tmp_path: Path) -> None:
    rows = [sample("a", str(i)) for i in range(5)] + [sample("b", "right")]
    store = import_table(write_jsonl(tmp_path / "s.jsonl", rows), tmp_path / "run")
    assert store.counts(store.cells()[0]) == {"a": 5, "b": 1}


def test_a_sample_given_twice_is_refused(tmp_path: Path) -> None:
    rows = [sample("a", "x", sample_index=3), sample("a", "y", sample_index=3)]
    with pytest.raises(InvalidInputError, match="holds sample 3 of problem 'a' twice"):
        import_table(write_jsonl(tmp_path / "s.jsonl", rows), tmp_path / "run")


def test_two_answer_keys_for_one_problem_are_refused(tmp_path: Path) -> None:
    rows = [sample("a", "x", answer_key="1"), sample("a", "y", answer_key="2")]
    with pytest.raises(InvalidInputError, match="has the answer key '2' here, but '1' elsewhere"):
        import_table(write_jsonl(tmp_path / "s.jsonl", rows), tmp_path / "run")


def test_cells_of_one_name_and_other_settings_stay_apart(tmp_path: Path) -> None:
    rows = [sample("a", "x", model="org/m"), sample("a", "y", model="other/m")]
    store = import_table(write_jsonl(tmp_path / "s.jsonl", rows), tmp_path / "run", task="toy")
    assert len(store.cells()) == 2
    assert {store.manifest()["cells"][cell]["model.path"] for cell in store.cells()} == {"org/m", "other/m"}
    assert [list(samples(store, cell).values()) for cell in store.cells()] == [["x"], ["y"]]


def test_names_from_files_cannot_leave_the_run(tmp_path: Path) -> None:
    rows = [sample("../../x", "y", model="../../../etc", task="/tmp/\x00evil", **{"score:../../s": 0.5})]
    store = import_table(write_jsonl(tmp_path / "s.jsonl", rows), tmp_path / "run")
    assert samples(store) == {("../../x", 0): "y"}
    written = {path for path in tmp_path.rglob("*") if path.is_file()} - {tmp_path / "s.jsonl"}
    assert all(path.is_relative_to(tmp_path / "run") for path in written)


def test_text_that_no_file_can_hold_becomes_text_that_one_can(tmp_path: Path) -> None:
    line = json.dumps(sample("p\ud800", "half \ud83d, whole \ud83d\ude00", prompt="\udfff"))
    (tmp_path / "s.jsonl").write_text(line + "\n", encoding="ascii")
    store = import_table(tmp_path / "s.jsonl", tmp_path / "run")
    assert samples(store) == {("p\ufffd", 0): "half \ufffd, whole \U0001f600"}


def test_nothing_is_imported_into_a_run_that_was_sampled(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "run")
    with store.writing():
        store.begin(name="x", version="0", config_yaml="", cells={"c": {"model.path": "m"}})
    with pytest.raises(RunMismatchError, match="is a run that was sampled"):
        import_samples([lm_eval(tmp_path)], store.path)


def test_a_damaged_record_is_said_and_not_guessed(tmp_path: Path) -> None:
    store = import_samples([lm_eval(tmp_path)], tmp_path / "run").store
    (record,) = (store.path / "imports").glob("*.json")
    record.write_text("{", encoding="utf-8")
    with pytest.raises(StoreError, match="is damaged"):
        import_samples([lm_eval(tmp_path)], tmp_path / "run")


def test_what_nothing_is_made_of_is_listed(tmp_path: Path) -> None:
    (record,) = import_samples([lm_eval(tmp_path)], tmp_path / "run").read
    assert dict(record.unmapped) == {"odd_field": 3}


def test_a_task_can_give_the_problems(tmp_path: Path) -> None:
    from ttscale.config.models import PluginSettings
    from ttscale.pipeline.building import read_problems

    task = PluginSettings.model_validate({"name": "arithmetic", "problems": 2})
    known = read_problems(task)
    rows = [sample(problem.problem_id, "text") for problem in known]
    result = import_samples(
        [write_jsonl(tmp_path / "s.jsonl", rows)], tmp_path / "run", format_name="table", problems=task
    )
    assert result.store.problems(result.store.cells()[0]) == known
    strange = write_jsonl(tmp_path / "t.jsonl", [sample("nobody", "text")])
    with pytest.raises(
        InvalidInputError, match="problem 'nobody', which the task of --problems does not have"
    ):
        import_samples([strange], tmp_path / "other", format_name="table", problems=task)
