"""Memory does not grow with the file; benchmarks/import_memory.py shows it on gigabytes."""

import json
import os
import tracemalloc
from pathlib import Path

import pytest

from ttscale.exchange import json_stream, source_writer
from ttscale.pipeline.importing import import_samples


def human_eval(path: Path, n: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        for number in range(n):
            file.write(json.dumps({"task_id": f"X/{number % 20}", "completion": f"{number} " * 150}) + "\n")


def bigcode(path: Path, n: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        for problem in range(20):
            texts = [f"{problem} {number} " * 100 for number in range(n // 20)]
            file.write(("," if problem else "[") + json.dumps(texts))
        file.write("]")


@pytest.mark.parametrize(
    ("write", "name"), [(human_eval, "samples.jsonl"), (bigcode, "generations_toy.json")]
)
def test_peak_memory_is_a_fraction_of_the_file(
    write: object, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(source_writer, "_FLUSH_CHARACTERS", 2**19)
    monkeypatch.setattr(json_stream, "CHUNK", 2**16)
    path = tmp_path / name
    write(path, 40)  # type: ignore[operator]
    import_samples([path], tmp_path / "warm")  # modules are loaded once
    write(path, 10_000)  # type: ignore[operator]
    size = path.stat().st_size
    tracemalloc.start()
    try:
        result = import_samples([path], tmp_path / "run")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert result.read[0].n_samples == 10_000
    assert size > 6_000_000
    assert peak < size / 2
