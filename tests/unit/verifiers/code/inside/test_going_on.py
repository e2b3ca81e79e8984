"""What decides is the first failure, as if the tests had stopped there; what cannot go on stops."""

import pytest

from ttscale.verifiers.code.inside.going_on import LONGEST_AFTER_S, NAME, Failures, going_on
from ttscale.verifiers.code.inside.remote import Session
from ttscale.verifiers.code.inside.wire import OutOfTimeError


class Silent(Session):
    """A conversation that nobody answers."""

    def __init__(self) -> None:
        self.failure = None
        self.deadline = 1e12


def run(body: str, answers: dict[int, object], *, ends_at: int = -1) -> tuple[list[int], Exception | None]:
    """Run tests of a function that gives what it is told; return what it was asked, and the first failure."""
    session = Silent()
    failures = Failures(session)
    asked: list[int] = []

    def candidate(n: int) -> object:
        asked.append(n)
        if n == ends_at:
            session.failure = OutOfTimeError()
        if session.failure is not None:
            raise session.failure
        return answers.get(n, n)

    source = "def check(f):\n" + "".join(f"    {line}\n" for line in body.split("\n"))
    namespace: dict[str, object] = {NAME: failures}
    exec(compile(going_on(source, "check"), "tests.py", "exec"), namespace)
    try:
        namespace["check"](candidate)  # type: ignore[operator]
    except (OutOfTimeError, AssertionError):
        assert ends_at >= 0
    return asked, failures.first


STRAIGHT = "assert f(1) == 1\nassert f(2) == 2, 'two'\nassert f(3) == 3, 'three'"


@pytest.mark.parametrize(
    ("body", "answers", "asked", "first"),
    [
        (STRAIGHT, {}, [1, 2, 3], None),
        (STRAIGHT, {2: 0, 3: 0}, [1, 2, 3], "two"),
        ("for n in range(4):\n    assert f(n) == n, n", {1: 0, 2: 0}, [0, 1, 2, 3], "1"),
        ("n = 0\nwhile n < 3:\n    assert f(n) == n, n\n    n += 1\nelse:\n    assert f(7) == 7", {0: 5, 7: 0}, [0, 1, 2, 7], "0"),
        ("if f(1):\n    assert f(2) == 0, 'a'\n    assert f(3) == 3\nelse:\n    assert f(4)", {}, [1, 2, 3], "a"),
        ("x = f(1) / 0\nassert x == 1\nassert f(2) == 2", {}, [1, 2], "division by zero"),
        ("try:\n    f(1) / 0\n    assert False, 'not reached'\nexcept ZeroDivisionError:\n    pass\nassert f(2) == 2", {}, [1, 2], None),
        ("try:\n    assert f(1) == 0\nexcept AssertionError:\n    return\nassert f(2) == 2", {}, [1], None),
        ("for n in range(9):\n    if f(n) == 2:\n        break\n    continue\nassert f(5) == 5", {}, [0, 1, 2, 5], None),
    ],
)  # fmt: skip
def test_statements_fail_by_themselves(
    body: str, answers: dict[int, object], asked: list[int], first: str | None
) -> None:
    found, failure = run(body, answers)
    assert found == asked
    assert (None if failure is None else str(failure)) == first


def test_a_conversation_that_is_over_ends_the_tests() -> None:
    asked, failure = run("for n in range(9):\n    assert f(n) == n", {}, ends_at=2)
    assert asked == [0, 1, 2]
    assert isinstance(failure, OutOfTimeError)


def test_a_test_that_swallows_the_end_does_not_change_what_is_said_of_it() -> None:
    body = "try:\n    f(1)\nexcept Exception:\n    pass\nassert False, 'of the test'"
    _, failure = run(body, {}, ends_at=1)
    assert isinstance(failure, OutOfTimeError)


def test_what_ends_a_process_is_not_a_failure_of_a_test() -> None:
    failures = Failures(Silent())
    with pytest.raises(KeyboardInterrupt), failures:
        raise KeyboardInterrupt
    assert failures.first is None


def test_other_functions_stay_as_they_are() -> None:
    import ast

    source = "def helper():\n    assert False\nassert helper"
    assert ast.unparse(going_on(source, "check")) == source


def test_a_failure_leaves_a_little_time_and_never_more_than_there_was() -> None:
    import time

    for deadline, longest in ((1e12, time.monotonic() + LONGEST_AFTER_S + 60), (5.0, 5.0)):
        session = Silent()
        session.deadline = deadline
        with Failures(session):
            raise AssertionError
        assert session.deadline <= longest
