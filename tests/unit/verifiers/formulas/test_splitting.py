"""An answer is taken apart outside of brackets alone."""

import re

import pytest

from ttscale.verifiers.formulas.splitting import enclosed, signed, split_top

COMMA = re.compile(",")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("1,2", ["1", "2"]),
        ("(1,2),[3,4]", ["(1,2)", "[3,4]"]),
        (r"\{1,2\},3", [r"\{1,2\}", "3"]),
        (r"f(x,y),\begin{matrix}1,2\end{matrix}", ["f(x,y)", r"\begin{matrix}1,2\end{matrix}"]),
        (r"\langle1,2\rangle,3", [r"\langle1,2\rangle", "3"]),
        (r"\frac{1,2}{3},4", [r"\frac{1,2}{3}", "4"]),
        ("", [""]),
        (",", ["", ""]),
        ("(1,2", ["(1,2"]),  # a bracket that never closes holds everything
    ],
)
def test_separators_inside_brackets_separate_nothing(text: str, parts: list[str]) -> None:
    assert split_top(text, COMMA) == parts
    assert ",".join(split_top(text, COMMA)) == text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("(1,2)", ("(", "1,2", ")")),
        (r"\{ 1 \}", (r"\{", "1", r"\}")),
        (r"\langle 1,2 \rangle", (r"\langle", "1,2", r"\rangle")),
        ("(1,2]", ("(", "1,2", "]")),
        ("(1)(2)", None),
        ("(1)+(2)", None),
        ("1,2", None),
        ("(", None),
        ("", None),
    ],
)
def test_one_pair_of_brackets_encloses_all_or_none_does(
    text: str, found: tuple[str, str, str] | None
) -> None:
    assert enclosed(text) == found


def test_a_plus_minus_sign_stands_for_two_values() -> None:
    assert signed(r"1 \pm \sqrt{2}", 1) == r"1 + \sqrt{2}"
    assert signed(r"1 \pm \sqrt{2}", -1) == r"1 - \sqrt{2}"
    assert signed(r"1 \pm x \mp y", -1) == "1 - x + y"
    assert signed(r"\pm 3", 1) == "3"
    assert signed(r"\pmatrix", 1) == r"\pmatrix"
