"""Programs cannot tell each other anything: neither one after another, nor at the same time, however they are confined."""

import contextlib
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from confined_ways import WAYS, found_in
from talking_programs import PAIRS, WIDER_CALLS, Pair, program_of_calls, programs_of

from ttscale.execution.sandbox import find_sandbox

pytestmark = [
    pytest.mark.skipif(not find_sandbox().available, reason="bubblewrap does not work here"),
    pytest.mark.skipif(platform.machine() != "x86_64", reason="the programs name system calls by their numbers on x86-64"),
]  # fmt: skip

SCRIPT = Path(__file__).parents[1] / "support" / "talking_programs.py"
HIDDEN = [f"{name}, hidden" for name in PAIRS]
AT_ONCE = [f"{name}, at once" for name, pair in PAIRS.items() if pair.at_once]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", [*PAIRS, *HIDDEN, *AT_ONCE, *WIDER_CALLS])
def test_what_one_program_leaves_no_other_finds(way: str, name: str) -> None:
    found = found_in(way, SCRIPT)
    assert found.get(name, found).__str__().strip() == "correct"


ALWAYS_FOUND = ("file in /tmp", "port in TIME_WAIT", "port", "abstract socket")
"""What no container closes to its own processes."""


@pytest.fixture(scope="module")
def _marks_are_wiped() -> Iterator[None]:
    yield
    for path in ("/tmp/ttscale-mark", "/dev/shm/mark"):
        Path(path).unlink(missing_ok=True)
    wipe = "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.shmctl(libc.shmget(0x7474, 9, 0), 0, None)\n"
    wipe += "libc.semctl(libc.semget(0x7474, 1, 0), 0, 0)\nlibc.msgctl(libc.msgget(0x7474, 0), 0, None)\nlibc.mq_unlink(b'/ttscale-mark')\n"
    subprocess.run([sys.executable, "-c", wipe], check=False)


@pytest.mark.usefixtures("_marks_are_wiped")
@pytest.mark.parametrize("name", [name for name, pair in PAIRS.items() if pair.control])
def test_outside_a_sandbox_it_is_found(name: str) -> None:
    pair = PAIRS[name]
    for hold_s in (
        (1.5, 6.0, 24.0) if pair.at_once else (0.0,)
    ):  # a busy machine may not start both in the shortest time
        found = looked_for(pair, hold_s)
        if found.stdout.strip() == "seen":
            return
    if found.stdout.strip() == "unseen" and name not in ALWAYS_FOUND:
        pytest.skip("this machine refuses it outside a sandbox, too")
    pytest.fail(f"{found.stdout} {found.stderr}")


def looked_for(pair: Pair, hold_s: float) -> "subprocess.CompletedProcess[str]":
    """Leave a mark and look for it, in two processes of this user; what leaves it is ended then, with all that it started."""
    leave, look = programs_of(pair, hold_s=hold_s)
    leaving = subprocess.Popen(
        [sys.executable, "-c", leave], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    with leaving:
        assert leaving.stdout is not None
        if not pair.at_once:
            assert leaving.stdout.readline().strip() == "left"
        try:
            return subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=False)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(leaving.pid, signal.SIGKILL)


def test_machine_code_of_other_kinds_of_calls_runs_outside() -> None:
    program = program_of_calls(WIDER_CALLS["32-bit calls"])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    if done.stdout.strip() != "seen":
        pytest.skip(f"this kernel has no 32-bit calls: {done.stdout} {done.stderr}")
