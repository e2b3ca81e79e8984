"""Every command and snippet in the README runs, on the real engine, scaled down to fewer problems.

Lines that sample do so for fewer problems and samples, each in a process of its own, which an engine needs; the others
run in this one. ``pip install`` is what set up the environment of the tests already. The hub is not reachable from
tests, so the GSM8K line is only planned, on local copies where they are.
"""

import contextlib
import io
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests_paths import ROOT

from ttscale.cli.main import run_cli

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMAND = re.compile(r"^(?:pip install '.*' && )?(ttscale .*?)(?:\s+#.*)?$", re.MULTILINE)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    return [match for block in blocks("bash") for match in COMMAND.findall(block)]


def scaled_down(command: str) -> list[str]:
    """Return a command's arguments, for fewer problems and samples."""
    words = shlex.split(command.replace("sampling.n=1000", "sampling.n=200"))[1:]
    small = ["task.problems=16"] if words[0] in ("run", "plan") else []
    if small and not any(word.startswith("sampling.n=") for word in words):
        small.append("sampling.n=4" if "configs/strategies.yaml" in words else "sampling.n=64")
    return [*words, *(part for each in small for part in ("--set", each))]


def outcome(arguments: list[str]) -> tuple[int, str, str]:
    """Return a command's exit code and what it printed and said."""
    if arguments[0] == "run":
        command = [sys.executable, "-m", "ttscale", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = run_cli(arguments)
    return code, out.getvalue(), err.getvalue()


def test_the_readme_names_the_two_commands() -> None:
    installs = [
        line for block in blocks("bash") for line in block.splitlines() if line.startswith("pip install")
    ]
    assert "pip install '.[cpu]' && ttscale run configs/quickstart.yaml" in installs
    assert "pip install '.[test]' && pytest" in installs


def test_every_file_the_readme_links_to_exists() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    missing = [target for target in targets if "://" not in target and not (ROOT / target).exists()]
    assert not missing


@pytest.mark.engine
@pytest.mark.filterwarnings("ignore::ttscale.errors.TtscaleWarning")
@pytest.mark.skipif(find_spec("vllm") is None, reason="the README's commands run on vLLM")
def test_every_command_and_snippet_runs_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    local = [command for command in commands() if "gsm8k" not in command]
    assert len(local) >= 12
    for command in local:
        code, printed, said = outcome(scaled_down(command))
        assert code == 0, f"{command}\n{said}"
        assert printed
    for snippet in blocks("python"):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(compile(snippet, "README.md", "exec"), {"__name__": "snippet"})
        assert "coverage" in out.getvalue()
