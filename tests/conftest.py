"""Fixtures that any test may use."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"
SUPPORT = Path(__file__).parent / "support"

sys.path.insert(0, str(SUPPORT))
os.environ.setdefault("HF_HUB_OFFLINE", "1")
for threads in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):  # two workers share two cores
    os.environ.setdefault(threads, "1")
# An engine compiles the count of likelier tokens at its first step, a quarter of a small run; a test with one compiles it.
os.environ.setdefault("TORCH_COMPILE_DISABLE", "1")


LONGEST = (
    "test_readme",  # 54 CPU-seconds
    "test_ray_execution",  # 68 s, 15 CPU-seconds in the worker
    "test_engine_openai_vllm",
    "test_cli_run",  # 65 s, 4 CPU-seconds in the worker
    "test_readme_strategies",  # 42 CPU-seconds
    "test_readme_sweep",  # 41 CPU-seconds
    "test_engine_openai_llamacpp",  # 34 s
)
"""The longest files; those that compute and those that wait for other processes by turns, so that they overlap."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files, then those that start engines, which would otherwise run last and alone."""
    slow = {item.path for item in items if item.get_closest_marker("engine")}
    ranks = {name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: (ranks.get(item.path.stem, len(ranks)), item.path not in slow))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the project."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no shared data at {SHARED_DATA}")
    return SHARED_DATA


@pytest.fixture
def scripted_config(tmp_path: Path) -> Path:
    """A small run whose sampler needs no engine."""
    path = tmp_path / "scripted.yaml"
    path.write_text(
        """
model: {path: none, engine: "scripted:ScriptedSampler"}
task: {name: arithmetic, problems: 16}
sampling: {n: 64, request_size: 16}
verifiers: [exact, last-digit, casting-out-nines]
""",
        encoding="utf-8",
    )
    return path
