"""One spelling for what is written in many, and nothing changed that means something else."""

import pytest

from ttscale.verifiers.notation import normalized, plain_characters, unbroken


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("3 − 4", "3 - 4"),
        ("１２％", "12%"),
        ("٣٫٥", "3.5"),  # Arabic digits and decimal point
        ("१२", "12"),
        ("a\u00a0b\u2009c", "a b c"),
        ("“x” ‘y’", "\"x\" 'y'"),
        ("2⋅3", "2×3"),
        ("ABC", "ABC"),
        ("π", "π"),
    ],
)
def test_characters_are_spelled_in_ascii_one_for_one(text: str, plain: str) -> None:
    assert plain_characters(text) == plain
    assert len(plain_characters(text)) == len(text)


@pytest.mark.parametrize(
    ("texts", "one"),
    [
        (
            [
                r"\dfrac{1}{2}",
                r"\tfrac{1}{2}",
                "½",
                r"$\frac{1}{2}$",
                r"\left.\frac{1}{2}\right.",
                r"{\frac{1}{2}}",
            ],
            r"\frac{1}{2}",
        ),
        (["x²", "x^{2}"], "x^{2}"),
        (["x₁₂", "x_{12}"], "x_{12}"),
        (["√5", r"\sqrt{5}"], r"\sqrt{5}"),
        ([r"\mathbf{12}", "**12**", "`12`", r"\boxed{12}", "12.", r"\[12\]", r"\color{red}{12}"], r"12"),
        (["1,2\u200b", "1,2"], "1,2"),
        ([r"10{,}000", r"10\,000", "10\\!000"], "10000"),
        ([r"\mathrm{sin} x", r"\operatorname{sin} x"], r"\sin x"),
        ([r"\mathbf{x}", r"\boldsymbol{x}", "x"], "x"),
        (["70°", r"70^{\circ}", r"70^\circ", r"70\degree"], r"70^\circ"),
        (["x≤5", r"x\leq 5", r"x\leqslant 5", "x<=5"], None),
        ([r"\mathbb{R}", "ℝ", r"\mathbb R", r"\reals"], r"\mathbb{R}"),
        ([r"\{1,2\}", r"\lbrace1,2\rbrace"], r"\{1,2\}"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_all_spellings_come_to_one(texts: list[str], one: str | None) -> None:
    found = {"".join(normalized(text).split()) for text in texts}
    assert len(found) == 1, found
    if one is not None:
        assert found == {"".join(one.split())}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("x_1", "x^1"),
        ("-5", "5"),
        ("1.5", "15"),
        ("(1,2)", "[1,2]"),
        (r"\text{no}", r"\text{on}"),
        ("x<5", r"x\le5"),
    ],
)
def test_what_means_something_else_stays_apart(first: str, second: str) -> None:
    assert normalized(first) != normalized(second)


@pytest.mark.parametrize("text", ["", " ", "$", "{", "}", "\\", "{{{", r"\textbf{", "\\\\", "$$"])
def test_any_scrap_is_normalized_to_something(text: str) -> None:
    assert isinstance(normalized(text), str)


def test_normalizing_again_changes_nothing() -> None:
    for text in (r"\frac{1}{2}", "x^{2}", r"\text{yes}", r"x \le 5", r"\sqrt{5}", "12"):
        assert normalized(normalized(text)).split() == normalized(text).split()


def test_escapes_that_were_read_as_characters_are_put_back() -> None:
    assert unbroken("\x08oxed{\x0crac{1}{2}}") == r"\boxed{\frac{1}{2}}"
    assert unbroken("\text{a}\times 2") == r"\text{a}\times 2"
    assert unbroken("a\tb") == "a\tb"  # a tab is a tab
