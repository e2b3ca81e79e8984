"""The adaptive limit on simulated servers, and servers that stand aside, by a clock that the test turns."""

import datetime
import heapq
from email.utils import format_datetime
from typing import Any

import pytest

from ttscale.execution.http.failures import Overloaded, PassingFailure, Unreachable, failure_of_status
from ttscale.execution.http.pausing import retry_after_s
from ttscale.samplers.openai.limit import AdaptiveLimit
from ttscale.samplers.openai.servers import Server, choose


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def run(
    limit: AdaptiveLimit, clock: Clock, *, slots: int, seconds: float, refuses_above: int | None = None
) -> list[int]:
    """Keep a server busy up to the limit; it has `slots` places of one second each. Return the limit over time."""
    ends: list[tuple[float, float]] = []  # when a request ends, and when it was sent
    free_at = [0.0] * slots
    history = []
    while clock.now < seconds:
        while len(ends) < limit.value:
            if refuses_above is not None and len(ends) >= refuses_above:
                limit.overloaded(clock.now)
                break
            start = max(clock.now, heapq.heappop(free_at))
            heapq.heappush(free_at, start + 1.0)
            heapq.heappush(ends, (start + 1.0, clock.now))
        else:
            limit.reached()
        clock.now, _ = heapq.heappop(ends)
        limit.finished(1, 100)
        history.append(limit.value)
    return history


@pytest.mark.parametrize("slots", [4, 64, 256, 700])
def test_the_limit_fills_the_server_and_stays_within_a_few_times_its_slots(slots: int) -> None:
    clock = Clock()
    history = run(AdaptiveLimit(100_000, clock), clock, slots=slots, seconds=60)
    late = history[len(history) // 2 :]
    assert min(late) >= slots
    assert max(late) <= max(6 * slots, 64)


def test_the_limit_does_not_pass_its_own() -> None:
    clock = Clock()
    assert max(run(AdaptiveLimit(100, clock), clock, slots=1000, seconds=30)) == 100


def test_a_server_that_refuses_is_asked_for_about_what_it_takes() -> None:
    clock = Clock()
    history = run(AdaptiveLimit(100_000, clock), clock, slots=10_000, seconds=120, refuses_above=200)
    late = history[len(history) // 2 :]
    assert 90 <= min(late) <= max(late) <= 215
    assert sum(late) / len(late) > 130


def test_protests_of_requests_sent_together_halve_once() -> None:
    clock = Clock()
    limit = AdaptiveLimit(1000, clock)
    before = limit.value
    clock.now = 5.0
    for _ in range(10):
        limit.overloaded(sent_at=4.0)
    assert limit.value == before // 2
    limit.overloaded(sent_at=5.0)
    assert limit.value == before // 4
    for _ in range(20):
        limit.overloaded(sent_at=clock.now)
    assert limit.value == 1


def test_a_limit_that_was_never_reached_does_not_grow() -> None:
    clock = Clock()
    limit = AdaptiveLimit(1000, clock)
    before = limit.value
    for _ in range(1000):
        clock.now += 0.1
        limit.finished(1, 100)
    assert limit.value == before


# ---- servers ------------------------------------------------------------------------------------------


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.mark.parametrize("n", [1, 7, 64])
def test_the_limit_grows_with_requests_of_any_size_that_end_together(clock: Clock, n: int) -> None:
    server = Server("u", 1000, clock)
    for _ in range(20):
        sent = 0
        while server.has_room(n):
            server.sent(n)
            sent += 1
        clock.now += 1.0
        for _ in range(sent):
            server.ended(n)
            server.answered(n, 10 * n)
    assert server.limit.value == 1000


def test_a_server_that_is_away_is_tried_ever_more_seldom_with_one_request(clock: Clock) -> None:
    server = Server("u", 100, clock)
    waits = []
    for _ in range(12):
        sent_at = server.sent(1)
        assert not server.has_room(1) or server.failing_since is None
        server.ended(1)
        server.failed(Unreachable("refused"), sent_at)
        waits.append(server.aside_until - clock.now)
        assert not server.has_room(1)
        clock.now = server.aside_until
        assert server.has_room(1)
    for number, wait in enumerate(waits):
        longest = min(30.0, 0.5 * 2**number)
        assert longest / 2 <= wait <= longest
    server.answered(1, 10)
    assert server.failing_since is None
    server.sent(1)
    assert server.has_room(1)


def test_requests_that_fail_together_count_once(clock: Clock) -> None:
    server = Server("u", 100, clock)
    sent = [server.sent(1) for _ in range(50)]
    clock.now = 1.0
    for sent_at in sent:
        server.ended(1)
        server.failed(Unreachable("reset"), sent_at)
    assert server.aside_until <= 1.5


@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after_is_honored(clock: Clock, as_date: bool) -> None:
    header = "7"
    if as_date:
        header = format_datetime(
            datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=8), usegmt=True
        )
    server = Server("u", 100, clock)
    failure = failure_of_status(429, "slow down", retry_after_s=retry_after_s(header))
    assert isinstance(failure, Overloaded)
    server.failed(failure, server.sent(1))
    server.ended(1)
    clock.now = 6.0
    assert not server.has_room(1)
    clock.now = 8.1
    assert server.has_room(1)


def test_single_failures_do_not_matter_and_many_in_a_row_do(clock: Clock) -> None:
    server = Server("u", 100, clock)
    server.sent(1)
    for _ in range(7):
        server.failed(PassingFailure("500"), clock.now)
    assert server.has_room(1)
    server.failed(PassingFailure("500"), clock.now)
    assert not server.has_room(1)


def test_the_least_busy_server_with_room_is_chosen_where_it_is_much_less_busy(clock: Clock) -> None:
    servers: list[Any] = [Server(url, 100, clock) for url in "abc"]
    for server, under_way in zip(servers, (20, 10, 30), strict=True):
        server.sent(under_way)
    found = choose(servers, 1, "p")
    assert found is not None
    assert found.url == "b"
    servers[1].sent(20)
    servers[0].sent(10)
    assert choose(servers, 8, "p") is None  # all limits are 32
    servers[2].ended(30)
    found = choose(servers, 64, "p")
    assert found is not None
    assert found.url == "c"  # idle: takes even more than its limit


@pytest.mark.parametrize(
    ("header", "seconds"),
    [(None, 0), ("", 0), ("nan", 0), ("-3", 0), ("soon", 0), ("2.5", 2.5), ("100000", 600), ("inf", 600)],
)
def test_retry_after_headers_are_read_within_reason(header: str | None, seconds: float) -> None:
    assert retry_after_s(header) == seconds
