"""Prompts made of a problem and earlier completions."""

import pytest

from ttscale.errors import StrategyError
from ttscale.strategies.asking import ask_again, filled, problem_text
from ttscale.types import Message, Problem

PLAIN = Problem(problem_id="p", prompt="3*4=")
CHAT = Problem(problem_id="c", messages=(Message("system", "Be brief."), Message("user", "3*4=")))


def test_the_last_turn_is_what_a_conversation_asks() -> None:
    assert (problem_text(PLAIN), problem_text(CHAT)) == ("3*4=", "3*4=")


def test_braces_in_values_and_braces_that_are_no_fields_stay() -> None:
    assert filled(r"{problem} \boxed{} {X} {previous}", problem="{previous}", previous="{problem}") == (
        r"{previous} \boxed{} {X} {problem}"
    )


def test_a_field_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(StrategyError, match=r"uses \{answer\}, but may use only \{problem\}, \{plan\}"):
        filled("{problem} {answer}", problem="?", plan="!")


def test_a_template_stands_in_the_problems_place() -> None:
    plain = ask_again(PLAIN, "{problem} Again: {previous}", {"previous": "11"}, role="turn 1", parents=("0",))
    assert (plain.prompt, plain.messages, plain.role, plain.parents) == (
        "3*4= Again: 11",
        None,
        "turn 1",
        ("0",),
    )
    chat = ask_again(CHAT, "{problem}!", {}, role="plan")
    assert chat.prompt is None
    assert chat.messages == (CHAT.messages[0], Message("user", "3*4=!"))
