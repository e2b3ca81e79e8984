"""A command whose reader has seen enough ends well, and a look at a run does not wait for the statistics."""

import subprocess
import sys
from pathlib import Path

import pytest
from stored_runs import make_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(
        tmp_path_factory.mktemp("pipes") / "run", cells={"a": {}, "b": {"sampling.temperature": 0.5}}
    ).path


COMMANDS = (
    ("--help",),
    ("list",),
    ("list", "verifiers", "--jsonl"),
    ("status", "RUN"),
    ("show", "RUN"),
    ("curve", "RUN", "--json"),
    ("curve", "RUN"),
)


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("reads", [0, 1], ids=["nothing", "one byte"])
def test_a_closed_pipe_is_no_error(arguments: tuple[str, ...], reads: int, run: Path) -> None:
    words = [str(run) if word == "RUN" else word for word in arguments]
    process = subprocess.Popen(
        [sys.executable, "-m", "ttscale", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(reads)
    process.stdout.close()
    said = process.stderr.read().decode()
    assert process.wait() == 0, said
    assert "Traceback" not in said
    assert "Broken" not in said


def test_an_error_stays_an_error_in_a_pipe(run: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ttscale", "curve", str(run / "missing")], capture_output=True, check=False
    )
    assert done.returncode == 1


@pytest.mark.parametrize("command", ["status RUN", "plan configs/quickstart.yaml", "list tasks", "--help"])
def test_a_look_brings_no_statistics_and_no_plots(command: str, run: Path) -> None:
    words = command.replace("RUN", str(run)).split()
    code = (
        "import sys; from ttscale.cli.main import run_cli; assert run_cli(sys.argv[1:]) == 0;"
        "print([m for m in ('scipy', 'matplotlib', 'torch', 'vllm') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    assert done.stderr.strip().splitlines()[-1] == "[]"
