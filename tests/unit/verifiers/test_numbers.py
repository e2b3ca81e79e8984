"""Numbers as people and models write them, against their exact values."""

from fractions import Fraction

import pytest

from ttscale.verifiers.numbers import MAX_DIGITS, last_number, read_number

WRITTEN = [
    ("18", 18),
    ("-7", -7),
    ("+7", 7),
    ("−7", -7),  # U+2212
    ("－７", -7),  # full width
    ("1,200", 1200),
    ("1,234,567.80", Fraction(123456780, 100)),
    (r"1{,}200", 1200),
    (r"1\,200", 1200),
    (r"\$1{,}200", 1200),
    ("$5", 5),
    ("-$5", -5),
    ("$-5", -5),
    ("€ 5", 5),
    ("5€", 5),
    ("£1,000", 1000),
    ("12%", 12),
    (r"12\%", 12),
    ("3/4", Fraction(3, 4)),
    ("-3/4", Fraction(-3, 4)),
    ("3⁄4", Fraction(3, 4)),
    (r"\frac{3}{4}", Fraction(3, 4)),
    (r"-\dfrac{3}{4}", Fraction(-3, 4)),
    (r"\tfrac{-3}{4}", Fraction(-3, 4)),
    (r"\frac34", Fraction(3, 4)),
    ("2 1/2", Fraction(5, 2)),
    (r"2\frac{1}{2}", Fraction(5, 2)),
    ("-2 1/2", Fraction(-5, 2)),
    ("0.1", Fraction(1, 10)),
    (".5", Fraction(1, 2)),
    ("5.", 5),
    ("1.2e3", 1200),
    ("1E-2", Fraction(1, 100)),
    ("1.2 × 10^3", 1200),
    (r"1.2 \times 10^{3}", 1200),
    (r"3 \cdot 10^{-2}", Fraction(3, 100)),
    ("007", 7),
    ("**18**", 18),
    ("$18$", 18),
    (r"\( 18 \)", 18),
    (r"18 \text{ dollars}", 18),
    ("18 dollars per day", 18),
    ("x = 5", 5),
    ("5 + 3 = 8", 8),
    ("(-3)", -3),
    ("about 18, or so", 18),
]


@pytest.mark.parametrize(("text", "value"), WRITTEN)
def test_a_number_is_read_exactly(text: str, value: Fraction | int) -> None:
    assert read_number(text) == value


@pytest.mark.parametrize(
    "text", ["", "none", "1/0", r"\frac{1}{0}", "1e999999999", "9" * (MAX_DIGITS + 1), "\x00", "π"]
)
def test_what_is_no_finite_number_is_none(text: str) -> None:
    assert read_number(text) is None


def test_the_longest_number_is_read() -> None:
    assert read_number("9" * MAX_DIGITS) == 10**MAX_DIGITS - 1
    assert len(str(read_number("1" * MAX_DIGITS + f"e{MAX_DIGITS}"))) == 2 * MAX_DIGITS


def test_a_percentage_may_be_a_share() -> None:
    assert read_number("50%", percent_as_fraction=True) == Fraction(1, 2)
    assert read_number(r"12.5\%", percent_as_fraction=True) == Fraction(1, 8)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("16 - 3 = 13 eggs.", "13"),
        ("16-3", "3"),
        ("from 10 to -4", "-4"),
        ("worth $1,200.", "$1,200"),
        ("1, 2, 3", "3"),
        ("it costs 50% of 3/4", "3/4"),
        ("grows by 50%.", "50%"),
        (r"we get \frac{3}{4} cups", r"\frac{3}{4}"),
        ("in 2,000,000 years", "2,000,000"),
        ("no digits", None),
        ("", None),
    ],
)
def test_the_last_number_is_found_as_written(text: str, number: str | None) -> None:
    assert last_number(text) == number
