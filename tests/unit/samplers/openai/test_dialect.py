"""From a problem to a request's body: turns for chat, one text for completions, the system prompt where it fits."""

import pytest

from ttscale.errors import SamplerError
from ttscale.samplers.openai.dialect import Dialect, Terms
from ttscale.samplers.openai.options import OpenAIOptions
from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.types import Message, Problem

PLAIN = Problem(problem_id="p", prompt="1+1=")
TURNS = Problem(problem_id="q", messages=(Message("system", "Mine."), Message("user", "1+1=")))


def dialect(*, chat: bool, system: str | None = None) -> Dialect:
    model = ModelSettings(path="m", system_prompt=system)
    return Dialect(model, SamplingSettings(n=1), OpenAIOptions(), Terms(chat=chat))


def test_chat_gets_turns_and_the_system_prompt_before_them() -> None:
    user = {"role": "user", "content": "1+1="}
    assert dialect(chat=True).prompt(PLAIN)["messages"] == [user]
    asked = dialect(chat=True, system="Be brief.").prompt(PLAIN)["messages"]
    assert asked == [{"role": "system", "content": "Be brief."}, user]
    own = dialect(chat=True, system="Be brief.").prompt(TURNS)["messages"]
    assert own == [{"role": "system", "content": "Mine."}, user]


def test_completions_get_the_prompt_as_it_is() -> None:
    plain = dialect(chat=False)
    body = plain.body(plain.prompt(PLAIN), 3, 7)
    assert (body["prompt"], body["n"], body["seed"]) == ("1+1=", 3, 7)
    assert "messages" not in body


@pytest.mark.parametrize(
    ("problem", "system", "says"),
    [(TURNS, None, r"Problem 'q' is a conversation"), (PLAIN, "Be brief.", r"model.system_prompt is given")],
)
def test_completions_refuse_turns_and_name_what_asks_for_them(
    problem: Problem, system: str | None, says: str
) -> None:
    with pytest.raises(SamplerError, match=says + ".*endpoint to chat"):
        dialect(chat=False, system=system).prompt(problem)
