"""The README's commands and snippets, scaled down to fewer problems, part by part: those about one run directory.

Lines that sample do so for fewer problems and samples, each in a process of its own, which an engine needs; the others
run in this one. One engine compiles what engines compile for users. ``pip install`` is what set up the environment of
the tests already. The hub is not reachable from tests, so the GSM8K line is left out.
"""

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests_paths import ROOT

from ttscale.cli.main import run_cli

README = (ROOT / "README.md").read_text(encoding="utf-8")
PARTS = ("quickstart", "sweep", "strategies", "gsm8k")
_COMMAND = re.compile(r"^(?:pip install '.*' && )?(ttscale .*?)(?:\s+#.*)?$", re.MULTILINE)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    return [match for block in blocks("bash") for match in _COMMAND.findall(block)]


def part(command: str) -> str:
    """Return the part that a command belongs to; the first has those about no run, too."""
    return next((name for name in PARTS if name in command), PARTS[0])


def scaled_down(command: str) -> list[str]:
    """Return a command's arguments, for fewer problems and samples."""
    words = shlex.split(command.replace("sampling.n=1000", "sampling.n=200"))[1:]
    small = ["task.problems=16"] if words[0] in ("run", "plan") else []
    if small and not any(word.startswith("sampling.n=") for word in words):
        small.append("sampling.n=4" if "configs/strategies.yaml" in words else "sampling.n=64")
    if words[:1] == ["run"] and "configs/sweep.yaml" not in words:  # zeroing more takes seconds
        small.append("model.engine_options.kv_cache_memory_bytes=268435456")
    return [*words, *(part for each in small for part in ("--set", each))]


def outcome(arguments: list[str]) -> tuple[int, str, str]:
    """Return a command's exit code and what it printed and said."""
    if arguments[0] == "run":
        command = [sys.executable, "-m", "ttscale", *arguments]
        compiling = {"TORCH_COMPILE_DISABLE": "0"} if "configs/strategies.yaml" in arguments else {}
        done = subprocess.run(
            command, env=os.environ | compiling, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout, done.stderr
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = run_cli(arguments)
    return code, out.getvalue(), err.getvalue()


def run_part(name: str, folder: Path) -> None:
    """Run a part's commands, in order, in a folder that is the current one."""
    (folder / "configs").symlink_to(ROOT / "configs")
    for command in commands():
        if part(command) == name:
            code, printed, said = outcome(scaled_down(command))
            assert code == 0, f"{command}\n{said}"
            assert printed
