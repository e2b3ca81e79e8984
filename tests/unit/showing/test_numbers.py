"""Numbers as people read them: rounded, but never to what they are not."""

import math
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests_paths import ROOT

from ttscale.showing import numbers
from ttscale.showing.numbers import (
    Prose,
    amount,
    counts,
    decimal,
    exact_percent,
    p_value,
    percent,
    percent_digits,
    points,
    said,
    share,
)

inside = st.floats(0, 1, exclude_min=True, exclude_max=True)


@given(inside)
@example(1 - 1e-16)
@example(5e-324)
@example(0.9995)
@example(0.99951)
def test_what_lies_between_is_shown_neither_as_nothing_nor_as_all(fraction: float) -> None:
    for text in (percent(fraction), str(share(fraction, fraction, fraction)), exact_percent(fraction)):
        for number in re.findall(r"[\d.]+(?![⁻⁰¹²³⁴⁵⁶⁷⁸⁹])", text.replace("<", "")):
            assert 0 < float(number) < 100, text


@given(inside)
def test_a_percentage_is_within_its_last_digit(fraction: float) -> None:
    text = percent_digits(fraction)
    if text.startswith("<"):
        assert fraction <= 1e-6
    else:
        assert float(text) == pytest.approx(100 * fraction, rel=0.06, abs=0.0101)


@given(inside)
@example(0.9951)
@example(0.0049)
def test_a_measure_is_shown_as_perfect_only_where_it_is(value: float) -> None:
    shown = decimal(value, value, value)
    assert shown is not None
    assert 0 < float(shown.value) < 1


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.99, 0.999, 0.9999999, 0.123456])
def test_a_level_is_shown_as_it_was_given(level: float) -> None:
    assert float(exact_percent(level).removesuffix("%")) / 100 == pytest.approx(level, rel=1e-12)


@given(st.floats(-1, 1))
def test_a_difference_keeps_its_sign_and_its_being_there(difference: float) -> None:
    text = points(difference).value
    if difference > 0:
        assert not text.startswith("-")
        assert set(text) & set("123456789¹²³⁴⁵⁶⁷⁸⁹")
    if difference < 0:
        assert text.startswith("-")


@given(st.floats(1e-12, 1e18))
def test_an_amount_has_three_digits_and_its_size(value: float) -> None:
    text = amount(value).replace(",", "")
    head, _, power = text.partition("10") if set(text) & set("⁻⁰¹²³⁴⁵⁶⁷⁸⁹") else (text, "", "")
    exponent = int(power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))) if power else 0
    assert float(head.rstrip("×") or 1) * 10.0**exponent == pytest.approx(value, rel=0.006)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_a_dash(value: float) -> None:
    assert {percent_digits(value), str(share(value)), str(points(value)), amount(value), p_value(value)} == {
        numbers.DASH
    }


def test_an_open_end_is_said() -> None:
    assert str(share(0.5, None, 0.9)) == "50.0 […, 90.0]"
    assert str(counts(None, 3, None, most=1000)) == ">1,000 [3, >1,000]"


def test_a_page_sets_estimates_apart_and_escapes_what_comes_from_outside() -> None:
    words = said("{} solves {}.", "<b>", share(0.5, 0.4, 0.6, sign="%")) + " Yes & no."
    assert str(words) == "<b> solves 50.0% [40.0, 60.0]. Yes & no."
    assert words.__html__() == (
        '&lt;b&gt; solves <strong>50.0%</strong> <span class="interval">[40.0, 60.0]</span>. Yes &amp; no.'
    )
    assert not Prose("")


def test_no_other_module_writes_percentages_or_intervals_of_its_own() -> None:
    own = re.compile(r"""100 \* [\w.]+(\[\w\])?:[.+,\d]*[fg]|\[\{[^\]{}]*low[^\]{}]*\}, \{[^\]{}]*high""")
    for path in (ROOT / "ttscale").rglob("*.py"):
        if path.parent.name != "showing":
            found = own.search(path.read_text(encoding="utf-8"))
            assert found is None, f"{path}: {found and found[0]}; ttscale.showing.numbers writes numbers"
