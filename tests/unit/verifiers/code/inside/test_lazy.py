"""Iterators are asked for only as far as they are used; coroutines run once."""

import asyncio
import itertools
from collections.abc import Iterator

from ttscale.verifiers.code.inside.lazy import Rest, Task, awaited, pieces


def test_no_more_is_asked_for_than_the_piece_that_is_used() -> None:
    taken: list[int] = []

    def counted() -> Iterator[int]:
        for n in itertools.count():
            taken.append(n)
            yield n

    assert list(itertools.islice(pieces(Rest(counted())), 1500)) == list(range(1500))
    assert len(taken) == 2000


def test_it_ends_where_the_iterator_ends() -> None:
    for n in (0, 1, 999, 1000, 1001, 2000):
        assert list(pieces(Rest(iter(range(n))))) == list(range(n))


def test_a_coroutine_runs_when_it_is_awaited() -> None:
    ran = []

    async def double(x: int) -> int:
        ran.append(x)
        return 2 * x

    one = awaited(Task(double(2)))
    assert ran == []
    assert asyncio.run(_alone(one)) == 4
    assert ran == [2]


async def _alone(coroutine: object) -> object:
    """Await it in a thread, as its own loop may not run inside this one."""
    return await asyncio.to_thread(_send, coroutine)


def _send(coroutine: object) -> object:
    try:
        coroutine.send(None)  # type: ignore[attr-defined]
    except StopIteration as end:
        return end.value
    raise AssertionError("it waited")
