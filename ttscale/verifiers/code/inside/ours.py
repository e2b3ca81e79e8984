"""What the tests hand to a program and cannot be copied: their functions, and instances of their classes.

The program may call such a function, and read and set such an instance's attributes, but none with an underscore before its name: from
those a way would lead to the tests themselves.
"""

from __future__ import annotations

import builtins
import math
import operator
import types
from collections.abc import Callable
from typing import Any

from ttscale.verifiers.code.inside.errors import as_raised
from ttscale.verifiers.code.inside.proxies import UnsupportedError

TESTS = "tests"
"""The name of the tests' module, which functions and classes have that are defined there."""
_FUNCTIONS = (
    types.FunctionType,
    types.MethodType,
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
)
_HARMLESS = {
    *(
        getattr(builtins, name)
        for name in [
            "abs",
            "all",
            "any",
            "bin",
            "chr",
            "divmod",
            "hex",
            "len",
            "max",
            "min",
            "oct",
            "ord",
            "pow",
            "repr",
            "round",
            "sorted",
            "sum",
        ]
    ),
    *(each for name, each in vars(math).items() if not name.startswith("_") and callable(each)),
    *(
        getattr(operator, name)
        for name in [
            "add",
            "and_",
            "eq",
            "floordiv",
            "ge",
            "gt",
            "le",
            "lt",
            "mod",
            "mul",
            "ne",
            "neg",
            "not_",
            "or_",
            "pow",
            "sub",
            "truediv",
            "xor",
        ]
    ),
}
"""Functions of libraries that do nothing for a program that it could not do itself."""
_CONTAINERS = (str, bytes, bytearray, list, tuple, dict, set, frozenset)


def _may_be_called(value: Any) -> bool:
    """Say whether a program may call this: functions and methods of the tests' own, and such of Python's as tell nothing more."""
    if isinstance(value, types.FunctionType):
        return value.__module__ == TESTS
    if isinstance(value, types.MethodType):
        return _may_be_called(value.__func__)
    if isinstance(value, types.BuiltinFunctionType):
        return (
            value in _HARMLESS
            if isinstance(value.__self__, types.ModuleType)
            else type(value.__self__) in _CONTAINERS
        )
    is_method = isinstance(value, types.MethodDescriptorType) and value.__objclass__ in _CONTAINERS
    return is_method and not value.__name__.startswith("_")


class Ours:
    """Objects of the tests, by number, below 0."""

    def __init__(self) -> None:
        self._kept: list[Any] = []

    def number_of(self, value: Any) -> int:
        """Return an object's number.

        Raises:
            UnsupportedError: It cannot be handed out.
        """
        if not _may_be_called(value) and (isinstance(value, type) or type(value).__module__ != TESTS):
            raise UnsupportedError(
                f"the tests pass a {type(value).__name__}, which cannot leave their process"
            )
        return self._keep(value)

    def _keep(self, value: Any) -> int:
        for at, kept in enumerate(self._kept):
            if kept is value:
                return -1 - at
        self._kept.append(value)
        return -len(self._kept)

    def object_of(self, number: int) -> Any:
        """Return the object of a number."""
        return self._kept[-1 - number]

    def answer(
        self,
        request: Any,
        decoded: Callable[[Any], Any],
        encoded: Callable[[Any], Any],
        keep: Callable[[Any], int],
    ) -> dict[str, Any]:
        """Do what the program asks of one of them, and return what came of it in JSON's types."""
        try:
            own = self.object_of(int(request["on"]))
            args = [decoded(each) for each in request["args"]]
            named = {str(name): decoded(value) for name, value in request["kwargs"].items()}
            return {"value": encoded(_DO[request["do"]](own, *args, **named))}
        except UnsupportedError:
            raise
        except Exception as error:
            return {**as_raised(error, keep), "theirs": self._keep(error)}


def _call(own: Any, *args: Any, **kwargs: Any) -> Any:
    if not _may_be_called(own):
        raise TypeError(f"'{type(own).__name__}' object is not callable")
    return own(*args, **kwargs)


def _attribute(own: Any, name: str) -> str:
    if isinstance(own, _FUNCTIONS) or type(name) is not str or name.startswith("_"):
        raise AttributeError(f"'{type(own).__name__}' object has no attribute '{name}'")
    return name


_DO: dict[str, Callable[..., Any]] = {
    "call": _call,
    "get": lambda own, name: getattr(own, _attribute(own, name)),
    "set": lambda own, name, value: setattr(own, _attribute(own, name), value),
    "list": list,
}
