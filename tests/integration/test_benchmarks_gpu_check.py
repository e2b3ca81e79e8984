"""The check for GPUs, as far as it needs none: what was carried in parts is put together, and a failing section stops no other."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
from tests_paths import ROOT


@pytest.fixture
def check() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gpu_check", ROOT / "benchmarks" / "gpu_check.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_parts_are_joined_in_their_order_and_whole_files_stay(check: ModuleType, tmp_path: Path) -> None:
    content = bytes(range(256)) * 10
    parts = []
    for number, start in enumerate(range(0, len(content), 700)):
        part = tmp_path / f"big.whl.part-a{'abcd'[number]}"
        part.write_bytes(content[start : start + 700])
        parts.append(part)
    small = tmp_path / "small.whl"
    small.write_bytes(b"x")
    small_out, big = check.joined([*parts[::-1], small], tmp_path / "joined")
    assert small_out == small
    assert big.read_bytes() == content


def test_a_section_that_fails_or_takes_too_long_leaves_the_others_results(
    check: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "sections.py"
    script.write_text(
        "import json, sys, time\n"
        "name = sys.argv[2]\n"
        "if name == 'speed': print(json.dumps({'ratio': 1.0}))\n"
        "elif name == 'seeds': sys.exit('no luck')\n"
        "else: time.sleep(600)\n"
    )
    monkeypatch.setattr(check, "__file__", str(script))
    monkeypatch.setattr(check, "LIMIT_S", {"speed": 60, "seeds": 60, "long": 11})
    out = tmp_path / "found.json"
    monkeypatch.setattr(sys, "argv", ["gpu_check.py", "--sections", "speed,seeds,long", "--out", str(out)])
    check.main()
    found = json.loads(out.read_text())
    assert found["speed"]["ratio"] == 1.0
    assert found["seeds"]["failed"] == "exit code 1"
    assert "no luck" in found["seeds"]["log"]
    assert found["long"]["failed"] == "not done within 11 s"
