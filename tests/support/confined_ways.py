"""Scripts that judge programs, run in each way in which programs are confined: by root, by root in a user namespace, by another user."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

WAYS = ("root", "namespace", "user")


def confine_as(way: str) -> None:
    """Make this process one whose programs are confined in a certain way."""
    if way == "namespace":
        os.geteuid = lambda: 1000  # type: ignore[assignment]  # then root does not switch users on the machine itself
    if way == "user":
        os.setgroups([])
        os.setresgid(61001, 61001, 61001)
        os.setresuid(61001, 61001, 61001)


@cache
def found_in(way: str, script: Path) -> dict[str, str]:
    """Return what a script of this folder finds when its programs are confined in some way; skip where that way is closed here."""
    if way != "namespace" and os.geteuid() != 0:
        pytest.skip("only root can run programs as users of their own, or become another user")
    python, path = sys.executable, [*sys.path]
    if way == "user":
        python = "/usr/bin/python3"  # one's own may lie in a folder that others may not enter
        version = subprocess.run([python, "-c", "import sys; print(sys.version_info[:2])"], capture_output=True, text=True, check=False)  # fmt: skip
        if version.stdout.strip() != str(sys.version_info[:2]):
            pytest.skip(f"no Python {sys.version_info[:2]} in /usr for another user: {version.stdout}")
        path = [each for each in path if each.endswith("site-packages")]
    done = subprocess.run(
        [python, "-B", str(script), way], capture_output=True, text=True, cwd="/", timeout=300, check=False,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(path)},
    )  # fmt: skip
    closed = (
        "Permission denied",
        "ModuleNotFoundError",
    )  # a folder that cannot be entered is passed over in silence
    if way == "user" and done.returncode and any(why in done.stderr for why in closed):
        pytest.skip("another user cannot read this checkout or its packages")
    found: dict[str, str] = json.loads(done.stdout) if done.returncode == 0 else {"error": done.stderr}
    if "sandbox" in found:
        pytest.skip(f"no sandbox in this way: {found['sandbox']}")
    return found
