"""Broken optional packages are hidden, here and in child processes; working ones are not."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from ttscale.execution.masking import children_masked, mask_broken

NAMES = ("mask_broken_pkg", "mask_working_pkg", "mask_absent_pkg")


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A broken package (it imports a part of itself, then raises) and a working one."""
    broken = tmp_path / "mask_broken_pkg"
    broken.mkdir()
    (broken / "__init__.py").write_text("from . import part\nraise OSError('libcudart.so: not found')\n")
    (broken / "part.py").write_text("")
    (tmp_path / "mask_working_pkg.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    return tmp_path


def test_only_the_broken_package_is_hidden(packages: Path) -> None:
    assert mask_broken(NAMES) == ("mask_broken_pkg",)
    assert importlib.util.find_spec("mask_broken_pkg") is None
    assert importlib.util.find_spec("mask_working_pkg") is not None
    assert "mask_absent_pkg" not in sys.modules
    with pytest.raises(ImportError):
        import mask_broken_pkg  # noqa: F401


def test_nothing_of_a_failed_import_stays_behind(packages: Path) -> None:
    mask_broken(NAMES)
    assert not [name for name in sys.modules if name.startswith("mask_broken_pkg.")]


def test_hiding_again_reports_the_same(packages: Path) -> None:
    assert mask_broken(NAMES) == mask_broken(NAMES)


def _in_child(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_child_processes_inside_the_block_hide_the_same_packages() -> None:
    code = "import importlib.util as u; print(u.find_spec('json') is None, u.find_spec('csv') is None)"
    with children_masked(("json",)):
        assert _in_child(code) == "True False"
    assert _in_child(code) == "False False"


def test_the_users_own_sitecustomize_still_runs_in_a_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.users_own = True\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with children_masked(("json",)):
        assert _in_child("import sys; print(sys.users_own)") == "True"


def test_with_nothing_to_hide_the_environment_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    with children_masked(()):
        assert _in_child("import os; print('PYTHONPATH' in os.environ)") == "False"
