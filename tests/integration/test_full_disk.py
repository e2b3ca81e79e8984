"""A real disk that fills up, and SIGKILL at many moments: an export or report is the old one, the new one, or not there."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from stored_runs import make_run

from ttscale.exchange.export.files import appearing
from ttscale.report.exporting import export_run
from ttscale.report.html import replace_file

ON_SMALL_DISKS = """
import io, json, subprocess, sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from ttscale.cli.main import run_cli

seen = []
for name, (size, words) in json.loads(sys.argv[1]).items():
    disk = Path(sys.argv[2], name)
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=" + size, "tmpfs", disk], capture_output=True, text=True)
    if done.returncode:
        sys.exit("unshare: " + done.stderr)
    (disk / "report.html").write_text("old")
    said = io.StringIO()
    with redirect_stderr(said), redirect_stdout(io.StringIO()):
        code = run_cli(words)
    left = sorted(str(path) for path in disk.rglob("*") if path.is_file())
    seen.append([name, code, said.getvalue(), left])
print(json.dumps(seen))
"""
KILLED = """
import sys
from pathlib import Path
from ttscale.exchange.export.files import appearing
from ttscale.report.html import replace_file

out = Path(sys.argv[1])
print("ready", flush=True)
while True:
    replace_file(out / "report.html", b"new" * 2_000_000)
    with appearing(out / "a.csv") as temporary:
        temporary.write_bytes(b"new" * 2_000_000)
    (out / "a.csv").unlink()
"""


def on_small_disks(folder: Path, commands: dict[str, tuple[str, list[str]]]) -> list[list[Any]]:
    """Run commands, each with a tmpfs of its own of so many bytes, all in one process; say what each left and said."""
    words = ["unshare", "-rm", sys.executable, "-c", ON_SMALL_DISKS, json.dumps(commands), str(folder)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    except FileNotFoundError:
        pytest.skip("unshare is not installed")
    if "unshare:" in done.stderr:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    seen: list[list[Any]] = json.loads(done.stdout)
    return seen


def test_a_disk_that_fills_up_leaves_nothing_half(tmp_path: Path) -> None:
    run, disks = str(make_run(tmp_path / "run", n_problems=40, n=20).path), tmp_path / "disks"
    disks.mkdir()
    commands = {
        to: ("16k", ["export", run, "--to", to, "--out", str(disks / to / "out")])
        for to in ("jsonl", "csv", "parquet", "figures")
    }
    commands["report"] = ("16k", ["report", run, "--out", str(disks / "report")])
    seen = on_small_disks(disks, commands)
    assert [name for name, *_ in seen] == list(commands)
    for name, code, stderr, left in seen:
        assert code == 1, stderr
        (said,) = (line for line in stderr.splitlines() if "No space left" in line)
        assert str(disks / name) in said
        assert left == [f"{disks}/{name}/report.html"]


def test_a_killed_writer_leaves_the_old_or_the_new_and_the_next_one_cleans_up(tmp_path: Path) -> None:
    page, new = tmp_path / "report.html", b"new" * 2_000_000
    page.write_bytes(b"old")
    left = 0
    for delay_ms in range(2, 26, 6):
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(delay_ms / 1000)
            writer.send_signal(signal.SIGKILL)
        assert page.read_bytes() in (b"old", new)
        table = tmp_path / "a.csv"
        assert not table.exists() or table.read_bytes() == new
        table.unlink(missing_ok=True)
        left += len(list(tmp_path.glob(".*.tmp")))
    assert left, "no kill met a writer at work"
    for one in tmp_path.glob(".*.tmp"):
        os.utime(one, (0, 0))
    (tmp_path / ".report.html.01234567.tmp").write_bytes(b"another writes this now")
    replace_file(page, b"newer")
    with appearing(tmp_path / "a.csv") as temporary:
        temporary.write_bytes(b"newer")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".report.html.01234567.tmp",
        "a.csv",
        "report.html",
    ]


def test_a_folder_that_was_left_goes_too(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", n_problems=2, n=2).path
    left = tmp_path / ".set.0123abcd.tmp"
    left.mkdir()
    (left / "half.parquet").write_bytes(b"x")
    for path in (left / "half.parquet", left):
        os.utime(path, (0, 0))
    export_run(run, "parquet", tmp_path / "set")
    assert not left.exists()
