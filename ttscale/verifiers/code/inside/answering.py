"""The program's side of the conversation: its process answers what the tests ask of its functions and objects.

The program shares that process and may do with it what it likes: all it can change is its own answers.
"""

from __future__ import annotations

import operator
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

from ttscale.verifiers.code.inside.as_script import remember_source
from ttscale.verifiers.code.inside.errors import as_raised, raised_by
from ttscale.verifiers.code.inside.foreign import Foreign, number_there
from ttscale.verifiers.code.inside.prints import Printed
from ttscale.verifiers.code.inside.wire import Channel, decode, encode


def _reflected(operation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda own, other: operation(other, own)


_BINARY = (
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "matmul",
    "and",
    "or",
    "xor",
    "lshift",
    "rshift",
)
OPERATIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(operator, f"__{name}__") for name in (*_BINARY, "lt", "gt", "le", "ge", "eq")},
    **{f"r{name}": _reflected(getattr(operator, f"__{name}__")) for name in _BINARY},
    **{
        name: getattr(operator, name)
        for name in ("getitem", "setitem", "delitem", "contains", "neg", "pos", "invert", "index")
    },
    **{each.__name__: each for each in (len, str, repr, abs, int, float, reversed, round, isinstance)},
    "enter": lambda own: own.__enter__(),
    "exit": lambda own: own.__exit__(None, None, None),
    "iter": lambda own: (each for each in own),
    "hash": hash,
}
"""What may be asked of a kept object, by name."""


class Server:
    """Answers operations on the program's functions and objects."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._kept: list[Any] = []
        self._module = types.ModuleType("candidate")
        self._printed = Printed()

    def run(self) -> None:
        """Answer until the other side hangs up; what it asks ahead, when loading the program, is answered right after that."""
        ahead: Iterator[dict[str, Any]] = iter(())
        while True:
            request = next(ahead, None) or self._channel.receive()
            if self._serve(request):
                ahead = iter(request.get("ahead", ahead))

    def _serve(self, request: dict[str, Any]) -> bool:
        """Do one operation and answer; return whether it went well."""
        try:
            operation = getattr(self, "do_" + request["do"])
            answer = {"value": self._encoded(operation(request))}
        except BaseException as error:  # SystemExit and the like are failures of the program too
            answer = as_raised(error, self._keep)
        if printed := self._printed.taken():
            answer["out"] = printed
        self._channel.send(answer)
        return "value" in answer

    def _encoded(self, value: Any) -> Any:
        try:
            encoded = encode(value, self._keep)
            return {"w": encoded} if shares(value, set()) else encoded
        except RecursionError:  # it is deep, or holds itself
            return {"h": self._keep(value)}

    def ask_there(self, **request: Any) -> Any:
        """Have the tests do something with an object of theirs; return or raise what comes of it."""
        self._channel.send({"asks": request})
        while "do" in (answer := self._channel.receive()):  # a function of theirs works on an object of ours
            self._serve(answer)
        if "raised" in answer:
            raise raised_by(answer, self._resolve)
        return decode(answer["value"], self._resolve)

    def encode(self, value: Any) -> Any:
        """Encode a value for the tests."""
        return encode(value, self._keep)

    def do_load(self, request: dict[str, Any]) -> None:
        """Run the program's top level."""
        sys.modules["candidate"] = self._module
        path = remember_source(request["program"])
        self._module.__file__ = path
        sys.stdout = self._printed.stream
        program = compile(request["program"], path, "exec", dont_inherit=True)
        exec(program, self._module.__dict__)

    def do_call(self, request: dict[str, Any]) -> Any:
        """Call a function by name, or a kept object; with "back", say which arguments it changed, and whether it returned one of them."""
        target = self._resolve(request["on"]) if "on" in request else getattr(self._module, request["name"])
        arguments = [decode(item, self._resolve) for item in request["args"]]
        named = {name: decode(item, self._resolve) for name, item in request["kwargs"].items()}
        value = target(*arguments, **named)
        if "back" not in request:
            return value
        given = {**dict(enumerate(arguments)), **named}
        before = {**dict(enumerate(request["args"])), **request["kwargs"]}
        changed = {at: given[at] for at in request["back"] if self.encode(given[at]) != before[at]}
        same = next((at for at in request["back"] if given[at] is value), None)
        return (value if same is None else None), changed, same

    def do_global(self, request: dict[str, Any]) -> Any:
        """Return what a name stands for."""
        return getattr(self._module, request["name"])

    def do_kind(self, request: dict[str, Any]) -> dict[str, str]:
        """Return the name of a kept object's class, and who says what it equals: nobody, the program, or a library."""
        kind: Any = type(self._resolve(request["on"]))
        home = str(kind.__module__).partition(".")[0]
        is_ours = home == self._module.__name__ or home in sys.stdlib_module_names
        own = "the program's" if is_ours else "a library's"
        return {"name": kind.__name__, "equality": "identity" if kind.__eq__ is object.__eq__ else own}

    def do_operate(self, request: dict[str, Any]) -> Any:
        """Do an operation on a kept object."""
        operands = [decode(item, self._resolve) for item in request["operands"]]
        return OPERATIONS[request["name"]](self._resolve(request["on"]), *operands)

    def do_get(self, request: dict[str, Any]) -> Any:
        """Read an attribute of a kept object."""
        return getattr(self._resolve(request["on"]), request["name"])

    def do_set(self, request: dict[str, Any]) -> None:
        """Set an attribute of a kept object."""
        setattr(self._resolve(request["on"]), request["name"], decode(request["value"], self._resolve))

    def do_truth(self, request: dict[str, Any]) -> bool:
        """Say whether a kept object counts as true."""
        return bool(self._resolve(request["on"]))

    def _keep(self, value: Any) -> int:
        if type(value) is Foreign:
            return number_there(value)
        for handle, kept in enumerate(self._kept):
            if kept is value:
                return handle
        self._kept.append(value)
        return len(self._kept) - 1

    def _resolve(self, handle: int) -> Any:
        return self._kept[handle] if handle >= 0 else Foreign(self, handle)


def shares(value: Any, seen: set[int]) -> bool:
    """Say whether a list or a dict stands in a value twice: on the other side they are two.

    >>> row = [0]
    >>> shares([row, [0]], set()), shares([row, (1, row)], set())
    (False, True)
    """
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    if id(value) in seen:
        return True
    if items and not isinstance(value, tuple):
        seen.add(id(value))
    return any(shares(each, seen) for each in items)
