"""What crosses between the tests and a candidate: plain values alone, of bounded size."""

import collections
import math
import socket
import struct
import subprocess
import sys
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttscale.verifiers.code.inside.wire import Channel, ChannelError, OutOfTimeError, decode, encode


def keep(value: object) -> int:
    return 7


def crossed(value: Any) -> Any:
    left, right = socket.socketpair()
    with left, right:
        Channel(left, 1 << 24).send(encode(value, keep))
        return decode(Channel(right, 1 << 24).receive(), lambda number: ("handle", number))


atoms = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.fractions()
)


hashable = st.recursive(
    atoms, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=5
)


plain = st.recursive(
    hashable,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner)
        | st.dictionaries(hashable, inner, max_size=3)
        | st.sets(hashable, max_size=3)
    ),
    max_leaves=10,
)


@given(plain)
def test_plain_values_cross_unchanged(value: Any) -> None:
    arrived = crossed(value)
    assert arrived == value
    assert type(arrived) is type(value)


class Color(IntEnum):
    RED = 1


class Text(str):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = str.__hash__


class Open(str):
    pass


@pytest.mark.parametrize(
    ("value", "arrived"),
    [
        (True, True), (np.int64(3), 3), (np.float64(0.5), 0.5), (np.bool_(True), True), (Color.RED, 1), (Text("a"), "a"),
        (collections.Counter("aab"), collections.Counter("aab")), (collections.OrderedDict(a=1), collections.OrderedDict(a=1)), (1 << 200, 1 << 200),
        (-(1 << 70), -(1 << 70)), (Decimal("1.10"), Decimal("1.10")), (Fraction(1, 3), Fraction(1, 3)), (1 + 2j, 1 + 2j),
        (range(1, 9, 2), range(1, 9, 2)), (collections.deque([1]), collections.deque([1])), ({1: 2}.keys(), {1}), (bytearray(b"x"), bytearray(b"x")),
        (math.inf, math.inf), ("\ud800\x00", "\ud800\x00"), (int, int), (object(), ("handle", 7)), (len, ("handle", 7)),
        (collections.defaultdict(list, a=[1]), collections.defaultdict(list, a=[1])), (collections.deque([1, 2], 2), collections.deque([1, 2], 2)),
        (..., ...), (slice(1, None, -1), slice(1, None, -1)), (Open("a"), "a"),
    ],
)  # fmt: skip
def test_values_arrive_as_exact_builtins_or_handles(value: object, arrived: object) -> None:
    found = crossed(value)
    assert found == arrived
    assert type(found) in (type(arrived), set, type({}.keys()))


def test_nan_and_iterators_arrive() -> None:
    assert math.isnan(crossed(math.nan))
    assert list(crossed(iter([1, 2]))) == [1, 2]
    assert list(crossed(x for x in "ab")) == ["a", "b"]


@pytest.mark.parametrize(
    "data",
    [{}, {"a": 1, "b": 2}, {"x": 1}, {"i": "zz"}, {"i": 5}, {"h": "x"}, {"s": [[1]]}, {"d": [[1]]}, {"d": [[[], 1]]}, {"q": ["1", "0"]},
     {"y": "open"}, {"y": "__import__"}, {"b": "xyz"}, {"m": "one"}, {"c": [1]}, {"t": 5}],
)  # fmt: skip
def test_malformed_values_are_refused(data: object) -> None:
    with pytest.raises(ChannelError):
        decode(data, lambda number: number)


def test_nested_bombs_are_refused() -> None:
    left, right = socket.socketpair()
    with left, right:
        body = b"[" * 50_000
        left.sendall(struct.pack(">I", len(body)) + body)
        with pytest.raises(ChannelError):
            decode(Channel(right, 1 << 20).receive(), keep)


def test_long_frames_and_silence_are_refused() -> None:
    left, right = socket.socketpair()
    with left, right:
        left.sendall(struct.pack(">I", 1000))
        with pytest.raises(ChannelError, match="1000 bytes"):
            Channel(right, 999).receive()
        with pytest.raises(OutOfTimeError):
            Channel(right, 999).receive(0.0)
        left.close()
        with pytest.raises(ChannelError, match="hung up"):
            Channel(right, 999).receive()


def test_importing_the_verifier_leaves_pythons_limit_on_digits_alone() -> None:
    program = "import sys; before = sys.get_int_max_str_digits(); import ttscale.verifiers.code.pool; assert sys.get_int_max_str_digits() == before > 0"
    subprocess.run([sys.executable, "-c", program], check=True)
