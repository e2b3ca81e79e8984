"""What stands for a candidate on the trusted side: its functions and objects, each a question to its process."""

from __future__ import annotations

from typing import Any

from ttscale.verifiers.code.inside.wire import Channel, ChannelError, OutOfTimeError, decode, encode


class RemoteError(Exception):
    """The program raised something that has no builtin name."""


class UnsupportedError(Exception):
    """The test does what cannot be done across processes; neither right nor wrong."""


class Session:
    """A conversation with one candidate process, until its deadline."""

    def __init__(self, channel: Channel, deadline: float) -> None:
        self._channel = channel
        self.deadline = deadline
        self.failure: Exception | None = None

    def ask(self, **request: Any) -> Any:
        """Send one operation and return the decoded answer, or raise what it raised."""
        if self.failure is not None:
            raise self.failure  # a test that swallows exceptions must not talk on
        try:
            self._channel.send(request, self.deadline)
            answer = self._channel.receive(self.deadline)
            raised = _raised(answer)
            value = None if raised else decode(answer["value"], self._handle)
        except (OutOfTimeError, ChannelError) as error:
            self.failure = error
            raise
        except (KeyError, TypeError):
            self.failure = ChannelError("sent a malformed answer")
            raise self.failure from None
        if raised:
            raise raised
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


def _handle_number(value: Any) -> int:
    if type(value) is not Handle:
        raise UnsupportedError(f"the tests pass a {type(value).__name__}, which cannot leave their process")
    number: int = object.__getattribute__(value, "_number")
    return number


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
            return kind(text)
        except TypeError:  # a few need more than a message
            pass
    return RemoteError(f"{name}: {text}")


class Remote:
    """A function of the candidate, by name."""

    def __init__(self, session: Session, name: str) -> None:
        self._session = session
        self._name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it over there."""
        encode_ = self._session.encode
        named = {name: encode_(value) for name, value in kwargs.items()}
        return self._session.ask(
            do="call", name=self._name, args=[encode_(item) for item in args], kwargs=named
        )


class Handle:
    """An object of the candidate that is not plain data. It equals itself and nothing else."""

    def __init__(self, session: Session, number: int) -> None:
        object.__setattr__(self, "_session", session)
        object.__setattr__(self, "_number", number)

    def _ask(self, **request: Any) -> Any:
        session = object.__getattribute__(self, "_session")
        return session.ask(on=object.__getattribute__(self, "_number"), **request)

    def __call__(self, *args: Any) -> Any:
        """Call it over there."""
        encode_ = object.__getattribute__(self, "_session").encode
        return object.__getattribute__(self, "_ask")(
            do="call", args=[encode_(item) for item in args], kwargs={}
        )

    def __getattribute__(self, name: str) -> Any:
        if name == "__class__":
            return Handle
        if name.startswith("_"):
            raise AttributeError(name)
        return object.__getattribute__(self, "_ask")(do="get", name=name)

    def __setattr__(self, name: str, value: Any) -> None:
        encode_ = object.__getattribute__(self, "_session").encode
        object.__getattribute__(self, "_ask")(do="set", name=name, value=encode_(value))

    def __bool__(self) -> bool:
        return object.__getattribute__(self, "_ask")(do="truth") is True

    def __eq__(self, other: object) -> bool:
        return type(other) is Handle and _handle_number(other) == _handle_number(self)

    def __hash__(self) -> int:
        return _handle_number(self)
