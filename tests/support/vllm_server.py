"""vLLM's own OpenAI server as a child process on this machine."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import URLError

import pytest

SERVER = ("ttscale.execution.masked", "vllm.entrypoints.openai.api_server")
"""What the documentation starts."""
START_LIMIT_S = 300
_SETTINGS = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_NUM_THREADS": "1"}


@contextmanager
def vllm_server(model: Path, log: Path, *arguments: str) -> Iterator[str]:
    """Serve a model folder and yield the base URL; the output goes to `log`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", *SERVER, "--model", str(model)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--enforce-eager", *arguments]
    with log.open("wb") as out:
        server = subprocess.Popen(
            command,
            env=os.environ | _SETTINGS,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _await(f"http://127.0.0.1:{port}/v1/models", server, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _await(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                json.load(answer)
            return
        except (URLError, TimeoutError, ConnectionError):
            time.sleep(0.5)  # between looks, not for a result
    pytest.fail(f"the server did not start:\n{log.read_text(errors='replace')[-3000:]}")
