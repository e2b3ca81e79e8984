"""What may be handed to a program: the tests' own functions and objects, and functions that tell it nothing."""

import functools
import math
import operator
import os
import subprocess
from typing import Any

import pytest

from ttscale.verifiers.code.inside.ours import TESTS, Ours
from ttscale.verifiers.code.inside.proxies import UnsupportedError
from ttscale.verifiers.code.inside.wire import decode, encode


def of_the_tests(source: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {"__name__": TESTS}
    exec(source, namespace)
    return namespace


def asked(ours: Ours, what: str, number: int, *args: Any) -> dict[str, Any]:
    request = {
        "do": what,
        "on": number,
        "args": [encode(each, ours.number_of) for each in args],
        "kwargs": {},
    }
    return ours.answer(
        request,
        lambda data: decode(data, ours.object_of),
        lambda value: encode(value, ours.number_of),
        ours.number_of,
    )


@pytest.mark.parametrize(
    "value",
    [open, eval, exec, compile, getattr, setattr, __import__, vars, globals, input, print, os.system, subprocess.run, functools.partial(eval),
     math, os, object(), type("T", (), {"__module__": TESTS}), operator.attrgetter("a"), operator.methodcaller("a"), os.environ.get,
     object.__subclasses__, type.__subclasses__, {}.__class_getitem__, str.__getattribute__, (lambda: 0), functools.reduce],
    ids=lambda value: getattr(value, "__qualname__", type(value).__name__),
)  # fmt: skip
def test_what_would_lead_to_the_tests_or_the_machine_stays(value: object) -> None:
    with pytest.raises(UnsupportedError, match="cannot leave their process"):
        Ours().number_of(value)


@pytest.mark.parametrize(
    ("value", "args", "result"),
    [(max, ([1, 3],), 3), (math.sqrt, (9,), 3.0), (operator.add, (1, 2), 3), (str.upper, ("a",), "A"), ([1].count, (1,), 1), (", ".join, (["a", "b"],), "a, b")],
)  # fmt: skip
def test_functions_that_tell_nothing_are_called(value: Any, args: tuple[Any, ...], result: object) -> None:
    ours = Ours()
    assert asked(ours, "call", ours.number_of(value), *args) == {"value": result}


def test_each_object_has_one_number_and_comes_back_as_itself() -> None:
    namespace, ours = of_the_tests("def g(): pass\nclass T: pass\nt = T()\nu = T()"), Ours()
    numbers = [ours.number_of(namespace[name]) for name in "gtug"]
    assert numbers == [-1, -2, -3, -1]
    assert [ours.object_of(number) for number in numbers[:3]] == [namespace[name] for name in "gtu"]


def test_attributes_without_an_underscore_are_read_and_set_and_no_others() -> None:
    namespace, ours = (
        of_the_tests(
            "class T:\n    def m(self): return 5\nt = T()\nt.x = 3\nt._y = 4\ndef g(): pass\ng.x = 3"
        ),
        Ours(),
    )
    t, g = ours.number_of(namespace["t"]), ours.number_of(namespace["g"])
    assert asked(ours, "get", t, "x") == {"value": 3}
    assert asked(ours, "set", t, "x", 8) == {"value": None}
    assert namespace["t"].x == 8
    method = asked(ours, "get", t, "m")["value"]["h"]
    assert asked(ours, "call", method) == {"value": 5}
    for number, name in [
        (t, "_y"),
        (t, "__class__"),
        (t, "__dict__"),
        (g, "x"),
        (g, "__globals__"),
        (method, "im_func"),
    ]:
        assert asked(ours, "get", number, name)["raised"][0] == "AttributeError"
        assert asked(ours, "set", number, name, 1)["raised"][0] == "AttributeError"
    assert asked(ours, "call", t)["raised"][0] == "TypeError"


def test_what_a_function_of_the_tests_raises_is_known_again() -> None:
    namespace, ours = of_the_tests("class My(Exception): pass\ndef g(): raise My('a')"), Ours()
    answer = asked(ours, "call", ours.number_of(namespace["g"]))
    assert answer["raised"] == ["My", "a"]
    assert isinstance(ours.object_of(answer["theirs"]), namespace["My"])
