"""However a run with a vLLM process of its own ends, that process ends with it and leaves no temporary file."""

import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vllm is not installed"),
]

LIMIT_S = 300
CONFIG = """
model:
  path: demo-arithmetic
  dtype: float32
  engine_options: {kv_cache_memory_bytes: 268435456, own_process: true}
task: {name: arithmetic, problems: 2}
sampling: {n: 100000, max_tokens: 10, request_size: 64}
"""


def eventually(holds: Callable[[], object]) -> bool:
    give_up = time.monotonic() + LIMIT_S
    while not holds() and time.monotonic() < give_up:
        time.sleep(0.05)  # between looks, not for a result
    return bool(holds())


def session(leader: int) -> list[str]:
    """Return the living processes of a session but its leader, each with its command."""
    listed = subprocess.run(
        ["ps", "-eo", "pid=,sid=,stat=,args="], capture_output=True, text=True, check=True
    )
    rows = [line.split(maxsplit=3) for line in listed.stdout.splitlines()]
    return [
        f"{pid} {command}"
        for pid, sid, state, command in rows
        if sid == str(leader) and pid != sid and "Z" not in state
    ]


@pytest.fixture
def temporary() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="t") as folder:  # pytest's own are too long for sockets
        yield Path(folder)


@pytest.fixture
def drawing(tmp_path: Path, temporary: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A run whose engine, in a process of its own, has drawn samples and goes on."""
    config, run = tmp_path / "run.yaml", tmp_path / "run"
    config.write_text(CONFIG)
    command = [sys.executable, "-m", "ttscale", "sample", str(config), "--out", str(run)]
    environment = os.environ | {"TMPDIR": str(temporary), "HF_HUB_OFFLINE": "1"}
    with subprocess.Popen(
        command, env=environment, start_new_session=True, stdout=subprocess.DEVNULL
    ) as driver:
        try:
            assert eventually(lambda: driver.poll() is not None or list(run.glob("samples/*/[!.]*.parquet")))
            assert driver.poll() is None
            assert any("EngineCore" in process or "spawn_main" in process for process in session(driver.pid))
            yield driver
        finally:
            with suppress(ProcessLookupError):
                os.killpg(driver.pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("how", "whom", "code"),
    [
        (signal.SIGKILL, os.kill, -signal.SIGKILL),
        (signal.SIGTERM, os.kill, 130),
        (signal.SIGINT, os.killpg, 130),  # a terminal's Ctrl-C is for all of the session
    ],
)
def test_an_engine_process_ends_with_its_run(
    drawing: subprocess.Popen[bytes], temporary: Path, how: int, whom: Callable[[int, int], None], code: int
) -> None:
    whom(drawing.pid, how)
    assert drawing.wait(LIMIT_S) == code
    assert eventually(lambda: not session(drawing.pid)), session(drawing.pid)
    assert {path.name.partition("_")[0] for path in temporary.iterdir()} <= {"torchinductor"}
