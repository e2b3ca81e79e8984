"""What is asked ahead is what the tests would ask, and nothing where that depends on anything."""

import ast
from typing import Any

import pytest

from ttscale.verifiers.code.inside.ahead import asked_by, asked_by_check, asked_of
from ttscale.verifiers.code.inside.remote import AstrayError, Session
from ttscale.verifiers.code.inside.wire import decode


def calls(source: str) -> list[tuple[Any, ...]]:
    asked = asked_by(ast.parse(source).body, {"f": "f", "g": "g"})
    return [(each["name"], *(decode(item, int) for item in each["args"])) for each in asked]


@pytest.mark.parametrize(
    ("tests", "asked"),
    [
        ("assert f(1) == 2\nassert g('a', (2, [3])) is None", [("f", 1), ("g", "a", (2, [3]))]),
        ("assert abs(f(-1.5) - 2) < 1e-6, 'message'", [("f", -1.5)]),
        ("assert True\nprint('begin')\nassert not f({1: {2}})", [("f", {1: {2}})]),
        ("assert f(2 * 3 + 1, 'a' + 'b') == 7", [("f", 7, "ab")]),
    ],
)
def test_calls_with_constants_are_asked_in_their_order(tests: str, asked: list[tuple[Any, ...]]) -> None:
    assert calls(tests) == asked


@pytest.mark.parametrize(
    "depends",
    [
        "assert f(g(1)) == 1",  # on an answer
        "assert f(1) == f(2)",
        "assert f(1) and f(2)",
        "assert True or f(1)",
        "assert 1 == 2 == f(1)",
        "assert f(1) == 1, str(f(1))",
        "assert (f(1) if 1 else 2)",
        "assert [f(1) for _ in '12']",
        "assert sorted([1], key=lambda x: f(1))",
        "for x in 1, 2:\n    assert f(3)",
        "if f(1): pass",
        "x = f(1)",
        "x = 1\nassert f(x)",
        "assert f(x)",
        "assert f(*[1])",
        "assert f(**{'a': 1})",
        "assert map(f, [1])",
        "assert f.cache(1)",
        "assert f(1e999 - 1e999)",  # not a number
        "assert f(1 / 0)",
        "def h(): f(1)\nh()",
        "with f: assert f(1)",
    ],
)
def test_nothing_is_asked_ahead_where_it_may_depend_on_something(depends: str) -> None:
    assert calls(f"assert f(0)\n{depends}") == []


def test_a_check_asks_by_the_name_of_its_argument() -> None:
    source = "X = 1\n\ndef check(candidate):\n    assert candidate(1) == 1\n    assert inc([2]) == 2\n"
    assert [(each["name"], each["args"], each.get("back")) for each in asked_by_check(source, "inc")] == [
        ("inc", [1], None),
        ("inc", [[2]], [0]),
    ]
    assert asked_by_check("def check(a, b):\n    assert a(1)", "inc") == []


def test_very_much_is_asked_one_by_one() -> None:
    assert len(asked_of("f", [["x" * 1000]] * 50)) == 50
    assert asked_of("f", [["x" * 1000]] * 500) == []


class Recorded:
    """A channel that answers what it is told to."""

    def __init__(self, *answers: Any) -> None:
        self.sent: list[Any] = []
        self._answers = iter(answers)

    def send(self, message: Any, deadline: float) -> None:
        self.sent.append(message)

    def receive(self, deadline: float) -> Any:
        return next(self._answers)


def test_what_was_asked_ahead_is_not_sent_again_and_anything_else_goes_astray() -> None:
    ahead = asked_by(ast.parse("assert f(1)\nassert f(2)").body, {"f": "f"})
    channel = Recorded({"value": None}, {"value": 10}, {"value": 20})
    session = Session(channel, 0.0, ahead)  # type: ignore[arg-type]
    session.load("program")
    assert session.call({"name": "f"}, [1], {}, writes_back=True) == 10
    assert [each["do"] for each in channel.sent] == ["load"]
    with pytest.raises(AstrayError):
        session.call({"name": "f"}, [3], {}, writes_back=True)
    with pytest.raises(AstrayError):  # for good
        session.call({"name": "f"}, [2], {}, writes_back=True)
    assert len(channel.sent) == 1
