"""Messages between the tester and a candidate: plain data only, so that nothing but values can cross.

A frame is a 4-byte big-endian length and that many bytes of JSON. JSON's own types stand for themselves;
every other plain value is an object with one key that names its type. What is not plain data stays where it
is and crosses as a handle (``{"h": 7}``), which only its owner can resolve. There is no pickle, no class, no
code.
"""

from __future__ import annotations

import builtins
import collections
import functools
import importlib
import itertools
import json
import numbers
import socket
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

from ttscale.verifiers.code.inside import arrays
from ttscale.verifiers.code.inside.lazy import Rest, Task, awaited, pieces

MAX_CONTROL = 1 << 16
"""Most bytes in one message between tester, fork server and a process that waits for its program."""
_HEADER = struct.Struct(">I")
_SMALL = 1 << 62
_BUILTIN_TYPES = {id(thing): name for name, thing in vars(builtins).items() if isinstance(thing, type)}
_OF_MODULES: dict[tuple[str, str], tuple[str, Callable[[Any], Any]]] = {
    ("datetime", "datetime"): ("dt", lambda value: value.isoformat()),
    ("datetime", "date"): ("dd", lambda value: value.isoformat()),
    ("datetime", "time"): ("tt", lambda value: value.isoformat()),
    ("datetime", "timedelta"): ("l", lambda value: [value.days, value.seconds, value.microseconds]),
    ("pathlib", "PosixPath"): ("p", str),
    ("pathlib", "PurePosixPath"): ("p", str),
    ("uuid", "UUID"): ("u", lambda value: value.hex),
}
"""Plain data of modules that are imported only when there is some: a process that has more in it takes longer to fork."""
_OF_ITERATORS = ("builtins", "itertools")
"""Iterators of other modules may be more than that."""
_MAX_ITERATED = 100_000
"""An iterator longer than this crosses piece by piece, as it is asked for: it may be endless."""


def allow_long_integers() -> None:
    """Lift Python's limit on the digits of integers in this process; they travel in hexadecimal, which is linear in their length."""
    if hasattr(sys, "set_int_max_str_digits"):
        sys.set_int_max_str_digits(0)


class ChannelError(Exception):
    """The other side hung up, sent no valid frame, or sent too much."""


class OutOfTimeError(Exception):
    """The deadline passed while waiting."""


class Channel:
    """Frames over a stream socket."""

    def __init__(self, sock: socket.socket, max_bytes: int) -> None:
        self._socket = sock
        self._max_bytes = max_bytes

    def send(self, message: Any, deadline: float | None = None) -> None:
        """Send one message.

        Raises:
            OutOfTimeError: The deadline (monotonic seconds) passed.
            ChannelError: The other side is gone.
        """
        payload = json.dumps(message).encode("ascii")
        self._wait_until(deadline)
        try:
            self._socket.sendall(_HEADER.pack(len(payload)) + payload)
        except TimeoutError:
            raise OutOfTimeError from None
        except OSError as error:
            raise ChannelError(f"hung up ({error.strerror})") from None

    def receive(self, deadline: float | None = None) -> Any:
        """Receive one message; raises as `send` does."""
        (size,) = _HEADER.unpack(self._exactly(_HEADER.size, deadline))
        if size > self._max_bytes:
            raise ChannelError(f"sent {size} bytes, more than {self._max_bytes}")
        try:
            return json.loads(self._exactly(size, deadline))
        except (ValueError, RecursionError):
            raise ChannelError("sent something other than JSON") from None

    def _exactly(self, size: int, deadline: float | None) -> bytes:
        data = bytearray()
        while len(data) < size:
            self._wait_until(deadline)
            try:
                chunk = self._socket.recv(min(size - len(data), 1 << 20))
            except TimeoutError:
                raise OutOfTimeError from None
            except OSError as error:
                raise ChannelError(f"hung up ({error.strerror})") from None
            if not chunk:
                raise ChannelError("hung up")
            data += chunk
        return bytes(data)

    def _wait_until(self, deadline: float | None) -> None:
        if deadline is None:
            self._socket.settimeout(None)
            return
        left = deadline - time.monotonic()
        if left <= 0:
            raise OutOfTimeError
        self._socket.settimeout(left)


def encode(value: Any, keep: Callable[[Any], int]) -> Any:
    """Turn a value into JSON's types.

    An instance of a subclass crosses as the builtin it is (a Counter as a dict, NumPy's numbers as numbers),
    so that it compares as it would have compared in place; `keep` gives a handle to everything that is not
    plain.
    """
    kind = type(value)
    if value is None or kind in (str, bool, float):
        return value
    if kind is int:
        return value if -_SMALL < value < _SMALL else {"i": hex(value)}
    if kind is list:
        return [encode(item, keep) for item in value]
    if kind is tuple:
        return {"t": [encode(item, keep) for item in value]}
    return _encode_other(value, keep)


def _encode_other(value: Any, keep: Callable[[Any], int]) -> Any:  # noqa: PLR0911 - one line per type
    kind = type(value)

    def many(items: Any) -> list[Any]:
        return [encode(item, keep) for item in items]

    if isinstance(value, str):
        return _as_builtin(value, str, str.__str__(value))
    if isinstance(value, numbers.Integral):
        return encode(int(value), keep)
    if isinstance(value, numbers.Real) and not _is_of(value, "fractions", "Fraction"):
        return float(value)
    if isinstance(value, dict):
        pairs = [many(pair) for pair in dict.items(value)]
        return _dict_of(value, pairs) or _as_builtin(value, dict, {"d": pairs})
    if isinstance(value, list):
        return _as_builtin(value, list, many(list.__iter__(value)))
    if isinstance(value, tuple):
        fields = getattr(kind, "_fields", None)
        if isinstance(fields, tuple) and len(fields) == len(value) and kind.__base__ is tuple:
            return {"n": [kind.__name__, list(fields), *many(tuple.__iter__(value))]}
        return _as_builtin(value, tuple, {"t": many(tuple.__iter__(value))})
    if isinstance(value, set):
        return {"s": many(set.__iter__(value))}
    if isinstance(value, frozenset):
        return {"z": many(frozenset.__iter__(value))}
    if isinstance(value, bytes | bytearray):
        return {"b" if isinstance(value, bytes) else "a": bytes(value).hex()}
    return _encode_of_modules(value) or _encode_rarer(value, keep)


def _encode_of_modules(value: Any) -> dict[str, Any] | None:
    """Return a number of another type than Python's usual ones, a date or the like, or None."""
    kind = type(value)
    if _is_of(value, "fractions", "Fraction"):
        return {"q": [hex(value.numerator), hex(value.denominator)]}
    if isinstance(value, complex):
        return {"c": [value.real, value.imag]}
    if _is_of(value, "decimal", "Decimal"):
        return {"m": str(value)}
    if (kind.__module__, kind.__name__) in _OF_MODULES and kind is vars(sys.modules[kind.__module__]).get(
        kind.__name__
    ):
        tag, as_plain = _OF_MODULES[kind.__module__, kind.__name__]
        return {tag: as_plain(value)}
    return None


def _encode_rarer(value: Any, keep: Callable[[Any], int]) -> Any:  # noqa: PLR0911 - one line per type
    kind = type(value)

    def many(items: Any) -> list[Any]:
        return [encode(item, keep) for item in items]

    if kind.__module__ == "numpy" and kind.__name__ != "ndarray" and getattr(value, "shape", None) == ():
        return encode(value.item(), keep)  # NumPy's truth values; its numbers are numbers
    if type(value) is range:
        return {"r": many((value.start, value.stop, value.step))}
    if isinstance(value, collections.deque):
        return {"e": [value.maxlen, *many(value)]}
    if type(value) is slice:
        return {"sl": many((value.start, value.stop, value.step))}
    if value is ... or value is NotImplemented:
        return {"v": str(value)}
    if isinstance(value, type) and id(value) in _BUILTIN_TYPES:
        return {"y": _BUILTIN_TYPES[id(value)]}
    if isinstance(value, collections.abc.KeysView):
        return {"k": many(value)}
    if kind.__module__ == "builtins" and kind.__name__ == "coroutine":
        return {"aw": keep(Task(value))}
    if isinstance(value, collections.abc.ValuesView | collections.abc.ItemsView) or (
        isinstance(value, collections.abc.Iterator) and kind.__module__ in _OF_ITERATORS
    ):
        items = list(itertools.islice(value, _MAX_ITERATED + 1))
        return (
            {"o": many(items)}
            if len(items) <= _MAX_ITERATED
            else {"it": keep(Rest(itertools.chain(items, value)))}
        )
    return arrays.as_plain(value, lambda item: encode(item, keep)) or {"h": keep(value)}


def _as_builtin(value: Any, kind: type, encoded: Any) -> Any:
    """Mark an instance of a subclass as more than what crosses, unless it is more in what it says that it equals: that is not asked."""
    return encoded if type(value) is kind or type(value).__eq__ is not kind.__eq__ else {"w": encoded}


def _dict_of(value: dict[Any, Any], items: list[list[Any]]) -> dict[str, Any] | None:
    """Return one of the kinds of dict that `collections` has, or None."""
    if type(value) is collections.Counter:
        return {"dc": items}
    if type(value) is collections.OrderedDict:
        return {"do": items}
    factory = value.default_factory if type(value) is collections.defaultdict else value
    if factory is None or (
        isinstance(factory, type) and factory in (int, float, str, bool, list, dict, set, tuple)
    ):
        return {"df": [factory and factory.__name__, *items]}
    return None


def _is_of(value: Any, module: str, name: str) -> bool:
    """Say whether a value is of a class whose module may not be imported; then there is none."""
    kind = getattr(sys.modules.get(module), name, None)
    return isinstance(kind, type) and isinstance(value, kind)


def _maker(module: str, *names: str) -> Callable[..., Any]:
    """Return a function of a module that is imported when it is called."""

    def make(*body: Any) -> Any:
        return functools.reduce(getattr, names, importlib.import_module(module))(*body)  # type: ignore[operator]

    return make


@functools.lru_cache(maxsize=64)
def _named_tuple(name: str, fields: tuple[str, ...]) -> Any:
    return collections.namedtuple(name, fields)


def _from_fields(body: Any) -> Any:
    name, fields, *values = body
    return _named_tuple(str(name)[:100], tuple(map(str, fields)))._make(values)


def _builtin_type(name: str) -> type:
    found = vars(builtins)[name]
    if not isinstance(found, type):
        raise TypeError(name)
    return found


_DECODE: dict[str, Callable[[Any], Any]] = {
    "i": lambda body: int(body, 16),
    "t": tuple,
    "s": set,
    "z": frozenset,
    "b": bytes.fromhex,
    "a": bytearray.fromhex,
    "q": lambda body: _maker("fractions", "Fraction")(int(body[0], 16), int(body[1], 16)),
    "c": lambda body: complex(float(body[0]), float(body[1])),
    "m": _maker("decimal", "Decimal"),
    "r": lambda body: range(*body),
    "e": lambda body: collections.deque(body[1:], body[0]),
    "sl": lambda body: slice(*body),
    "v": lambda body: {"Ellipsis": ..., "NotImplemented": NotImplemented}[body],
    "dc": lambda body: collections.Counter(dict(body)),
    "do": collections.OrderedDict,
    "df": lambda body: collections.defaultdict(body[0] and _builtin_type(body[0]), body[1:]),
    "k": lambda body: dict.fromkeys(body).keys(),
    "o": iter,
    "y": _builtin_type,
    "n": _from_fields,
    "dt": _maker("datetime", "datetime", "fromisoformat"),
    "dd": _maker("datetime", "date", "fromisoformat"),
    "tt": _maker("datetime", "time", "fromisoformat"),
    "l": lambda body: _maker("datetime", "timedelta")(*body),
    "p": _maker("pathlib", "PurePosixPath"),
    "u": _maker("uuid", "UUID"),
    "nd": arrays.array_of,
    "no": arrays.object_array_of,
    "ps": arrays.series_of,
    "pf": arrays.frame_of,
}


_BY_NUMBER: dict[str, Callable[[Any], Any]] = {"h": lambda own: own, "it": pieces, "aw": awaited}
_EXACT = frozenset("itszbaqcmrlpu") | {"d", "dc", "do", "df", "dt", "dd", "tt", "v", "e", "sl"}
"""What is here all that it was there. The rest is less: items of an iterator, a builtin for an instance of a subclass, a stand-in."""


def is_loose(data: Any) -> bool:
    """Say whether something in JSON's types became less than it was by crossing."""
    if type(data) is list:
        return any(map(is_loose, data))
    if type(data) is not dict:
        return False
    return any(tag not in _EXACT or is_loose(body) for tag, body in data.items())


def decode(data: Any, resolve: Callable[[int], Any]) -> Any:
    """Turn JSON's types back into exact builtin values, and handles into what `resolve` makes of them.

    Raises:
        ChannelError: The data follows no rule above.
    """
    try:
        return _decode(data, resolve)
    except Exception:  # whatever becomes of foreign data, it is the program's doing
        raise ChannelError("sent a malformed value") from None


def _decode(data: Any, resolve: Callable[[int], Any]) -> Any:
    if type(data) is list:
        return [_decode(item, resolve) for item in data]
    if type(data) is not dict:
        return data
    ((tag, body),) = data.items()
    if tag in _BY_NUMBER:
        return _BY_NUMBER[tag](resolve(int(body)))
    if tag == "w":
        return _decode(body, resolve)
    if tag == "d":
        return {_decode(key, resolve): _decode(value, resolve) for key, value in body}
    if type(body) is list:
        body = [_decode(item, resolve) for item in body]
    return _DECODE[tag](body)
