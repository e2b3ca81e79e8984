"""The conversation with a candidate on the trusted side; what stands there for its functions and objects is in `proxies`."""

from __future__ import annotations

import collections
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ttscale.verifiers.code.inside.errors import is_more, raised_by
from ttscale.verifiers.code.inside.ours import Ours
from ttscale.verifiers.code.inside.proxies import Handle, UnsupportedError, number_of
from ttscale.verifiers.code.inside.wire import Channel, ChannelError, OutOfTimeError, decode, encode, is_loose


class AstrayError(Exception):
    """The tests ask something else than was asked ahead; says nothing of the program."""


class Session:
    """A conversation with one candidate process, until its deadline.

    What the tests will ask whatever they are answered is asked `ahead`, together with the program: each question by itself would wake two
    processes.

    Attributes:
        is_loose: Whether something crossed that is not all that it was there: a stand-in, the items of an iterator, an exception.
        judges_itself: Whether a function of the program gave an object that says itself what it equals, and was not asked.
    """

    def __init__(self, channel: Channel, deadline: float, ahead: Sequence[dict[str, Any]] = ()) -> None:
        self.is_loose = self.judges_itself = False
        self._ours = Ours()
        self._handles: dict[tuple[int, bool], Handle] = {}
        self._channel = channel
        self._ahead = collections.deque(ahead)
        self.deadline = deadline
        self.failure: Exception | None = None

    def load(self, program: str) -> None:
        """Have the program run its top level, and ask it all that is asked ahead."""
        ahead, self._ahead = self._ahead, collections.deque()
        self.ask(do="load", program=program, ahead=list(ahead))
        self._ahead = ahead

    def ask(self, **request: Any) -> Any:
        """Send one operation and return the decoded answer, or raise what it raised."""
        if self.failure is not None:
            raise self.failure  # a test that swallows exceptions must not talk on
        try:
            if not self._ahead:
                self._channel.send(request, self.deadline)
            elif self._ahead.popleft() != request:
                raise AstrayError
            answer = self._answer()
            raised = self._raised(answer)
            value = None if raised else decode(answer["value"], self._handle)
            self.is_loose = self.is_loose or (is_more(raised) if raised else is_loose(answer["value"]))
        except (OutOfTimeError, ChannelError, AstrayError) as error:
            self.failure = error
            raise
        except (KeyError, TypeError, ValueError, IndexError):
            self.failure = ChannelError("sent a malformed answer")
            raise self.failure from None
        if raised:
            raise raised
        return value

    def _answer(self) -> Any:
        """Return the next answer, after all that the program asks of objects of the tests before; show what it printed."""
        while True:
            answer = self._channel.receive(self.deadline)
            if type(answer) is not dict:
                raise TypeError
            if "asks" not in answer:
                break
            reply = self._ours.answer(
                answer["asks"], lambda data: decode(data, self._handle), self.encode, self.number_of
            )
            self._channel.send(reply, self.deadline)
        if "out" in answer and sys.stdout is not sys.__stdout__:  # the tests catch what is printed
            sys.stdout.write(str(answer["out"]))
        return answer

    def _raised(self, answer: dict[str, Any]) -> Exception | None:
        if "raised" not in answer:
            return None
        own = self._ours.object_of(int(answer["ours"])) if "ours" in answer else None
        return own if isinstance(own, Exception) else _from_there(raised_by(answer, self._handle))

    def call(
        self,
        target: dict[str, Any],
        args: Sequence[Any],
        kwargs: dict[str, Any],
        *,
        writes_back: bool = False,
    ) -> Any:
        """Call a function of the program; what it changed of the arguments changes here."""
        request = call_request(self.encode, target, args, kwargs, writes_back=writes_back)
        answer = self.ask(**request)
        if "back" not in request:
            return answer
        value, changed, same = _parts(self, answer, request["back"])
        given: dict[int | str, Any] = dict([*enumerate(args), *kwargs.items()])
        for at, new in changed.items():
            if type(new) is type(given[at]):
                self.is_loose |= any(
                    type(each) in _MUTABLE for each in _items(given[at])
                )  # which may be in other hands
                _MUTABLE[type(new)](given[at], new)
        return value if same is None else given[same]

    def _handle(self, number: int) -> Any:
        return self.handle(number) if number >= 0 else self._ours.object_of(number)

    def handle(self, number: int, *, is_subject: bool = False) -> Handle:
        """Return the stand-in for an object of the program, the same each time."""
        key = number, is_subject
        if key not in self._handles:
            self._handles[key] = Handle(self, number, is_subject=is_subject)
        return self._handles[key]

    def encode(self, value: Any) -> Any:
        """Encode an argument; a handle goes back as itself, anything else must be plain."""
        try:
            return encode(value, self.number_of)
        except UnsupportedError as error:
            self.failure = error
            raise

    def number_of(self, value: Any) -> int:
        """Return the number of an object of the program, or of the tests."""
        return number_of(value) if type(value) is Handle else self._ours.number_of(value)


def call_request(
    encoded: Callable[[Any], Any],
    target: dict[str, Any],
    args: Sequence[Any],
    kwargs: dict[str, Any],
    *,
    writes_back: bool,
) -> dict[str, Any]:
    """Return the request for a call; "back" tells of which arguments the tests want to see what became of them."""
    named = {name: encoded(value) for name, value in kwargs.items()}
    request = {"do": "call", "args": [encoded(item) for item in args], "kwargs": named, **target}
    given = [*enumerate(args), *kwargs.items()]
    mutable = [at for at, item in given if type(item) in _MUTABLE]
    return {**request, "back": mutable} if writes_back and mutable else request


def _items(value: Any) -> Iterable[Any]:
    return value.values() if type(value) is dict else value


def _parts(
    session: Session, answer: Any, places: Sequence[int | str]
) -> tuple[Any, dict[int | str, Any], int | str | None]:
    """Return what a call gave, what became of its arguments, by place, and which of them it returned."""
    if (
        type(answer) is not tuple
        or len(answer) != 3
        or type(answer[1]) is not dict
        or not {*answer[1], answer[2]} <= {*places, None}
    ):
        session.failure = ChannelError("sent a malformed answer")
        raise session.failure
    value, changed, same = answer
    return value, changed, same


def _replace_items(old: Any, new: Any) -> None:
    old[:] = new


def _replace_all(old: Any, new: Any) -> None:
    old.clear()
    old.update(new)


_MUTABLE: dict[type, Callable[[Any, Any], None]] = {
    list: _replace_items,
    bytearray: _replace_items,
    dict: _replace_all,
    set: _replace_all,
}
"""What a function may be meant to change in place."""


_RAISED_THERE = "raised by the program"
_STAND_IN = re.compile(r"\b(?:Handle|Remote)\b|catching classes that do not inherit|a coroutine was expected")


def _from_there(error: Exception) -> Exception:
    """Mark an exception that the program raised."""
    error.add_note(_RAISED_THERE)
    return error


def is_of_the_tests(error: Exception) -> bool:
    """Say whether an exception tells that the tests need a library that is not there, or a name that nothing defines."""
    return isinstance(error, ImportError | NameError) and _RAISED_THERE not in getattr(error, "__notes__", ())


def is_beyond_a_stand_in(error: Exception) -> bool:
    """Say whether an exception tells that the tests do with an object of the program what its stand-in here cannot do."""
    is_there = _RAISED_THERE in getattr(error, "__notes__", ())
    is_of_a_kind = isinstance(error, TypeError | AttributeError | ValueError)
    return is_of_a_kind and not is_there and bool(_STAND_IN.search(str(error)))
