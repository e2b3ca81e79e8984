"""Which answers are the key, by readings made by hand."""

from fractions import Fraction

import pytest
import sympy

from ttscale.verifiers.formulas.comparing import is_equal
from ttscale.verifiers.formulas.naming import formula_name
from ttscale.verifiers.formulas.readings import Reading


def value(expr: object, written: str | None = None, **more: object) -> Reading:
    exact = sympy.sympify(expr)
    return Reading("value", formula_name(exact), expr=exact, written=written, **more)


def decimal(written: str, **more: object) -> Reading:
    exact = Fraction(written)
    return value(sympy.Rational(exact.numerator, exact.denominator), written, **more)


def several(kind: str, *parts: Reading, name: str | None = None) -> Reading:
    return Reading(kind, name or ", ".join(part.name for part in parts), parts=parts)  # type: ignore[arg-type]


THIRD = value(sympy.Rational(1, 3))


@pytest.mark.parametrize(
    ("key", "answer", "equal"),
    [
        (THIRD, decimal("0.333333"), True),
        (THIRD, decimal("0.33333"), False),  # five places
        (THIRD, decimal("0.333334"), False),  # not what it rounds to
        (decimal("0.333333"), THIRD, True),
        (value(sympy.Float("6.63e-34", 20)), value(sympy.Float("9.11e-31", 20)), False),
        (value(sympy.sqrt(2)), decimal("1.41421356237"), True),
        (value(sympy.sqrt(2)), decimal("1.414214"), True),
        (value(2), value(3), False),
        (value(sympy.I), decimal("1.000000"), False),
    ],
)
def test_a_decimal_is_the_key_that_it_rounds(key: Reading, answer: Reading, equal: bool) -> None:
    assert is_equal(key, answer) is equal


def test_a_percent_sign_may_be_left_out_but_not_twice() -> None:
    percent, share = value(50, is_percent=True), value(sympy.Rational(1, 2))
    assert is_equal(percent, share)
    assert is_equal(share, percent)
    assert not is_equal(value(51, is_percent=True), share)
    assert not is_equal(value(50), share)


def test_a_name_may_be_left_out_and_is_no_other() -> None:
    named, other = (Reading("value", "5", expr=sympy.Integer(5), variable=letter) for letter in ("x", "n"))
    assert is_equal(named, value(5))
    assert is_equal(value(5), named)
    assert not is_equal(named, other)


def test_the_letter_of_a_function_is_the_writers_choice() -> None:
    x = sympy.Symbol("x")
    graphs = {
        letter: Reading("value", formula_name(2 * x), expr=2 * x, variable=letter)
        for letter in ("y", "f(x)", "z")
    }
    assert is_equal(graphs["y"], graphs["f(x)"])
    assert not is_equal(graphs["y"], graphs["z"])


def test_lists_have_elements_in_any_order_each_once() -> None:
    one, two = value(1), value(2)
    assert is_equal(several("list", THIRD, two), several("list", two, decimal("0.333333")))
    assert not is_equal(several("list", one, two), several("list", two, decimal("2.0000000")))
    assert not is_equal(several("list", one, two), several("list", one))


def test_tuples_have_an_order_and_may_be_a_row_but_no_other_matrix() -> None:
    pair, turned = several("tuple", THIRD, value(2)), several("tuple", value(2), THIRD)
    rounded = decimal("0.333333"), value(2)
    assert is_equal(pair, several("tuple", *rounded, name="(0.333333, 2)"))
    assert not is_equal(pair, several("tuple", value(2), decimal("0.333333")))
    assert not is_equal(pair, turned)
    assert is_equal(pair, several("matrix", *rounded, name="matrix 1x2(0.333333, 2)"))
    assert is_equal(pair, several("matrix", *rounded, name="matrix 2x1(0.333333, 2)"))
    four = [value(each) for each in (1, 2, 3, 4)]
    assert not is_equal(several("tuple", *four), several("matrix", *four, name="matrix 2x2(1, 2, 3, 4)"))


def test_intervals_have_their_brackets() -> None:
    closed = several("interval", THIRD, value(2), name="[1/3, 2]")
    ends = decimal("0.333333"), value(2)
    assert is_equal(closed, several("interval", *ends, name="[0.333333, 2]"))
    assert not is_equal(closed, several("interval", *ends, name="(0.333333, 2]"))


def test_a_key_with_a_base_asks_for_its_digits_and_one_without_for_the_value() -> None:
    based = Reading("based", "101_2", expr=sympy.Integer(5), written="101")
    assert is_equal(based, value(101))
    assert not is_equal(based, value(5))
    assert is_equal(value(5), based)
    assert not is_equal(value(101), based)
    assert not is_equal(based, Reading("based", "101_3", expr=sympy.Integer(10), written="101"))


def test_a_time_without_its_half_of_the_day_is_either_but_the_halves_differ() -> None:
    plain = Reading("time", "time 10:30")
    bare = Reading("time", "time 10:30", also=plain)
    morning, evening = (
        Reading("time", f"time 10:30{half}", written=half, also=plain) for half in ("am", "pm")
    )
    assert is_equal(morning, bare)
    assert is_equal(bare, evening)
    assert not is_equal(morning, evening)


def test_texts_are_equal_by_name_alone_and_another_reading_helps() -> None:
    assert is_equal(Reading("text", "red"), Reading("text", "red"))
    assert not is_equal(Reading("text", "red"), value(5))
    assert is_equal(value(5), Reading("text", "C", also=value(5)))
    assert is_equal(Reading("text", "C", also=value(5)), value(5))
