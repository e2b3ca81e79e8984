"""Which examples of a statement become tests, and which do not."""

import ast

import pytest

from ttscale.verifiers.code.shown import shown_suite


def calls(text: str, entry_point: str | None = "f") -> list[str]:
    suite = shown_suite(text, entry_point)
    return (
        []
        if suite is None
        else [ast.unparse(ast.parse(test).body[0].value.args[2]) for test in suite["tests"]]
    )  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "line",
    [
        ">>> f(2)\n4",
        "    >>> f(2)\n    4\n\n    More words.",
        "f(2) == 4",
        "f(2) => 4",
        "* f(2) ==> 4 ",
        "f(2)==>4",
        "f(2) -> 4",
        "f(2) ➞ 4  # since 2 + 2 is 4",
        "f(2) = 4",
        "f(2) returns 4",
        "f(2)   # returns 4",
        "f(2) should return 4",
        "f(\n  2\n) == 4",
    ],
)
def test_an_example_is_read_in_every_spelling(line: str) -> None:
    assert calls(f"Double it.\n{line}\n") == ["4"]


@pytest.mark.parametrize(
    "line",
    [
        "f(x) returns 4",  # says nothing of what it is given
        "f(2) == 4 - 0 and so on",
        "g(2) == 4",
        "self.f(2) is odd",
        "f(2",
        "f(2) == four",
        "f(n) = 2 * f(n - 1)\nf(1) = 3",  # a recurrence, not what the function gives
        ">>> f(2)",  # prints nothing
        ">>> f(2)\nTraceback (most recent call last):\n    ...\nValueError: no",
        ">>> g(2)\n4",
        ">>>f(2)\n4",
    ],
)
def test_what_is_no_example_is_not_read(line: str) -> None:
    assert calls(f"Double it.\n{line}\n") == []


def test_a_docstring_is_read_and_the_code_around_it_is_not() -> None:
    code = 'def g(x):\n    """Help: g(1) == 1."""\n    return x == 4\n\ndef f(x):\n    """Double.\n    >>> f("a\\\\n")\n    \'a\\\\na\\\\n\'\n    """\n'
    assert calls(code) == ["'a\\na\\n'"]


def test_without_a_named_function_only_doctests_are_read() -> None:
    suite = shown_suite("Write h.\n>>> h([1.0], k=2)\n[2.0]\n\nh(3) == 4", None)
    assert suite is not None
    assert (suite["names"], len(suite["tests"])) == (["h"], 1)
