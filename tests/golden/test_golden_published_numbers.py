"""What the commands print over one small run is what they printed when it was last looked at, byte for byte.

A number that changes on purpose is recorded anew, and told under "Changed results":

    python benchmarks/published_numbers.py record recorded --only small
    cp recorded/small/* tests/golden/published_numbers/
"""

import json
import math
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from tests_paths import ROOT

EXPECTED = Path(__file__).parent / "published_numbers"
SCRIPT = ROOT / "benchmarks" / "published_numbers.py"
MADE_WITH = {"numpy": "2.3.5", "scipy": "1.17.1"}
"""With other versions the last digits of a fit may be others."""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("recording")
    command = [sys.executable, str(SCRIPT), "record", str(out), "--only", "small"]
    subprocess.run(command, check=True, capture_output=True)
    return out / "small"


def alike(found: Any, expected: Any) -> bool:
    if isinstance(expected, float) and isinstance(found, float):
        return math.isclose(found, expected, rel_tol=1e-6, abs_tol=1e-9)
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(alike, found, expected))
    if isinstance(expected, dict):
        return list(found) == list(expected) and all(alike(found[key], expected[key]) for key in expected)
    return bool(found == expected)


def test_every_question_is_answered(recorded: Path) -> None:
    assert sorted(path.name for path in recorded.iterdir()) == sorted(
        path.name for path in EXPECTED.iterdir()
    )


@pytest.mark.parametrize("name", sorted(path.name for path in EXPECTED.iterdir()))
def test_an_answer_is_the_recorded_one(recorded: Path, name: str) -> None:
    found, expected = (folder.joinpath(name).read_bytes() for folder in (recorded, EXPECTED))
    if found == expected:
        return
    assert {library: version(library) for library in MADE_WITH} != MADE_WITH, "a published number changed"
    assert alike(json.loads(found), json.loads(expected))


def test_the_comparison_tells_which_value_differs(tmp_path: Path) -> None:
    for folder, value in (("old", 0.5), ("new", 0.25)):
        path = tmp_path / folder / "small" / "curve.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps([{"k": 1, "value": value}]), encoding="utf-8")
    command = [sys.executable, str(SCRIPT), "compare", str(tmp_path / "old"), str(tmp_path / "new")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "small/curve.json: 1 values differ; [0].value: 0.5 -> 0.25" in done.stdout
    assert "0 of 1 answers are the same" in done.stdout
