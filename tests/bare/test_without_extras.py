"""The core install: every optional package absent. Imports work, stored samples are analyzed, messages help."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests_paths import SUPPORT

OPTIONAL = (
    "torch",
    "vllm",
    "transformers",
    "datasets",
    "accelerate",
    "ray",
    "math_verify",
    "aiohttp",
    "reasoning_gym",
    "zstandard",
    "hypothesis",
)

WITHOUT = f"""
import sys
from importlib.abc import MetaPathFinder

class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {OPTIONAL!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

import importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: (
    None if name.partition(".")[0] in {OPTIONAL!r} else real(name, package)
)
sys.meta_path.insert(0, Absent())
from ttscale.cli.main import run_cli
sys.exit(run_cli(sys.argv[1:]))
"""


def ttscale(*arguments: str | Path, check: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(SUPPORT)},
    )
    assert done.returncode == check, done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_samples_are_stored_verified_and_reported_without_any_extra(
    scripted_config: Path, tmp_path: Path
) -> None:
    done = ttscale("run", scripted_config, "--out", tmp_path / "run")
    assert "coverage" in done.stdout
    assert (tmp_path / "run" / "report.html").exists()


def test_counts_are_analyzed_without_any_extra(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    path.write_text("problem_id,n,c\na,100,3\nb,100,0\nc,100,90\n")
    assert "coverage" in ttscale("curve", path, "--k", "1,10").stdout
    assert "exponentiated-power-law" in ttscale("fit", path).stdout
    assert "1,000" in ttscale("forecast", path, "--k", "1000").stdout


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.engine=auto", "pip install 'ttscale[cpu]'"),
        ("model.engine=vllm", "pip install 'ttscale[cpu]'"),
        ("model.engine=transformers", "pip install 'ttscale[transformers]'"),
    ],
)
def test_a_missing_engine_is_one_line_with_the_command_that_installs_it(
    scripted_config: Path, tmp_path: Path, override: str, message: str
) -> None:
    engine_options = "model.engine_options={}"
    arguments = [
        "run",
        scripted_config,
        "--out",
        tmp_path / "run",
        "--set",
        override,
        "--set",
        engine_options,
    ]
    done = ttscale(*arguments, "--set", "model.path=demo-arithmetic", check=1)
    assert message in done.stderr


def test_a_hub_task_names_its_extra(scripted_config: Path, tmp_path: Path) -> None:
    arguments = ["run", scripted_config, "--out", tmp_path / "run", "--set", "task=gsm8k"]
    assert "pip install 'ttscale[datasets]'" in ttscale(*arguments, check=1).stderr


def test_every_listing_and_the_doctor_work(tmp_path: Path) -> None:
    listing = ttscale("list").stdout
    assert "BROKEN" not in listing
    doctor = ttscale("doctor").stdout
    assert "not installed" in doctor
