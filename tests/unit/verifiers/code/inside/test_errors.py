"""Exceptions cross as the builtin that they are or are made of, with what they say and what hangs on them."""

import json
from typing import Any

import pytest

from ttscale.verifiers.code.inside.errors import RemoteError, as_raised, is_more, raised_by


def crossed(error: BaseException) -> Exception:
    return raised_by(json.loads(json.dumps(as_raised(error, lambda _: 7))), lambda number: ("handle", number))


class CodedError(ValueError):
    def __init__(self, code: int, note: Any = None) -> None:
        super().__init__(f"no {code}")
        self.code, self.note = code, note

    def __str__(self) -> str:
        return f"failed with {self.code}"


@pytest.mark.parametrize(
    "error",
    [ValueError("a"), KeyError("k"), KeyError(3, (1, 2)), IndexError(), ZeroDivisionError("x"), OSError(2, "gone"), FileNotFoundError(2, "gone"),
     AssertionError([1, {2}]), UnicodeDecodeError("utf-8", b"x", 0, 1, "bad"), Exception(None)],
    ids=repr,
)  # fmt: skip
def test_builtins_are_themselves(error: Exception) -> None:
    arrived = crossed(error)
    assert type(arrived) is type(error)
    assert arrived.args == error.args
    assert str(arrived) == str(error)
    assert not is_more(arrived)


def test_own_ones_are_made_of_the_nearest_builtin() -> None:
    arrived = crossed(CodedError(3, note=object()))
    assert isinstance(arrived, ValueError)
    assert type(arrived).__name__ == "CodedError"
    assert (str(arrived), arrived.args) == ("failed with 3", ("no 3",))
    assert vars(arrived)["code"] == 3
    assert vars(arrived)["note"] == ("handle", 7)
    assert is_more(arrived)


@pytest.mark.parametrize(("error", "more"), [(StopIteration(3), False), (StopAsyncIteration(), False), (SystemExit(2), True), (KeyboardInterrupt(), True), (GeneratorExit(), True)], ids=repr)  # fmt: skip
def test_what_would_end_more_than_a_test_is_remote(error: BaseException, more: bool) -> None:
    arrived = crossed(error)
    assert type(arrived) is RemoteError
    assert str(arrived).startswith(type(error).__name__)
    assert is_more(arrived) is more


@pytest.mark.parametrize("answer", [{"raised": ["eval", "x"]}, {"raised": ["x", "y"], "base": "print"}, {"raised": ["x", "y"], "base": "BaseException"}, {"raised": ["ValueError", "y"], "base": "SystemExit"}])  # fmt: skip
def test_a_forged_kind_is_remote(answer: dict[str, Any]) -> None:
    assert type(raised_by(answer, lambda number: number)) is RemoteError


def test_one_that_cannot_say_what_it_is_crosses() -> None:
    class SilentError(Exception):
        def __str__(self) -> str:
            raise SystemExit

    assert str(crossed(SilentError())) == "(no message)"
