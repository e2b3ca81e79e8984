import errno
import os
import platform
import sys
from pathlib import Path

import pytest

from ttscale.errors import VerifierError
from ttscale.execution import sandbox
from ttscale.execution.sandbox import Limits, SandboxStatus, View, find_sandbox, python_view, run_sandboxed

needs_sandbox = pytest.mark.skipif(not find_sandbox().available, reason="bubblewrap does not work here")


def run(script: str, **limits: float) -> sandbox.Completed:
    return run_sandboxed([sys.executable, "-I", "-c", script], limits=Limits(**limits), view=python_view())  # type: ignore[arg-type]


@needs_sandbox
def test_output_error_and_exit_code_come_back() -> None:
    done = run("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    assert (done.stdout, done.stderr, done.exit_code) == (b"out\n", b"err\n", 3)
    assert not done.timed_out
    assert not done.output_exceeded


@needs_sandbox
def test_stdin_and_files_go_in() -> None:
    done = run_sandboxed(
        ["sh", "-c", "cat; cat /tmp/note"], stdin=b"one\x00", view=View(files={"/tmp/note": b"two"})
    )
    assert done.stdout == b"one\x00two"


@needs_sandbox
def test_a_folder_closed_to_others_is_read_where_it_is_shown(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    (closed / "deep").mkdir(parents=True)
    (closed / "deep" / "note").write_text("shown")
    closed.chmod(0o700)
    done = run_sandboxed(["cat", str(closed / "deep" / "note")], view=View(readable=(str(closed),)))
    assert done.stdout == b"shown", done.stderr


@needs_sandbox
def test_a_large_input_does_not_block() -> None:
    data = b"x" * (8 << 20)
    assert run_sandboxed(["wc", "-c"], stdin=data).stdout.strip() == str(len(data)).encode()


@needs_sandbox
@pytest.mark.parametrize("folder", ["/", "/usr", "/etc", "/dev", "/dev/shm", "/opt/ttscale"])
def test_nothing_but_tmp_can_be_written(folder: str) -> None:
    assert run(f"open({folder + '/x'!r}, 'w')").exit_code == 1
    assert run("open('/tmp/x', 'w')").exit_code == 0


@needs_sandbox
def test_the_environment_is_empty() -> None:
    os.environ["TTSCALE_CANARY"] = "secret"
    try:
        assert (
            run("import os; print('TTSCALE_CANARY' in os.environ, len(os.environ) < 8)").stdout
            == b"False True\n"
        )
    finally:
        del os.environ["TTSCALE_CANARY"]


@needs_sandbox
def test_no_other_process_and_no_capability_is_there() -> None:
    script = (
        "import os, ctypes\n"
        "others = 0\n"
        "for pid in range(3, 5000):\n"
        "    try: os.kill(pid, 0); others += 1\n"
        "    except ProcessLookupError: pass\n"
        "print(others, ctypes.CDLL(None).unshare(0x20000))"
    )
    first, last = run(script).stdout.split()
    assert int(first) <= 1  # itself
    assert last == b"-1"


@needs_sandbox
def test_devices_keep_their_times_and_modes_and_are_used_all_the_same() -> None:
    assert (
        run("open('/dev/null', 'w').write('x'); print(open('/dev/zero', 'rb').read(1))").stdout
        == b"b'\\x00'\n"
    )
    for change in (
        "os.utime('/dev/null')",
        "os.chmod('/dev/null', 0o600)",
        "os.utime('/dev/urandom', (1, 1))",
    ):
        assert b"Read-only file system" in run(f"import os; {change}").stderr


@needs_sandbox
def test_there_are_no_terminals_and_no_new_namespaces() -> None:
    assert run("import os; os.openpty()").exit_code == 1
    script = "import ctypes; libc = ctypes.CDLL(None); print(*(libc.unshare(flag) for flag in (0x10000000, 0x20000, 0x40000000)))"
    assert run(script).stdout == b"-1 -1 -1\n"


@needs_sandbox
@pytest.mark.skipif(platform.machine() != "x86_64", reason="names system calls by their numbers on x86-64")
@pytest.mark.parametrize("number", [248, 249, 250, 425, 323, 321, 298, 101, 29, 240, 99])
def test_calls_that_leave_something_or_tell_of_others_are_not_there(number: int) -> None:
    script = f"import ctypes; libc = ctypes.CDLL(None, use_errno=True); print(libc.syscall({number}, 0, 0, 0, 0), ctypes.get_errno())"
    assert run(script).stdout == f"-1 {errno.ENOSYS}\n".encode()


@needs_sandbox
def test_there_is_no_network() -> None:
    assert run("import socket; print([name for _, name in socket.if_nameindex()])").stdout in (
        b"['lo']\n",
        b"[]\n",
    )
    assert run("import socket; socket.create_connection(('1.1.1.1', 53), 1)").exit_code == 1


@needs_sandbox
def test_wall_time_is_limited_even_for_what_it_leaves_behind() -> None:
    done = run("import os, time\nif os.fork():\n    os._exit(0)\ntime.sleep(100)", wall_s=0.5)
    assert done.timed_out or done.seconds < 50


@needs_sandbox
def test_hanging_is_told_apart() -> None:
    done = run("while True: pass", wall_s=0.5)
    assert done.timed_out
    assert done.exit_code == -9


@needs_sandbox
def test_output_is_limited() -> None:
    done = run("while True: print('x' * 1000)", output_bytes=5000)
    assert done.output_exceeded
    assert len(done.stdout) == 5000


@needs_sandbox
@pytest.mark.parametrize(
    "script",
    [
        "bytearray(1 << 32)",
        "open('/tmp/x', 'wb').write(b'x' * (64 << 20))",
        "import os; [os.open('/dev/null', 0) for _ in range(100)]",
    ],
)
def test_memory_files_and_descriptors_are_limited(script: str) -> None:
    assert run(script).exit_code != 0


@needs_sandbox
def test_processes_are_limited() -> None:
    script = "import os\nfor _ in range(100):\n    if os.fork() == 0:\n        import time; time.sleep(9)"
    done = run(script, wall_s=8.0)
    assert b"Resource temporarily unavailable" in done.stderr


@needs_sandbox
def test_a_program_that_does_not_exist_ends_with_127() -> None:
    assert run_sandboxed(["no-such-program"]).exit_code == 127


@needs_sandbox
def test_a_sandbox_that_cannot_be_built_is_an_error() -> None:
    with pytest.raises(VerifierError, match="did not start"):
        run_sandboxed(["true"], view=View(readable=("/no/such/folder",)))


def test_without_a_sandbox_foreign_code_is_refused_with_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        sandbox, "find_sandbox", lambda: SandboxStatus(False, "bwrap is not installed. Install bubblewrap.")
    )
    with pytest.raises(VerifierError, match="Install bubblewrap"):
        run_sandboxed(["true"])


def test_missing_bwrap_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox.shutil, "which", lambda _: None)
    status = find_sandbox.__wrapped__()
    assert not status.available
    assert "apt install bubblewrap" in status.detail
    assert "unsafe_no_sandbox" in status.detail


def test_broken_bwrap_is_found_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text(
        "#!/bin/sh\necho 'No permissions to create new namespace' >&2\nexit 1\n", encoding="utf-8"
    )
    broken.chmod(0o755)
    monkeypatch.setattr(sandbox.shutil, "which", lambda _: str(broken))
    status = find_sandbox.__wrapped__()
    assert not status.available
    assert "No permissions to create new namespace" in status.detail


def test_going_without_keeps_limits_and_files() -> None:
    view = View(files={"/tmp/note": b"here"})
    done = run_sandboxed(["cat", "/tmp/note"], view=view, unsafe_no_sandbox=True)
    assert done.stdout == b"here"
    slow = run_sandboxed(["sleep", "60"], limits=Limits(wall_s=0.3), unsafe_no_sandbox=True)
    assert slow.timed_out
