"""The check for GPUs, as far as it needs none: what was carried in parts is put together, and a failing section stops no other."""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import zipfile
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


def test_carried_wheels_are_installed_without_a_network_and_found_by_the_sections(
    check: ModuleType, tmp_path: Path
) -> None:
    carried = tmp_path / "carried"
    carried.mkdir()
    for name, text in (("one", "word = 'whole'"), ("two", f"word = 'in parts'  # {'x' * 2000}")):
        with zipfile.ZipFile(carried / f"carried_{name}-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"carried_{name}.py", text)
            about = f"carried_{name}-1.0.dist-info"
            wheel.writestr(
                f"{about}/METADATA", f"Metadata-Version: 2.1\nName: carried-{name}\nVersion: 1.0\n"
            )
            wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{about}/RECORD", "")
    split = carried / "carried_two-1.0-py3-none-any.whl"
    subprocess.run(["split", "-b", "700", split, f"{split}.part-"], check=True)
    split.unlink()
    assert len(list(carried.glob("*.part-*"))) > 2
    found = check._installed(carried, tmp_path / "work")
    program = "import carried_one, carried_two, ttscale; print(carried_one.word, carried_two.word)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | found,
        cwd=tmp_path,
        check=True,
        text=True,
        stdout=subprocess.PIPE,
    )
    assert done.stdout == "whole in parts\n"


def test_a_carried_model_is_put_together_and_converted_once(
    check: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "get_smollm2.py").write_text(
        "import pathlib, sys\n"
        "out, wheel = pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[4])\n"
        "out.mkdir()\n"
        "(out / wheel.name).write_bytes(wheel.read_bytes())\n"
    )
    monkeypatch.setattr(check, "__file__", str(tmp_path / "gpu_check.py"))
    parts = [tmp_path / f"m.whl.part-a{letter}" for letter in "ab"]
    for number, part in enumerate(parts):
        part.write_bytes(bytes([number]) * 5)
    args = argparse.Namespace(gguf=parts[::-1], work=tmp_path / "work")
    for _ in range(2):
        folder = Path(check._converted(args, dict(os.environ)))
    assert [path.read_bytes() for path in folder.iterdir()] == [bytes([0] * 5 + [1] * 5)]


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
