"""Processes that work on one run directory, forked from a server that has imported what they need: no start-up time."""

import os
import sys
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from multiprocessing.reduction import DupFd
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryFile
from typing import Any

from ttscale.cli.main import run_cli
from ttscale.config.loading import load_config
from ttscale.pipeline.run import run
from ttscale.store.claims import Claims

_CONTEXT = get_context("forkserver")
_CONTEXT.set_forkserver_preload(["ttscale.cli.runs", "ttscale.pipeline.run", "ttscale.tasks.arithmetic"])


def command(*arguments: object) -> ForkServerProcess:
    """Start ``ttscale`` with arguments; its exit code is the process's."""
    return started(_command, *map(str, arguments))


def completed(*arguments: object, cwd: Path | None = None) -> CompletedProcess[str]:
    """Run ``ttscale`` with arguments to its end, in a process of its own; return its exit code and what it printed."""
    with TemporaryFile("w+", encoding="utf-8") as out, TemporaryFile("w+", encoding="utf-8") as err:
        words = list(map(str, arguments))
        handles = (DupFd(out.fileno()), DupFd(err.fileno()))
        process = started(_captured, words, cwd, *handles, daemon=False)  # it may have children of its own
        process.join()
        assert process.exitcode is not None
        for file in (out, err):
            file.seek(0)
        return CompletedProcess(words, process.exitcode, out.read(), err.read())


def whole_run(config: Path, out: Path) -> ForkServerProcess:
    """Start a process that samples and verifies beside others, and draws no report."""
    return started(_run, config, out)


def holder_of_claims(path: Path) -> tuple[ForkServerProcess, Any]:
    """Start a process that claims blocks 3 and 5, and lets go of 5 with seven samples stored; it lives until it is killed."""
    here, there = _CONTEXT.Pipe()
    process = started(_hold, path, there)
    assert here.recv() == "held"
    return process, here


def started(target: Callable[..., None], *arguments: Any, daemon: bool = True) -> ForkServerProcess:
    process = _CONTEXT.Process(target=target, args=arguments, daemon=daemon)
    process.start()
    return process


def _command(*arguments: str) -> None:
    sys.exit(run_cli(list(arguments)))


def _captured(arguments: list[str], cwd: Path | None, out: Any, err: Any) -> None:
    for passed, descriptor in ((out, 1), (err, 2)):
        os.dup2(passed.detach(), descriptor)
    if cwd is not None:
        os.chdir(cwd)
    _command(*arguments)


def _run(config: Path, out: Path) -> None:
    run(load_config(config, out=out), share=True)


def _hold(path: Path, pipe: Any) -> None:
    claims = Claims(path)
    claims.claim(3)
    claims.claim(5)
    claims.release(5, stored=7)
    pipe.send("held")
    pipe.recv()
