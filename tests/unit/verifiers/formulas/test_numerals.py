"""Numerals by hand: thousands, bases, times."""

from fractions import Fraction

import pytest
import sympy

from ttscale.verifiers.formulas.naming import rational_name
from ttscale.verifiers.formulas.numerals import (
    BASED,
    TIME,
    based,
    numeral,
    time_of_day,
    ungrouped,
    without_separators,
)
from ttscale.verifiers.formulas.reading import read_answer


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("007", Fraction(7)),
        ("-1,234,567.50", Fraction(-2469135, 2)),
        ("12,34,567", Fraction(1234567)),  # Indian groups
        ("1 234 567", Fraction(1234567)),
        ("1.234.567,5", Fraction(2469135, 2)),  # as written in Europe
        (".5", Fraction(1, 2)),
        ("5.", Fraction(5)),
        ("1" + "0" * 999, Fraction(10**999)),
    ],
)
def test_a_number_in_digits_is_read_exactly(text: str, value: Fraction) -> None:
    found = numeral(text)
    assert found is not None
    assert found.name == rational_name(value)
    assert found.expr == sympy.Rational(value.numerator, value.denominator)


@pytest.mark.parametrize("text", ["", "1,23", "1e5", "1/2", "x", "--1", "1 23", "0 123", "1" * 1001, "1.2.3"])
def test_what_is_no_number_in_digits_is_not_read(text: str) -> None:
    assert numeral(text) is None


@pytest.mark.parametrize(("text", "written"), [("0.50", "0.50"), ("1,000.0", "1000.0"), ("3", None)])
def test_decimals_are_kept_as_written(text: str, written: str | None) -> None:
    found = numeral(text)
    assert found is not None
    assert found.written == written


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("0101_2", "101_2", 5),
        ("1A_{16}", "1A_16", 26),
        ("21 base three", "21_three", 7),
        ("(12)_{\\text{five}}", "12_five", 7),
        ("000_2", "0_2", 0),
    ],
)
def test_a_numeral_of_a_base_has_its_value(text: str, name: str, value: int) -> None:
    match = BASED.fullmatch(text)
    assert match is not None
    found = based(match)
    assert found is not None
    assert (found.kind, found.expr) == ("based", value)
    digits, _, base = name.partition("_")
    assert found.name == f"{digits}_{ {'three': 3, 'five': 5}.get(base, base) }"


@pytest.mark.parametrize("text", ["12_2", "A_{10}", "1_{37}", "1_{1}"])
def test_a_digit_that_the_base_does_not_have_makes_a_text(text: str) -> None:
    match = BASED.fullmatch(text)
    if match is not None:  # a bare letter is no numeral at all
        found = based(match)
        assert found is not None
        assert (found.kind, found.expr) == ("text", None)
    else:
        assert text == "A_{10}"


@pytest.mark.parametrize(
    ("text", "name", "also"),
    [
        ("09:05", "time 9:05", "time 9:05"),
        ("12:30:15", "time 12:30:15", "time 12:30:15"),
        ("7:45 P.M.", "time 7:45pm", "time 7:45"),
    ],
)
def test_a_time_is_named_with_and_without_its_half_of_the_day(text: str, name: str, also: str) -> None:
    match = TIME.fullmatch(text)
    assert match is not None
    found = time_of_day(match)
    assert found.also is not None
    assert (found.name, found.also.name) == (name, also)


@pytest.mark.parametrize(
    ("text", "read"),
    [("1,000+12,345", "1000+12345"), ("(1,000)", "(1000)"), ("1,23", "1,23"), ("f(1,2000)", "f(1,2000)")],
)
def test_commas_are_taken_out_of_thousands_alone(text: str, read: str) -> None:
    assert without_separators(text) == read


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (r"1,000\pi", r"1000\pi"),
        ("y = 1,500x + 2,000", "y = 1500x + 2000"),
        (r"12,345,678\text{ cm}", r"12345678\text{ cm}"),
        ("1,000x, 2", "1,000x, 2"),
        ("1,000x,2,000y", "1,000x,2,000y"),
        ("(1,200)", "(1,200)"),
        ("1.234,567", "1.234,567"),
        ("1,2x", "1,2x"),
    ],
)
def test_a_comma_is_a_separator_where_none_parts_anything_else(text: str, read: str) -> None:
    assert ungrouped(text) == read


def test_a_grouped_number_may_be_part_of_an_answer() -> None:
    for grouped, plain in [
        (r"1,000\pi", r"1000\pi"),
        ("1,000x+5", "5+1000x"),
        ("y=1,500x", "y=1500x"),
        (r"2,500\sqrt{2}", r"2500\sqrt2"),
    ]:
        assert read_answer(grouped).name == read_answer(plain).name
    assert read_answer("(1,200)").name != read_answer("1200").name
