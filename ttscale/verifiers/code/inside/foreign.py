"""What a program holds of the tests' own functions and objects: it may call them, and read and set what has no underscore before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol


class Asking(Protocol):
    """Who asks the tests."""

    def ask_there(self, **request: Any) -> Any:
        """Return or raise what comes of a request."""

    def encode(self, value: Any) -> Any:
        """Return a value in JSON's types."""


class Foreign:
    """A function or an object of the tests.

    Args: server: Who asks the tests. number: Its number there, below 0.
    """

    def __init__(self, server: Asking, number: int) -> None:
        object.__setattr__(self, "_server", server)
        object.__setattr__(self, "_number", number)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it over there."""
        return _ask(self, "call", args=list(args), kwargs=kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return _ask(self, "get", args=[name])

    def __setattr__(self, name: str, value: Any) -> None:
        _ask(self, "set", args=[name, value])

    def __eq__(self, other: object) -> Any:
        return type(other) is Foreign and number_there(other) == number_there(self)

    def __hash__(self) -> int:
        return number_there(self)

    def __iter__(self) -> Iterator[Any]:
        return iter(_ask(self, "list", args=[]))


def number_there(value: Foreign) -> int:
    """Return an object's number over there."""
    number: int = object.__getattribute__(value, "_number")
    return number


def _ask(foreign: Foreign, what: str, args: list[Any], kwargs: dict[str, Any] | None = None) -> Any:
    server: Asking = object.__getattribute__(foreign, "_server")
    given = [server.encode(each) for each in args]
    named = {name: server.encode(value) for name, value in (kwargs or {}).items()}
    return server.ask_there(do=what, on=number_there(foreign), args=given, kwargs=named)
