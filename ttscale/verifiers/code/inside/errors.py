"""Exceptions as plain data: the builtin that they are or are made of, their arguments, and what plain data hangs on them."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

from ttscale.verifiers.code.inside.wire import decode, encode

_NEVER_RAISED = (StopIteration, StopAsyncIteration)
"""In ``all(map(test, cases))`` they would end the cases early, as if all had passed."""


FOREIGN = "__ttscale_number__"
"""Where an exception that the tests raised has its number, while it is in the program."""


class RemoteError(Exception):
    """Something was raised that is no builtin, nor made of one that may be raised here."""


def is_more(error: Exception) -> bool:
    """Say whether an exception was more there than it is here. What would only end the tests' loops is not."""
    ends_loops = isinstance(error, RemoteError) and str(error).startswith(
        tuple(kind.__name__ for kind in _NEVER_RAISED)
    )
    return type(error).__module__ != "builtins" and not ends_loops


def as_raised(error: BaseException, keep: Callable[[Any], int]) -> dict[str, Any]:
    """Return an exception in JSON's types; foreign ones may fail at all that they are asked."""
    answer: dict[str, Any] = {"raised": [type(error).__name__, text_of(error)]}
    try:
        if FOREIGN in vars(error):
            return {**answer, "ours": vars(error)[FOREIGN]}
        answer["base"] = next(
            kind.__name__ for kind in type(error).__mro__ if vars(builtins).get(kind.__name__) is kind
        )
        answer["args"] = [encode(each, keep) for each in error.args]
        answer["has"] = {
            name: encode(value, keep) for name, value in vars(error).items() if not name.startswith("_")
        }
    except BaseException:
        return {"raised": answer["raised"]}
    return answer


def text_of(error: BaseException) -> str:
    """Return an exception's message; foreign exceptions may fail at that too."""
    try:
        return str(error)[:500]
    except BaseException:
        return "(no message)"


def raised_by(answer: dict[str, Any], resolve: Callable[[int], Any]) -> Exception:
    """Return the exception that an answer reports: the builtin, one that is made of it, or a `RemoteError`."""
    name, text = (str(part) for part in answer["raised"])
    base = vars(builtins).get(str(answer.get("base", name)))
    if not (isinstance(base, type) and issubclass(base, Exception)) or base in _NEVER_RAISED:
        return RemoteError(f"{name}: {text}")
    kind = base if base.__name__ == name else _made_of(base, name, text)
    error = _made(kind, [decode(each, resolve) for each in answer.get("args", ())], text)
    if error is None:
        return RemoteError(f"{name}: {text}")
    if "theirs" in answer:
        setattr(error, FOREIGN, answer["theirs"])
    for attribute, value in dict(answer.get("has", {})).items():
        setattr(error, str(attribute), decode(value, resolve))
    return error


def _made_of(base: type[Exception], name: str, text: str) -> type[Exception]:
    return type(name[:100], (base,), {"__str__": lambda self: text, "__module__": __name__})


def _made(kind: type[Exception], args: list[Any], text: str) -> Exception | None:
    """Return an exception that says what it said there, or None: a few need more than is known."""
    for given in (args, [text]):
        try:
            error = kind(*given)
        except TypeError:
            continue
        if str(error) == text or given == [text]:
            return error
    return None
