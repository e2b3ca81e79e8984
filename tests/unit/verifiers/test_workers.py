"""Worker processes: every job is answered, a bad one costs itself alone, and no process is left behind."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from tests_paths import ROOT, SUPPORT

from ttscale.errors import VerifierError
from ttscale.verifiers.workers import JobStatus, WorkerPool

TARGET = "worker_targets:obey"


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    pool = WorkerPool(TARGET, {"a": 1}, workers=2, time_limit_s=0.1)
    yield pool
    pool.close()


def has_ended(pid: int) -> bool:
    """Wait for a process that may not be our child; false if it lives on for 20 seconds."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    with os.fdopen(handle):
        return bool(select.select([handle], [], [], 20.0)[0])


def test_results_come_in_the_order_of_the_jobs(pool: WorkerPool) -> None:
    assert [result.value for result in pool.run(list(range(1000)))] == list(range(1000))


def test_workers_start_with_the_first_job_and_are_used_again(pool: WorkerPool) -> None:
    assert pool.pids() == []
    assert pool.run([]) == []
    assert pool.pids() == []
    first = {result.value for result in pool.run([["pid"]] * 200)}
    second = {result.value for result in pool.run([["pid"]] * 200)}
    assert first | second == set(pool.pids())


def test_options_and_hostile_text_arrive_unharmed(pool: WorkerPool) -> None:
    text = "\x00\ud800\x1b[2J\n\r\u2028" + "x" * 1_000_000
    options, echo = pool.run([["options"], text])
    assert options.value == {"a": 1}
    assert echo.value == text


def test_what_a_job_prints_is_no_result(pool: WorkerPool) -> None:
    assert [result.value for result in pool.run([["print"], 2])] == [["print"], 2]


@pytest.mark.parametrize(
    ("job", "status", "detail"),
    [
        (["hang in C"], JobStatus.TIMEOUT, "in 0.1 s of computing time"),
        (["hang in Python"], JobStatus.TIMEOUT, "within 2 s"),
        (["eat memory"], JobStatus.MEMORY, "memory"),
        (["raise"], JobStatus.ERROR, "ValueError: as told"),
        (["die", int(signal.SIGSEGV)], JobStatus.ERROR, "signal 11"),
        (["die", int(signal.SIGKILL)], JobStatus.ERROR, "signal 9"),
        (["exit"], JobStatus.ERROR, "exit code 7"),
    ],
    ids=str,
)
def test_a_bad_job_costs_itself_alone(
    pool: WorkerPool, job: list[object], status: JobStatus, detail: str
) -> None:
    before, bad, *after = pool.run([1, job, 2, 3, job, 4])
    assert bad.status is after[2].status is status
    assert detail in (bad.detail or "")
    assert [result.value for result in (before, after[0], after[1], after[3])] == [1, 2, 3, 4]


def test_the_time_limit_is_of_each_job_not_of_them_all(pool: WorkerPool) -> None:
    results = pool.run([["compute", 0.05]] * 12)
    assert [result.status for result in results] == [JobStatus.DONE] * 12


def test_a_worker_that_died_between_calls_is_replaced(pool: WorkerPool) -> None:
    ((pid,),) = [{result.value for result in pool.run([["pid"]])}]
    os.kill(pid, signal.SIGKILL)
    assert has_ended(pid)
    (result,) = pool.run([["pid"]])
    assert result.status is JobStatus.DONE
    assert result.value != pid


@pytest.mark.parametrize(
    ("target", "reason"),
    [("worker_targets:broken", "no module named nothing"), ("nothing_here:run", "nothing_here")],
)
def test_workers_that_cannot_start_are_one_error(target: str, reason: str) -> None:
    with pytest.raises(VerifierError, match=reason):
        WorkerPool(target, {}, workers=2).run([1, 2])


def test_closing_ends_the_workers_and_the_pool_can_go_on(pool: WorkerPool) -> None:
    pool.run([1, 2])
    pids = pool.pids()
    pool.close()
    assert all(has_ended(pid) for pid in pids)
    assert [result.value for result in pool.run([3])] == [3]


def test_an_abandoned_pool_leaves_no_process() -> None:
    pool = WorkerPool(TARGET, {}, workers=1)
    pool.run([1])
    (pid,) = pool.pids()
    del pool
    assert has_ended(pid)


HANGING_PARENT = f"""
import os, sys, threading
sys.path[:0] = [{str(ROOT)!r}, {str(SUPPORT)!r}]
from ttscale.verifiers.workers import WorkerPool
pool = WorkerPool({TARGET!r}, {{}}, workers=2, time_limit_s=600.0)
pool.run(list(range(100)))
print(*pool.pids(), flush=True)
pool.run([["hang in C"], ["hang in Python"], 3, 4, 5])
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_workers_in_a_hanging_job_end_with_their_parent(number: signal.Signals) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", HANGING_PARENT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    with parent:
        assert parent.stdout is not None
        pids = [int(word) for word in parent.stdout.readline().split()]
        assert pids
        parent.send_signal(number)
        assert parent.wait(60) != 0
    assert all(has_ended(pid) for pid in pids)
