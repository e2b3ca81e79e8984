"""Words around a value that say nothing about it go; words that change it stay."""

from fractions import Fraction

import pytest

from ttscale.verifiers.formulas.words import (
    as_words,
    behind_caption,
    is_prose,
    spelled_out,
    without_condition,
    without_unit,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("14 square units", "14"),
        (r"5 \text{ hours}", "5"),
        (r"5\text{ m}^2", "5"),
        ("3 cm", "3"),
        ("60 km/h", "60"),
        ("12 (rounded down)", None),  # "down" may change it
        ("36 (see above)", None),
        ("18 dollars", "18"),
        ("9 or more", None),
        ("9 less", None),
        ("2 pi", None),
        ("5x", None),
        ("3 ab", None),
        ("12", None),
        (r"5 \text{ squared}", None),
        (r"5 \text{ of 6}", None),
    ],
)
def test_a_unit_goes_and_what_changes_the_value_does_not(text: str, value: str | None) -> None:
    assert without_unit(text) == value


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("Total: 36", "36"),
        ("Area = 12", "12"),
        ("The perimeter is 12", "12"),
        ("approximately 5", "5"),
        (r"\approx 5", "5"),
        ("x = 5", None),  # a name, not a caption
        ("at least 9", None),
        ("Not: 5", None),
        ("Option: 3", None),
        ("36", None),
        ("", None),
    ],
)
def test_a_caption_goes_and_a_name_does_not(text: str, rest: str | None) -> None:
    assert behind_caption(text) == rest


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.5 million", Fraction(1_500_000)),
        ("2,500 thousand", Fraction(2_500_000)),
        ("-3 billion euros", Fraction(-3_000_000_000)),
        ("7 hundred", Fraction(700)),
        ("1.5 millionths", None),
        ("2 million or more", None),
        ("million", None),
    ],
)
def test_words_of_size_are_numbers(text: str, value: Fraction | None) -> None:
    assert spelled_out(text) == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (r"\text{Right Triangle}", "right triangle"),
        ("The isosceles triangle.", "isosceles triangle"),
        ("no solutions", "no solution"),
        ("DNE", "does not exist"),
        (r"\triangle ABC", "abc"),
        ("(B)", "b"),
        ("odd", "odd"),
        ("xy", None),  # a product
        ("abc", None),
        ("i", None),  # the imaginary unit
        ("infinity", None),
        ("3 apples", None),
    ],
)
def test_words_alone_are_an_answer_in_one_spelling(text: str, words: str | None) -> None:
    assert as_words(text) == words


@pytest.mark.parametrize(
    ("text", "is_it"),
    [
        ("all even n", True),
        ("2abc + sin x", False),
        (r"x \text{ or } y", True),
        (r"\frac{1}{2}", False),
        ("", False),
    ],
)
def test_prose_is_no_formula(text: str, is_it: bool) -> None:
    assert is_prose(text) is is_it


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        (r"x = 2\pi k, k\in\mathbb{Z}", r"x = 2\pi k"),
        (r"2k, k \text{ is an integer}", "2k"),
        (r"f(x) = x \text{ for all } x", "f(x) = x"),
        (
            r"x = 5, m\in\mathbb{Z}",
            r"x = 5, m\in\mathbb{Z}",
        ),  # no m in it: what it says is not about the formula
        ("x = 5", "x = 5"),
    ],
)
def test_what_k_may_be_goes_where_k_stands_before_it(text: str, rest: str) -> None:
    assert without_condition(text) == rest
