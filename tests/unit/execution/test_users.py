"""A namespace in which root's programs are limited, and no sandbox where they would not be."""

import os
import subprocess
import sys
import threading

import pytest

from ttscale.execution.inside.confine import FIRST_UID, N_UIDS, Limits
from ttscale.execution.sandbox import find_sandbox
from ttscale.execution.users import beside_the_users_own, namespace_of_users

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="the kernel limits the processes of other users anywhere"
)


@needs_root
def test_users_of_the_machine_are_handed_on_to_the_namespace() -> None:
    namespace = namespace_of_users()
    if namespace is None:
        pytest.skip("this root may hand on no users")
    enter = (
        f"import ctypes; ctypes.CDLL(None).setns({namespace}, 0); print(open('/proc/self/uid_map').read())"
    )
    done = subprocess.run([sys.executable, "-c", enter], capture_output=True, text=True, pass_fds=[namespace], check=True)  # fmt: skip
    maps = [list(map(int, line.split())) for line in done.stdout.strip().splitlines()]
    assert maps == [[0, 0, 1], [FIRST_UID, FIRST_UID, N_UIDS]]


def test_who_may_hand_on_no_users_has_no_such_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "ttscale.execution.users._APART", "print(flush=True); input()"
    )  # it stays where it is
    assert namespace_of_users.__wrapped__() is None


@needs_root
def test_a_way_in_which_roots_processes_are_not_limited_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = ("in a user namespace", False, False)
    monkeypatch.setattr("ttscale.execution.sandbox._kinds", lambda _: [plain])
    status = find_sandbox.__wrapped__()
    assert not status.available
    assert "does not limit the processes" in status.detail


def test_without_a_sandbox_a_bound_counts_from_the_users_own_threads() -> None:
    stay = threading.Event()
    threads = [threading.Thread(target=stay.wait) for _ in range(200)]
    before = beside_the_users_own(Limits(processes=5)).processes
    for thread in threads:
        thread.start()
    try:
        after = beside_the_users_own(Limits(processes=5)).processes
    finally:
        stay.set()
    assert 100 < after - before < 300  # others of this user come and go
    assert 1000 < before < 1 << 16
