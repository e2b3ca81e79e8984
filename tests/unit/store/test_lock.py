"""Who may write: one, or several that share; a lock ends with its holder's life."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ttscale.errors import RunLockedError
from ttscale.store.lock import waiting_lock, writer_lock

HOLDER = """
import sys
from pathlib import Path
from ttscale.store.lock import writer_lock
with writer_lock(Path(sys.argv[1]), share=sys.argv[2] == "share") as (alone, cleaned):
    cleaned()
    print(alone, flush=True)
    sys.stdin.read()
"""


class Other:
    """Another process that holds the lock until it is ended."""

    def __init__(self, path: Path, *, share: bool) -> None:
        command = [sys.executable, "-c", HOLDER, str(path), "share" if share else "alone"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> "Other":
        assert self.process.stdout is not None
        self.was_alone = self.process.stdout.readline().strip() == "True"
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.mark.parametrize("share", [True, False])
def test_a_second_writer_is_refused_with_the_firsts_number(tmp_path: Path, share: bool) -> None:
    path = tmp_path / "run" / "run.lock"
    with (
        Other(path, share=False) as other,
        pytest.raises(RunLockedError, match=f"pid {other.process.pid}") as refused,
        writer_lock(path, share=share and False),
    ):
        pass
    assert "--share" in str(refused.value)


def test_those_who_share_come_in_beside_each_other_and_only_the_first_cleans_up(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    with Other(path, share=True) as first, writer_lock(path, share=True) as (alone, _):
        assert first.was_alone
        assert not alone


def test_a_writer_of_its_own_does_not_come_in_beside_those_who_share(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    with Other(path, share=True), pytest.raises(RunLockedError), writer_lock(path):
        pass


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    with Other(path, share=False):
        pass
    with writer_lock(path) as (alone, _):
        assert alone


def test_a_waiting_lock_waits(tmp_path: Path) -> None:
    path, entered = tmp_path / "v.lock", threading.Event()

    def second() -> None:
        with waiting_lock(path):
            entered.set()

    with waiting_lock(path):
        thread = threading.Thread(target=second)
        thread.start()
        assert not entered.wait(0.2)
    assert entered.wait(30)
    thread.join()
