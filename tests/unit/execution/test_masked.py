"""A program that imports what is installed but broken runs without it, and so do the programs that it starts."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import importlib.util, subprocess, sys
print(importlib.util.find_spec("torchvision"), sys.argv[1:], flush=True)
if "child" not in sys.argv:
    subprocess.run([sys.executable, __file__, "child"], check=True)
"""


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    (folder / "server_like.py").write_text(PROGRAM)
    broken = folder / "torchvision"
    broken.mkdir(exist_ok=True)
    (broken / "__init__.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, "-m", "ttscale.execution.masked", *arguments],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_broken_package_is_absent_for_a_program_and_its_children(tmp_path: Path) -> None:
    done = run(tmp_path, "server_like", "--port", "1")
    assert done.stdout.splitlines() == ["None ['--port', '1']", "None ['child']"], done.stderr


def test_without_a_module_it_says_how(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Name a module to run" in done.stderr
    assert "Traceback" not in done.stderr
