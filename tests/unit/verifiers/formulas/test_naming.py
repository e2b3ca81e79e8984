"""Equal formulas have equal names, and different ones different names."""

from fractions import Fraction

import pytest
import sympy

from ttscale.verifiers.formulas.naming import (
    equation_name,
    formula_name,
    integer_name,
    is_constant,
    number_name,
    rational_name,
    relation_name,
)

x, y = sympy.symbols("x y")
f = sympy.Function("f")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((x + 1) ** 2, x**2 + 2 * x + 1),
        (sympy.sin(x) ** 2 + sympy.cos(x) ** 2, sympy.Integer(1)),
        (sympy.sqrt(8), 2 * sympy.sqrt(2)),
        (1 / sympy.sqrt(x), sympy.sqrt(1 / x)),
        (sympy.log(x**2), 2 * sympy.log(sympy.Abs(x))),
        (f(x) + f(x), 2 * f(x)),
        (x / 3, x * sympy.Rational(1, 3)),
    ],
)
def test_equal_formulas_have_one_name(one: sympy.Expr, other: sympy.Expr) -> None:
    assert formula_name(one) == formula_name(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (x, y),
        (sympy.sqrt(x**2 * y**2), x * y),  # alike where the signs are
        (sympy.sqrt(x**2), x),
        (sympy.floor(x / 2), sympy.floor(x / 3)),
        (x - 5293040, x - 5293041),
        (sympy.Integer(10) ** 20, sympy.Integer(10) ** 20 + 1),
    ],
)
def test_different_formulas_have_two(one: sympy.Expr, other: sympy.Expr) -> None:
    assert formula_name(one) != formula_name(other)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (Fraction(-1, 8), "-0.125"),
        (Fraction(0), "0"),
        (Fraction(2, 3), "0.666666666667"),
        (Fraction(1234567890123456789, 10), "123456789012345678.9"),
        (Fraction(-(10**15) - 1, 3), "-1000000000000001/3"),
    ],
)
def test_rationals_are_named_exactly_where_their_decimals_end(value: Fraction, name: str) -> None:
    assert rational_name(value) == name


def test_a_huge_integer_is_written_in_hexadecimal() -> None:
    assert (integer_name(2**999 - 1), integer_name(2**1000)) == (str(2**999 - 1), hex(2**1000))


def test_numbers_are_named_by_twelve_digits_and_both_parts() -> None:
    assert number_name(sympy.pi) == "3.14159265359"
    assert number_name(1 + 2 * sympy.I) == "1 + 2i"
    assert number_name(sympy.I, real_only=True) == "-"
    assert number_name(sympy.oo) == "oo"
    assert number_name(sympy.sqrt(2) * sympy.sqrt(3) - sympy.sqrt(6)) == "0"
    for none in (sympy.nan, sympy.zoo):
        with pytest.raises(ValueError, match="no number"):
            number_name(none)


def test_an_unknown_function_is_a_variable() -> None:
    assert is_constant(sympy.pi)
    assert not is_constant(f(2))
    assert not is_constant(x)
    assert not is_constant("2")


def test_an_equation_is_named_up_to_a_factor_an_inequality_up_to_a_positive_one() -> None:
    assert equation_name(2 * x, 6 * y) == equation_name(-y, -x / 3)
    assert equation_name(x, y) != equation_name(x, 2 * y)
    assert relation_name("<", x - y) == relation_name("<", 3 * x - 3 * y)
    assert relation_name("<", x - y) != relation_name("<", y - x)
    assert relation_name("!=", x - y).removeprefix("!") == relation_name("=", y - x)
