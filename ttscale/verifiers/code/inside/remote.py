"""The conversation with a candidate on the trusted side; what stands there for its functions and objects is in `proxies`."""

from __future__ import annotations

import collections
import re
from collections.abc import Callable, Sequence
from typing import Any

from ttscale.verifiers.code.inside.proxies import Handle, UnsupportedError, number_of
from ttscale.verifiers.code.inside.wire import Channel, ChannelError, OutOfTimeError, decode, encode, is_loose


class RemoteError(Exception):
    """The program raised something that has no builtin name."""


class AstrayError(Exception):
    """The tests ask something else than was asked ahead; says nothing of the program."""


class Session:
    """A conversation with one candidate process, until its deadline.

    What the tests will ask whatever they are answered is asked `ahead`, together with the program: each question by itself would wake two
    processes.

    Attributes:
        is_loose: Whether something crossed that is not all that it was there: a stand-in, the items of an iterator, an exception.
    """

    def __init__(self, channel: Channel, deadline: float, ahead: Sequence[dict[str, Any]] = ()) -> None:
        self.is_loose = False
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
            answer = self._channel.receive(self.deadline)
            raised = _raised(answer)
            value = None if raised else decode(answer["value"], self._handle)
            self.is_loose = self.is_loose or (type(raised) is RemoteError if raised else is_loose(answer["value"]))
        except (OutOfTimeError, ChannelError, AstrayError) as error:
            self.failure = error
            raise
        except (KeyError, TypeError):
            self.failure = ChannelError("sent a malformed answer")
            raise self.failure from None
        if raised:
            raise raised
        return value

    def call(
        self,
        target: dict[str, Any],
        args: Sequence[Any],
        kwargs: dict[str, Any],
        *,
        writes_back: bool = False,
    ) -> Any:
        """Call a function of the program; what it changed in place of the arguments changes here where it returns nothing."""
        request = call_request(self.encode, target, args, kwargs, writes_back=writes_back)
        answer = self.ask(**request)
        if "back" not in request:
            return answer
        value, changed = _parts(self, answer)
        for at, new in zip(request["back"], changed, strict=False):
            if type(new) is type(args[at]):
                _MUTABLE[type(new)](args[at], new)
        return value

    def _handle(self, number: int) -> Handle:
        return Handle(self, number)

    def encode(self, value: Any) -> Any:
        """Encode an argument; a handle goes back as itself, anything else must be plain."""
        try:
            return encode(value, _handle_number)
        except UnsupportedError as error:
            self.failure = error
            raise


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
    mutable = [at for at, item in enumerate(args) if type(item) in _MUTABLE]
    return {**request, "back": mutable} if writes_back and mutable else request


def _parts(session: Session, answer: Any) -> tuple[Any, list[Any]]:
    """Return what a call gave and what became of its arguments."""
    if type(answer) is not tuple or len(answer) != 2 or type(answer[1]) is not list:
        session.failure = ChannelError("sent a malformed answer")
        raise session.failure
    return answer[0], answer[1]


def _handle_number(value: Any) -> int:
    if type(value) is not Handle:
        raise UnsupportedError(f"the tests pass a {type(value).__name__}, which cannot leave their process")
    return number_of(value)


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


_NEVER_RAISED = (StopIteration, StopAsyncIteration)
"""In ``all(map(test, cases))`` they would end the cases early, as if all had passed."""


def _raised(answer: Any) -> Exception | None:
    """Return the exception that an answer reports: the builtin of that name, or a `RemoteError`."""
    if type(answer) is not dict or "raised" not in answer:
        return None
    name, text = (str(part) for part in answer["raised"])
    kind = getattr(__import__("builtins"), name, None)
    if isinstance(kind, type) and issubclass(kind, Exception) and kind not in _NEVER_RAISED:
        try:
            return _from_there(kind(text))
        except TypeError:  # a few need more than a message
            pass
    return _from_there(RemoteError(f"{name}: {text}"))


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
