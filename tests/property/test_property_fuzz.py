"""Some hundred mutated inputs of every kind: read, or refused in one line. `benchmarks/fuzz.py` tries as many as one likes."""

import importlib.util
import os
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "fuzz.py"
HOW_MANY = {
    "import": 130,
    "task": 130,
    "archive": 60,
    "table": 60,
    "config": 80,
    "command": 60,
    "server": 400,
    "odd import": 50,
    "odd archive": 40,
    "odd table": 30,
    "odd config": 40,
    "option": 60,
}


@pytest.fixture(scope="module")
def fuzz() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("target", sorted(HOW_MANY))
def test_any_input_is_read_or_refused_in_one_line(
    fuzz: ModuleType, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    assert HOW_MANY.keys() == fuzz.TARGETS.keys()
    found = {number: what for number in range(HOW_MANY[target]) if (what := fuzz.run_one(target, 7, number))}
    assert found == {}


def test_what_trips_a_parser_would_be_found(fuzz: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def trips(folder: Path, rng: object) -> None:
        raise IndexError("list index out of range")

    monkeypatch.setitem(fuzz.TARGETS, "import", trips)
    assert "IndexError" in fuzz.run_one("import", 0, 0)
    with pytest.raises(AssertionError, match="control characters"):
        fuzz._require_fit("Error: \x1b[31m")


def test_a_process_that_hangs_or_dies_is_found(
    fuzz: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def misbehaves(folder: Path, rng: object) -> None:
        kind = len(list(folder.parent.glob("ttscale-fuzz-seen-*")))
        (folder.parent / f"ttscale-fuzz-seen-{kind}").mkdir()
        if kind == 0:
            os._exit(1)
        while kind == 1:
            pass

    monkeypatch.setattr(fuzz.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setitem(fuzz.TARGETS, "import", misbehaves)
    found = dict(fuzz.watched("import", 0, [0, 1, 2], seconds=3.0, memory_mb=1024))
    assert found == {0: "the process died", 1: "took more than 3 s"}
