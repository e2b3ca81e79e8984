"""Which tests tell the same from outside, and what is said of a program after a second look."""

from typing import Any

import pytest
from odd_programs import BEYOND

from ttscale.verifiers.code.inside.doubt import beside, is_plain, second_opinion, text_of
from ttscale.verifiers.code.suite import asserts_suite


@pytest.mark.parametrize(
    "source",
    ["assert f(1) == 2", "assert f([2, 1]) == sorted([1, 2])", "import math\nassert math.isclose(f(1), 2.0)", "for x in range(3):\n    assert f(x) is None",
     "a = [1]\nf(a)\nassert a == [2]", "try: f(1)\nexcept ValueError: pass\nelse: assert False", "def h(x): return x\nassert f(h) == 1",
     "assert f('a').strip() == 'a'", "from collections import Counter\nassert f('a') == Counter('a')", "assert abs(f(1) - 2) < 1e-6", "assert f(1) is True"],
)  # fmt: skip
def test_calls_and_comparisons_are_plain(source: str) -> None:
    assert is_plain(source, ("f",))


@pytest.mark.parametrize(
    "source",
    ["assert f.__name__ == 'f'", "g = f\nassert g(1)", "assert f(1) is f(1)", "open('a', 'w')\nassert f('a')", "import random\nassert f(1)",
     "with p(): f(1)", "assert f(1).real_name == 2", "assert type(f(1)) is int", "assert id(f(1))", "class D(f): pass", "import sys\nassert f(sys.path)",
     "assert callable(f)", "print(f(1))", "async def g(): await f()", "@f\ndef g(): pass", "x = input()\nassert f(x)", "del f", "global f", "assert ("],
)  # fmt: skip
def test_all_else_is_not(source: str) -> None:
    assert not is_plain(source, ("f",))


@pytest.mark.parametrize("name", sorted(set(BEYOND) - {"shared rows", "row changed"}))
def test_tests_that_cannot_be_followed_are_known_by_their_text(name: str) -> None:
    assert not is_plain(*text_of(asserts_suite(BEYOND[name][1])))


@pytest.mark.parametrize("name", BEYOND)
def test_beside_a_right_program_its_tests_pass(
    name: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    program, tests = BEYOND[name]
    texts = beside(asserts_suite(tests))
    assert texts is not None
    namespace: dict[str, Any] = {"__name__": "candidate"}
    for text in (texts[0], program, texts[1]):
        exec(text, namespace)


FAILED = {"outcome": "failed", "detail": "AssertionError: "}
ERROR = {"outcome": "error", "detail": "cannot be followed"}


@pytest.mark.parametrize(
    ("first", "told", "passed", "trusts", "outcome"),
    [(FAILED, "passed", True, False, "error"), (FAILED, "passed", True, True, "passed"), (ERROR, "passed", True, False, "error"),
     (FAILED, "AssertionError: ", False, True, "failed"), (ERROR, "AssertionError: ", False, False, "failed"), (ERROR, "", False, True, "failed"),
     (ERROR, "ModuleNotFoundError: No module named 'x'", False, True, "error"), (ERROR, "NameError: x", False, False, "error")],
)  # fmt: skip
def test_what_passes_only_beside_is_no_wrong_answer_and_what_fails_twice_is(
    first: dict[str, Any], told: str, passed: bool, trusts: bool, outcome: str
) -> None:
    found = second_opinion(first, told, passed=passed, trusts=trusts)
    assert found["outcome"] == outcome
    assert found["detail"]
