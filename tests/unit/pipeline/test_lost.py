"""Files of a run that are gone: said in a line before their rows are made again, and made again once."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from ttscale.config.loading import check_config
from ttscale.config.models import RunConfig
from ttscale.errors import RunMismatchError
from ttscale.pipeline.checking import check_rows
from ttscale.pipeline.progress import Progress
from ttscale.pipeline.run import run, sample_run
from ttscale.store.run import RunStore

CELL = "scripted-arithmetic"
ARITHMETIC: Mapping[str, object] = {"name": "arithmetic", "problems": 5}


class Told(Progress):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def config(out: Path, task: Mapping[str, object] = ARITHMETIC) -> RunConfig:
    return check_config(
        {
            "name": "x",
            "out": str(out),
            "model": {"path": "scripted", "engine": "scripted:ScriptedSampler"},
            "task": dict(task),
            "sampling": {"n": 3},
            "verifiers": ["exact", "numeric"],
        }
    )


def content(store: RunStore) -> list[list[dict[str, object]]]:
    frames = [store.samples(CELL), *(one.scan(CELL).drop("seconds") for one in store.verdict_sets())]
    return [frame.collect().sort("problem_id", "sample_index").to_dicts() for frame in frames]


def gone_notes(told: Told) -> list[str]:
    return [note for note in told.notes if note.startswith("Gone")]


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("samples", "draws its samples again"),
        ("verdicts/exact", "judges its samples again"),
        ("problems", "writes it again from the task"),
    ],
)
def test_a_resume_says_what_is_gone_and_makes_it_again(tmp_path: Path, kind: str, says: str) -> None:
    store = run(config(tmp_path / "run"))
    before = content(store)
    assert store.cells() == [CELL]
    (path, *_) = sorted(store.path.glob(f"{kind}*/**/*.parquet"))
    path.unlink()
    assert check_rows(store)[0]["what"] == str(path.relative_to(store.path))
    told = Told()
    run(config(tmp_path / "run"), told)
    (note,) = gone_notes(told)
    assert note == f"Gone since it was written: {path}. This run {says}."
    assert content(store) == before
    assert check_rows(store) == []
    run(config(tmp_path / "run"), again := Told())
    assert gone_notes(again) == []


def test_a_task_that_changed_is_not_written_over_lost_problems(tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    table = {"name": "table", "path": str(data)}
    lines = ["id,prompt,answer", "a,1+1=,2", "b,2+2=,4"]
    data.write_text("\n".join(lines))
    store = run(config(tmp_path / "run", task=table))
    (path,) = store.path.glob("problems/*")
    before = store.problems(path.stem)
    for damage in (path.unlink, lambda: path.write_bytes(b"PAR1")):
        damage()
        for changed in (lines[:2], [*lines[:2], "b,2+3=,4"], [*lines[:2], "b,2+2=,5"]):
            data.write_text("\n".join(changed))
            with pytest.raises(RunMismatchError, match="is gone or was damaged"):
                run(config(tmp_path / "run", task=table))
            assert not path.exists()
        data.write_text("\n".join(lines))
        run(config(tmp_path / "run", task=table))
        assert store.problems(path.stem) == before


def test_samples_that_only_a_verifier_looked_for_stay_missed(tmp_path: Path) -> None:
    """Who judges does not draw: the next look at the run must still say that samples are gone."""
    store = sample_run(config(tmp_path / "run"))
    (path,) = store.samples_folder(CELL).iterdir()
    path.unlink()
    with store.writing():
        pass
    assert store.gone("samples/*") == [path]
    sample_run(config(tmp_path / "run"))
    assert store.gone("samples/*") == []
