"""Prompts and prefixes put together, against a server whose tokens are characters."""

import asyncio
from typing import Any

import pytest

from ttscale.execution.http.failures import FailedAttempt
from ttscale.samplers.openai.continuing import Continued, Prefixes, root


class Characters:
    """A tokenizer on a server: a token is a character's code; special tokens stand before a prompt."""

    def __init__(self, *, broken: bool = False) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._broken = broken

    async def post(self, url: str, body: dict[str, Any]) -> Any:
        page = url.removeprefix("http://here/")
        self.asked.append((page, body))
        if self._broken:
            return {"error": "no"}
        if page == "tokenize":
            begin = [] if body.get("add_special_tokens") is False else [0]
            return {"tokens": [*begin, *map(ord, body["prompt"])]}
        return {"prompt": "".join(chr(token) for token in body["tokens"] if token)}

    def unreadable(self, found: Any, error: Exception) -> FailedAttempt:
        return FailedAttempt(f"cannot read {found}")


def continued(client: Characters, prefix: list[Any], *, way: Any = "tokens", prompt: str = "ab") -> Continued:
    prefixes = Prefixes(client, way, {"model": "m"})  # type: ignore[arg-type]
    return asyncio.run(prefixes.continued("http://here/v1", {"prompt": prompt}, prefix))


def test_a_server_of_texts_is_given_one_text() -> None:
    found = continued(Characters(), ["x", (120,), "y"], way="text")
    assert found == Continued("abxy", "xy")


def test_drawn_tokens_are_sent_as_they_were_and_texts_between_without_special_ones() -> None:
    client = Characters()
    found = continued(client, [(120, 121), "Wait", (122,)])
    assert found == Continued([0, 97, 98, 120, 121, *map(ord, "Wait"), 122], "xyWaitz")
    assert [body.get("add_special_tokens") for page, body in client.asked if page == "tokenize"] == [
        None,
        False,
    ]


def test_an_empty_text_asks_nothing() -> None:
    client = Characters()
    assert continued(client, [""]) == Continued([0, 97, 98], "")
    assert sum(page == "tokenize" for page, _ in client.asked) == 1


def test_a_prefix_is_read_in_the_context_of_a_prompts_end_alone() -> None:
    client = Characters()
    continued(client, [(120,)], prompt="p" * 100)
    assert [len(body["tokens"]) for page, body in client.asked if page == "detokenize"] == [32, 33]


def test_what_was_told_once_is_not_asked_again() -> None:
    client = Characters()
    prefixes = Prefixes(client, "tokens", {"model": "m"})  # type: ignore[arg-type]

    async def twice() -> None:
        for token in (120, 121):
            await prefixes.continued("http://here/v1", {"prompt": "ab"}, [(token,)])

    asyncio.run(twice())
    # the prompt's tokens and its end once; each prefix behind it
    assert [page for page, _ in client.asked] == ["tokenize", *["detokenize"] * 3]


def test_an_answer_without_tokens_is_a_failed_attempt() -> None:
    with pytest.raises(FailedAttempt, match="cannot read"):
        continued(Characters(broken=True), [(1,)])


def test_a_servers_own_questions_stand_beside_openais() -> None:
    assert (root("http://here/v1"), root("http://here")) == ("http://here", "http://here")
