"""Text verifiers against what was written: any number in any spelling, any nesting of braces, any text."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st
from judging import candidate

from ttscale.types import Outcome
from ttscale.verifiers.exact import ExactOptions, ExactVerifier
from ttscale.verifiers.extraction import EXTRACTORS, boxed
from ttscale.verifiers.numbers import last_number, read_number, value_name
from ttscale.verifiers.numeric import NumericOptions, NumericVerifier

integers = st.integers(-(10**30), 10**30)
signs = st.sampled_from(["-", "−", "－"])


@st.composite
def spelled_numbers(draw: st.DrawFn) -> tuple[str, Fraction]:
    """Return a spelling and the value it stands for, built from parts that never pass through the reader."""
    whole, places = draw(st.integers(0, 10**15)), draw(st.integers(0, 8))
    digits = draw(st.integers(0, 10**places - 1)) if places else 0
    value = whole + Fraction(digits, 10**places)
    text = f"{whole:,}" if draw(st.booleans()) else str(whole)
    text = text.replace(",", draw(st.sampled_from([",", "{,}", r"\,", r"\!"])))
    if places:
        text += f".{digits:0{places}d}"
    elif draw(st.booleans()):
        denominator = draw(st.integers(1, 10**6))
        value = Fraction(whole, denominator)
        form = draw(st.sampled_from([r"\frac{%d}{%d}", r"\dfrac{%d}{%d}", "%d/%d", "%d / %d"]))
        text = form % (whole, denominator)
    if draw(st.booleans()):
        text, value = draw(signs) + text, -value
    return text, value


@given(spelled_numbers())
def test_a_number_is_read_as_it_was_written(spelled: tuple[str, Fraction]) -> None:
    text, value = spelled
    assert read_number(text) == value
    assert read_number(f"x = **{text}** dollars") == value


@given(spelled_numbers(), st.text("ab \n", max_size=20), st.text("ab \n", max_size=20))
def test_the_last_number_is_found_whatever_stands_around_it(
    spelled: tuple[str, Fraction], before: str, after: str
) -> None:
    text, value = spelled
    found = last_number(f"12 {before} {text} {after}")
    assert found is not None
    assert read_number(found) == value


@given(st.fractions(), st.fractions())
def test_names_are_equal_exactly_for_values_equal_in_twelve_digits(a: Fraction, b: Fraction) -> None:
    if value_name(a) == value_name(b):
        assert abs(a - b) <= abs(a) * Fraction(1, 10**11)
    assert value_name(a) == value_name(Fraction(a.numerator * 7, a.denominator * 7))


def nested(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(children, children).map(lambda pair: f"{pair[0]}{{{pair[1]}}}")


balanced = st.recursive(st.sampled_from(["x", "1", r"\{", r"\}", r"\frac", " ", ""]), nested, max_leaves=20)


@given(balanced, balanced)
def test_a_box_holds_all_that_was_put_into_it(first: str, second: str) -> None:
    assert boxed(rf"\boxed{{{first}}} no: \boxed{{{second}}}. \boxed{{unfinished") == second


@given(st.text(st.characters(exclude_categories=())), st.sampled_from(sorted(EXTRACTORS)))
def test_any_text_has_an_answer_or_none(text: str, name: str) -> None:
    answer = EXTRACTORS[name](text)
    assert answer is None or answer in text


anything = st.text(st.characters(exclude_categories=()), max_size=50)


@given(anything, anything)
def test_exact_is_equality_of_stripped_texts(completion: str, key: str) -> None:
    (verdict,) = ExactVerifier(ExactOptions()).verify([candidate(completion, key)])
    if not completion.strip():
        assert verdict.outcome is Outcome.NO_ANSWER
    elif not key.strip():
        assert verdict.outcome is Outcome.ERROR
    else:
        assert (verdict.outcome is Outcome.CORRECT) == (completion.strip() == key.strip())


@given(integers, integers)
def test_numeric_is_equality_of_numbers(a: int, b: int) -> None:
    first, second = NumericVerifier(NumericOptions()).verify(
        [candidate(f"#### {a:,}", str(b)), candidate(rf"\boxed{{{b}}}", str(b))]
    )
    assert (first.outcome is Outcome.CORRECT) == (a == b)
    assert (first.answer_class == second.answer_class) == (a == b)
