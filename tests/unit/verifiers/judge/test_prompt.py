"""What a judge is asked: the same for the same candidate, and nothing in it can end its own block."""

import pytest
from judging import candidate

from ttscale.types import Message, Problem
from ttscale.verifiers.judge.prompt import (
    DEFAULT_TEMPLATE,
    asked_of,
    build_prompt,
    cleaned,
    filled,
    missing_places,
    shortened,
)


def prompt(
    completion: str, vote: int = 0, *, scale: int | None = None, limit: int = 1000, reference: bool = False
):
    return build_prompt(
        candidate(completion, "42", prompt="6*7="),
        vote,
        template=DEFAULT_TEMPLATE,
        scale=scale,
        limit=limit,
        with_reference=reference,
    )


def test_the_marker_is_the_candidates_own_and_the_same_every_time() -> None:
    first, again, other, second_vote = prompt("42"), prompt("42"), prompt("41"), prompt("42", 1)
    assert first == again
    assert len({first.nonce, other.nonce, second_vote.nonce}) == 3
    assert f"[ANSWER {first.nonce} BEGINS]\n42\n[ANSWER {first.nonce} ENDS]" in first.text


def test_the_key_is_shown_to_an_oracle_alone() -> None:
    assert "REFERENCE" not in prompt("x").text
    shown = prompt("x", reference=True)
    assert f"[REFERENCE {shown.nonce} BEGINS]\n42\n" in shown.text


def test_odd_votes_see_the_other_order() -> None:
    even, odd = prompt("x", 0, reference=True).text, prompt("x", 1, reference=True).text
    assert even.index("[ANSWER") < even.index("[REFERENCE")
    assert odd.index("[REFERENCE") < odd.index("[ANSWER")
    assert "correct or incorrect?" in even
    assert "incorrect or correct?" in odd
    assert "10 is perfect" in prompt("x", scale=10).text


def test_a_long_answer_is_cut_in_its_first_half_and_counted() -> None:
    asked = prompt("a" * 600 + "END", limit=400)
    assert asked.characters_cut == 203
    assert "END\n[ANSWER" in asked.text
    assert shortened("abc", 3) == ("abc", 0)


def test_places_in_an_answer_are_no_places() -> None:
    text = prompt("{question} {problem}").text
    assert "{question} {problem}" in text
    assert filled("{problem}|{material}", {"problem": "{material}", "material": "m"}) == "{material}|m"


def test_characters_that_a_terminal_obeys_are_replaced() -> None:
    assert cleaned("a\x1b[2J\r\nb\tc\ud800\x00") == "a\ufffd[2J\nb\tc\ufffd\ufffd"


@pytest.mark.parametrize(
    ("template", "lacks"), [("{problem} {material}", "{question}"), ("", "{problem}, {material}, {question}")]
)
def test_a_template_needs_all_its_places(template: str, lacks: str) -> None:
    with pytest.raises(ValueError, match=lacks.replace("{", r"\{").replace("}", r"\}")):
        missing_places(template)
    assert missing_places(DEFAULT_TEMPLATE) == DEFAULT_TEMPLATE


def test_a_conversation_is_asked_with_its_roles() -> None:
    turns = (Message("system", "Be brief."), Message("user", "6*7="))
    assert asked_of(Problem(problem_id="p", messages=turns)) == "system: Be brief.\n\nuser: 6*7="
    assert asked_of(Problem(problem_id="p")) == ""
