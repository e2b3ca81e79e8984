"""One answer in many notations: equal stays equal, different stays different, in verdicts and in classes.

A value is drawn and spelled in several ways that people and models use. Whatever the spellings, two of one value must be one
class and accept each other; two of different values must do neither.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ttscale.types import Outcome, Problem, Sample
from ttscale.verifiers.choice import ChoiceOptions, ChoiceVerifier
from ttscale.verifiers.contract import Candidate
from ttscale.verifiers.numbers import last_number, read_number, whole_number
from ttscale.verifiers.numeric import NumericOptions, NumericVerifier

pytest.importorskip("math_verify")

from ttscale.verifiers.formulas.comparing import is_equal
from ttscale.verifiers.formulas.reading import Reading, read_answer

Spelling = Callable[[int], str]

_SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
_FULL = str.maketrans("0123456789-", "０１２３４５６７８９－")


def grouped(value: int, gap: str) -> str:
    return f"{value:,}".replace(",", gap)


INTEGERS: Sequence[Spelling] = (
    str,
    lambda n: f"{n}.0",
    lambda n: f"{n}.",
    lambda n: f"{n}.00",
    lambda n: grouped(n, ","),
    lambda n: grouped(n, "{,}"),
    lambda n: grouped(n, r"\,"),
    lambda n: grouped(n, r"{,}\!"),
    lambda n: str(n).replace("-", "−"),
    lambda n: str(n).translate(_FULL),
    lambda n: str(n).translate(_ARABIC),
    lambda n: f"{n} dollars",
    lambda n: rf"{n}\text{{ cm}}",
    lambda n: rf"{n} \text{{ square meters}}",
    lambda n: rf"\text{{{n}}}",
    lambda n: rf"\text{{Total: }} {n}",
    lambda n: rf"\mathbf{{{n}}}",
    lambda n: rf"\color{{blue}}{{{n}}}",
    lambda n: f"**{n}**",
    lambda n: f"${n}$",
    lambda n: rf"\displaystyle {n}",
    lambda n: rf"{n}\\",
    lambda n: f"({n})",
    lambda n: f"x = {n}",
    lambda n: rf"\frac{{{3 * n}}}{{3}}",
    lambda n: f"{2 * n}/2",
    lambda n: f"{n}%",
    lambda n: f"{n}°",
)
"""Ways to write an integer that a box may hold."""

LARGE = st.integers(-(10**9), 10**9)
PAIRS = st.tuples(LARGE, st.sampled_from(INTEGERS), st.sampled_from(INTEGERS))


def are_one(first: Reading, second: Reading) -> bool:
    return first.name == second.name and is_equal(first, second) and is_equal(second, first)


def are_two(first: Reading, second: Reading) -> bool:
    return first.name != second.name and not is_equal(first, second) and not is_equal(second, first)


@settings(deadline=None)
@given(PAIRS)
def test_an_integer_is_one_answer_in_every_notation(drawn: tuple[int, Spelling, Spelling]) -> None:
    value, one, other = drawn
    assert are_one(read_answer(one(value)), read_answer(other(value))), (one(value), other(value))


@settings(deadline=None)
@given(PAIRS, LARGE)
def test_different_integers_stay_different(drawn: tuple[int, Spelling, Spelling], another: int) -> None:
    value, one, other = drawn
    # 50% and 0.5 are equal, and so are 5 and 500%: shares are drawn apart below.
    if value != another and 100 * value != another and value != 100 * another:
        assert are_two(read_answer(one(value)), read_answer(other(another))), (one(value), other(another))


@settings(deadline=None)
@given(PAIRS)
def test_a_neighbor_is_no_rounding(drawn: tuple[int, Spelling, Spelling]) -> None:
    value, one, other = drawn
    if value not in (-1, 0):
        assert are_two(read_answer(one(value)), read_answer(other(value + 1)))


FRACTIONS: Sequence[Callable[[Fraction], str]] = (
    lambda f: rf"\frac{{{f.numerator}}}{{{f.denominator}}}",
    lambda f: rf"\dfrac{{{f.numerator}}}{{{f.denominator}}}",
    lambda f: f"{f.numerator}/{f.denominator}",
    lambda f: rf"\frac{{{-f.numerator}}}{{{-f.denominator}}}",
    lambda f: rf"{'-' if f < 0 else ''}\tfrac{{{abs(f.numerator)}}}{{{f.denominator}}}",
    lambda f: rf"\frac{{{f.numerator * 7}}}{{{f.denominator * 7}}}\text{{ hours}}",
    lambda f: mixed(f, " ", r"\frac{%d}{%d}"),
    lambda f: mixed(f, " ", "%d/%d"),
    lambda f: rf"y_1 = {f.numerator} \div {f.denominator}".replace(r"\div", "/").removeprefix("y_1 = "),
)


def mixed(value: Fraction, gap: str, part: str) -> str:
    whole, rest = divmod(abs(value.numerator), value.denominator)
    sign = "-" if value < 0 else ""
    if rest == 0:
        return f"{sign}{whole}"
    return f"{sign}{f'{whole}{gap}' if whole else ''}{part % (rest, value.denominator)}"


SMALL = st.fractions(-50, 50, max_denominator=60)


@settings(deadline=None)
@given(SMALL, SMALL, st.sampled_from(FRACTIONS), st.sampled_from(FRACTIONS))
def test_fractions_are_equal_by_value_alone(
    one: Fraction, other: Fraction, spell: Callable[[Fraction], str], respell: Callable[[Fraction], str]
) -> None:
    assert are_one(read_answer(spell(one)), read_answer(respell(one))), (spell(one), respell(one))
    if one != other:
        assert are_two(read_answer(spell(one)), read_answer(respell(other))), (spell(one), respell(other))


@settings(deadline=None)
@given(st.integers(1, 999), st.integers(1, 999), st.integers(-40, 40), st.integers(-40, 40))
def test_tiny_and_huge_numbers_compare_by_their_share(a: int, b: int, m: int, n: int) -> None:
    def spellings(digits: int, power: int) -> list[str]:
        return [
            rf"{digits} \times 10^{{{power}}}",
            f"{digits}e{power}",
            rf"{digits}\cdot10^{{{power}}}",
            f"{digits} × 10{str(power).translate(_SUPERSCRIPT)}",
        ]

    first = [read_answer(text) for text in spellings(a, m)]
    assert all(are_one(first[0], each) for each in first)
    if Fraction(a) * Fraction(10) ** m != Fraction(b) * Fraction(10) ** n:
        assert are_two(first[0], read_answer(spellings(b, n)[m % 4]))


FUNCTIONS = frozenset(
    [
        "arcsin",
        "arccos",
        "arctan",
        "sinh",
        "cosh",
        "tanh",
        "sin",
        "cos",
        "tan",
        "cot",
        "sec",
        "csc",
        "log",
        "det",
        "gcd",
        "lcm",
        "max",
        "min",
        "lim",
        "inf",
        "and",
    ]
)
WORDS = st.text(st.sampled_from("abcdefghilmnorstu"), min_size=3, max_size=8).filter(
    lambda word: word not in FUNCTIONS
)


@settings(deadline=None)
@given(WORDS, WORDS)
def test_words_are_equal_by_their_letters_in_order(one: str, other: str) -> None:
    spelled = [
        rf"\text{{{one}}}",
        rf"\text{{ {one.capitalize()} }}",
        rf"\textbf{{{one}}}",
        rf"\mathrm{{{one}}}",
    ]
    assert all(are_one(read_answer(spelled[0]), read_answer(text)) for text in spelled)
    if one != other:
        assert are_two(read_answer(spelled[0]), read_answer(rf"\text{{{other}}}"))


@settings(deadline=None)
@given(st.text(st.sampled_from("01234567"), min_size=1, max_size=6), st.integers(8, 16), st.integers(8, 16))
def test_a_base_is_part_of_the_number(digits: str, base: int, another: int) -> None:
    written = [f"{digits}_{base}", f"{digits}_{{{base}}}", f"({digits})_{{{base}}}"]
    assert all(are_one(read_answer(written[0]), read_answer(text)) for text in written)
    if base != another:
        assert are_two(read_answer(written[0]), read_answer(f"{digits}_{{{another}}}"))


POLYNOMIALS = st.lists(st.integers(-9, 9), min_size=2, max_size=4).filter(lambda c: any(c[1:]))


@settings(deadline=None)
@given(POLYNOMIALS, POLYNOMIALS, st.sampled_from("xyt"), st.integers(-3, 3))
def test_expressions_are_equal_as_functions(
    one: list[int], other: list[int], letter: str, shift: int
) -> None:
    def spelled(coefficients: list[int]) -> str:
        return " + ".join(f"({c}){letter}^{{{power}}}" for power, c in enumerate(coefficients))

    def moved(coefficients: list[int]) -> str:
        return rf"{spelled(coefficients)} + {shift}{letter} - ({shift})\cdot {letter}"

    first = read_answer(spelled(one))
    assert are_one(first, read_answer(moved(one)))
    longest = max(len(one), len(other))
    if one + [0] * (longest - len(one)) != other + [0] * (longest - len(other)):
        assert are_two(first, read_answer(moved(other)))


@settings(deadline=None)
@given(st.permutations([2, 3, 5, 7]), st.permutations(list("xyzw")))
def test_named_values_keep_their_names(values: list[int], names: list[str]) -> None:
    text = ", ".join(f"{name} = {value}" for name, value in zip(names, values, strict=True))
    swapped = ", ".join(f"{name} = {value}" for name, value in zip(names, values[::-1], strict=True))
    shuffled = ", ".join(f"{name}={value}" for name, value in sorted(zip(names, values, strict=True)))
    assert are_one(read_answer(text), read_answer(shuffled))
    assert are_two(read_answer(text), read_answer(swapped))


@settings(deadline=None)
@given(st.text(st.sampled_from(r"0123456789+-*/^()[]{}\,.=<>%$_ xyzne"), max_size=25))
def test_a_name_decides_on_every_text(text: str) -> None:
    """Equal classes are equal answers, whatever is written; a number is read only where it is all that is written."""
    reading = read_answer(text)
    assert is_equal(reading, reading)
    if reading.kind == "value" and reading.name.isdigit() and not set(text) & set("=+-*/^(){}[]%_"):
        digits = "".join(character for character in text if character.isdigit())
        assert int(digits or "0") == int(reading.name) or "e" in text or "." in text


# ---- numeric ------------------------------------------------------------------------------------

NUMBERS: Sequence[Spelling] = (
    str,
    lambda n: f"{n}.00",
    lambda n: grouped(n, ","),
    lambda n: grouped(n, "{,}"),
    lambda n: grouped(n, "'"),
    lambda n: str(n).translate(_FULL),
    lambda n: f"${n}",
    lambda n: f"{n} dollars",
    lambda n: f"**{n}**",
    lambda n: f"{n}%",
)


@settings(deadline=None)
@given(LARGE, st.sampled_from(NUMBERS))
def test_a_number_is_read_wherever_it_is_stated(value: int, spell: Spelling) -> None:
    text = spell(value)
    assert read_number(text) == value == whole_number(text), text
    last = last_number(f"First 12 boxes. Then {text}")
    assert last is not None
    assert read_number(last) == value


def outcome(verifier: NumericVerifier | ChoiceVerifier, completion: str, key: str) -> Outcome:
    sample = Sample(
        problem_id="p",
        sample_index=0,
        completion=completion,
        finish_reason="stop",
        prompt_tokens=1,
        completion_tokens=1,
    )
    return verifier.verify([Candidate(Problem(problem_id="p", prompt="?", answer=key), sample)])[0].outcome


@pytest.fixture(scope="module")
def numeric() -> NumericVerifier:
    return NumericVerifier(NumericOptions())


@pytest.fixture(scope="module")
def choice() -> ChoiceVerifier:
    return ChoiceVerifier(ChoiceOptions())


STATEMENTS = (
    "The answer is @.", "#### @", "**Answer:** @", "\\boxed{@}", "<answer>@</answer>", "Answer: @\nCheck: 12 + 7 = 19.",
    "#### 1. Start\n12 + 7 = 19\n\nThe answer is @.", "Die Antwort ist @.", "答案：@", "So the final answer is: @",
    "<think>\\boxed{12}, or #### 7</think>\nThe answer is @.", "Answer: @ (= 12 * 7)", "It is 12 or 7.\n\n\\boxed{@}",
)  # fmt: skip


@settings(deadline=None)
@given(st.integers(20, 10**6), st.sampled_from(NUMBERS[:6]), st.sampled_from(STATEMENTS))
def test_a_stated_number_is_the_answer(
    numeric: NumericVerifier, value: int, spell: Spelling, statement: str
) -> None:
    completion = statement.replace("@", spell(value))
    assert outcome(numeric, completion, str(value)) is Outcome.CORRECT, completion
    assert outcome(numeric, completion, str(value + 1)) is Outcome.INCORRECT, completion


@settings(deadline=None)
@given(
    st.integers(2, 99),
    st.sampled_from("nxk"),
    st.sampled_from(["{0} = {1}k", "{1}{0} + 1", "{0} > {1}", "{0}^2 = {1}"]),
)
def test_no_number_comes_out_of_a_formula(
    numeric: NumericVerifier, value: int, letter: str, formula: str
) -> None:
    box = formula.format(letter, value)
    assert outcome(numeric, rf"So \boxed{{{box}}}.", str(value)) is not Outcome.CORRECT
    assert not is_equal(read_answer(str(value)), read_answer(box))


FORMS = ("@", "(@)", "@.", "**@**", "\\text{@}", "\\textbf{(@)}", "@) Paris", "$@$", "`@`")
LETTERED = (
    "The answer is @.", "Answer: @", "Answer - @", "\\boxed{@}", "<answer>@</answer>", "A, B.\nAntwort: @", "Réponse : @",
    "所以答案是@。", "答えは@です。", "정답: @", "Ответ: @", "उत्तर: @", "الإجابة: @", "Jibu: @", "Respuesta: @",
    "We get \\boxed{E = mc^2}.\n\nAnswer: @", "Option A is too small.\nTherefore, @", "<think>A!</think>@",
)  # fmt: skip


@settings(deadline=None)
@given(st.sampled_from("BCDEFGHJ"), st.sampled_from(FORMS[:6]), st.sampled_from(LETTERED))
def test_a_stated_letter_is_the_choice(
    choice: ChoiceVerifier, letter: str, form: str, statement: str
) -> None:
    completion = statement.replace("@", form.replace("@", letter))
    assert outcome(choice, completion, letter) is Outcome.CORRECT, completion
    assert outcome(choice, completion, "A") is Outcome.INCORRECT, completion
