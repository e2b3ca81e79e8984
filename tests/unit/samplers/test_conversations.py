"""The turns that a model is asked with."""

from ttscale.samplers.conversations import n_characters, turns_of, why_turns
from ttscale.types import Message, Problem

PLAIN = Problem(problem_id="a", prompt="1+1=")
CHAT = Problem(
    problem_id="b", messages=(Message("user", "Hi"), Message("assistant", "Yes?"), Message("user", "1+1="))
)
WITH_SYSTEM = Problem(problem_id="c", messages=(Message("developer", "Be brief."), Message("user", "1+1=")))


def test_a_prompt_is_a_users_turn_and_the_systems_goes_before() -> None:
    assert turns_of(PLAIN, None) == (Message("user", "1+1="),)
    assert turns_of(PLAIN, "Think.") == (Message("system", "Think."), Message("user", "1+1="))
    assert turns_of(CHAT, "Think.")[1:] == CHAT.messages


def test_a_conversation_with_a_system_turn_of_its_own_keeps_it() -> None:
    assert turns_of(WITH_SYSTEM, "Think.") == WITH_SYSTEM.messages


def test_all_turns_count() -> None:
    assert (n_characters(PLAIN), n_characters(CHAT), n_characters(Problem(problem_id="d", prompt=""))) == (
        4,
        10,
        0,
    )


def test_who_needs_turns_is_said() -> None:
    assert why_turns(PLAIN) == "model.system_prompt is given"
    assert why_turns(CHAT) == "Problem 'b' is a conversation (messages)"
