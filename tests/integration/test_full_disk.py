"""A real disk that fills up, and SIGKILL at many moments: an export or report is the old one, the new one, or not there."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from stored_runs import make_run

from ttscale.exchange.export.files import appearing
from ttscale.report.exporting import export_run
from ttscale.report.html import replace_file

ON_A_SMALL_DISK = """
mount -t tmpfs -o size="$1" tmpfs "$2" || exit 77
shift; folder="$1"; shift
printf old > "$folder/report.html"
"$@"
code=$?
find "$folder" -type f | sort
exit $code
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


def on_a_small_disk(size: str, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run ttscale where a folder is a tmpfs of so many bytes; stdout ends with the files that are left there."""
    command = [
        "unshare",
        "-rm",
        "sh",
        "-c",
        ON_A_SMALL_DISK,
        "sh",
        size,
        str(folder),
        sys.executable,
        "-m",
        "ttscale",
        *words,
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except FileNotFoundError:
        pytest.skip("unshare is not installed")
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    return done


@pytest.mark.parametrize("to", ["jsonl", "csv", "parquet", "figures", "report"])
def test_a_disk_that_fills_up_leaves_nothing_half(tmp_path: Path, to: str) -> None:
    run = make_run(tmp_path / "run", n_problems=40, n=20).path
    disk = tmp_path / "disk"
    disk.mkdir()
    words = (
        ["report", str(run), "--out", str(disk)]
        if to == "report"
        else ["export", str(run), "--to", to, "--out", str(disk / "out")]
    )
    done = on_a_small_disk("16k", disk, *words)
    assert done.returncode == 1, done.stderr
    (said,) = (line for line in done.stderr.splitlines() if "No space left" in line)
    assert str(disk) in said
    assert "Traceback" not in done.stderr
    left = [line for line in done.stdout.splitlines() if line.startswith(str(disk))]
    assert left == [f"{disk}/report.html"]


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
