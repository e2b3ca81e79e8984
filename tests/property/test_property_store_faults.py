"""A hundred faults in a run directory: none changes what is read without a word. `benchmarks/store_faults.py` puts in more."""

import importlib.util
import os
import shutil
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "store_faults.py"
HOW_MANY = 110


@pytest.fixture(scope="module")
def faults() -> ModuleType:
    spec = importlib.util.spec_from_file_location("store_faults", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_fault_changes_what_is_read_without_a_word(
    faults: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    bench = faults.Bench(tmp_path, seed=11)
    tried = [bench.try_one(number) for number in range(HOW_MANY)]
    assert {one for one in tried if one[1] not in ("same", "told")} == set()
    kinds = Counter(kind for kind, *_ in tried)
    assert min(kinds[fault.__name__] for fault in faults.FAULTS) >= 10
    assert sum(came == "told" for _, came, _ in tried) > HOW_MANY / 2  # the faults do hurt


def test_a_change_that_nobody_tells_would_be_found(
    faults: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = faults.Bench(tmp_path, seed=11)

    def trade(run: Path, other: Path, rng: object) -> str:
        """The whole run is another one: nothing inside can tell."""
        shutil.rmtree(run)
        shutil.copytree(other, run)
        return "all"

    monkeypatch.setattr(faults, "FAULTS", (trade,))
    assert bench.try_one(0)[1] == "silent"
