"""What a call of a strategy goes on from, on a server.

A vLLM server turns prompts into tokens when it is asked to, through its chat template, too. So a completion is continued from
the very tokens that were drawn, at the completions endpoint, which takes them as a prompt. Other servers' completions
endpoints are given prompt and prefix as one text.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ttscale.execution.http.client import JsonClient

Continuation = Literal["tokens", "text", "none"]
"""How a server goes on from a prefix."""
_REMEMBERED = 4096
"""Prompts and texts whose tokens are kept."""
_CONTEXT_TOKENS = 32
"""Of a prompt's end, in whose context a prefix is read: enough for the spaces and bytes that a tokenizer joins."""


@dataclass(frozen=True, slots=True)
class Continued:
    """What is asked of the completions endpoint, and the part behind the prompt as text."""

    prompt: list[int] | str
    before: str


class Prefixes:
    """Puts prompt and prefix together.

    Args:
        client: Asks servers.
        way: How they go on.
        tokenized: What a question for tokens says beside the prompt: the model's name, and how its template is applied.
    """

    def __init__(self, client: JsonClient, way: Continuation, tokenized: Mapping[str, Any]) -> None:
        self._client = client
        self._way = way
        self._tokenized = tokenized
        self._known: OrderedDict[str, Any] = OrderedDict()

    async def continued(
        self, url: str, asked: Mapping[str, Any], prefix: Sequence[tuple[int, ...] | str]
    ) -> Continued:
        """Return what to ask a server.

        Args:
            url: The server's base URL.
            asked: The request's "prompt" or "messages".
            prefix: Tokens and texts behind it.

        Raises:
            FailedAttempt: The server does not say the tokens.
        """
        if self._way == "text":
            text = "".join(piece for piece in prefix if isinstance(piece, str))
            return Continued(asked["prompt"] + text, text)
        prompt = await self._tokens(url, asked)
        behind = [
            token
            for piece in prefix
            for token in (await self._bare(url, piece) if isinstance(piece, str) else piece)
        ]
        return Continued([*prompt, *behind], await self._text(url, prompt, behind))

    async def _bare(self, url: str, text: str) -> list[int]:
        """Return the tokens of a text that stands behind others."""
        return await self._tokens(url, {"prompt": text, "add_special_tokens": False}) if text else []

    async def _tokens(self, url: str, asked: Mapping[str, Any]) -> list[int]:
        key = str(asked)
        if key not in self._known:
            found = await self._client.post(f"{root(url)}/tokenize", {**self._tokenized, **asked})
            try:
                self._remember(key, [int(token) for token in found["tokens"]])
            except (KeyError, TypeError, ValueError) as error:
                raise self._client.unreadable(found, error) from None
        self._known.move_to_end(key)
        return list(self._known[key])

    async def _text(self, url: str, prompt: list[int], behind: list[int]) -> str:
        """Return tokens as the text that they are behind a prompt."""
        end = prompt[-_CONTEXT_TOKENS:]
        if f"{end}" not in self._known:
            self._remember(f"{end}", await self._decoded(url, end))
        before, whole = self._known[f"{end}"], await self._decoded(url, [*end, *behind])
        return whole[len(before) :] if whole.startswith(before) else await self._decoded(url, behind)

    async def _decoded(self, url: str, tokens: list[int]) -> str:
        found = await self._client.post(
            f"{root(url)}/detokenize", {"model": self._tokenized["model"], "tokens": tokens}
        )
        try:
            return str(found["prompt"])
        except (KeyError, TypeError) as error:
            raise self._client.unreadable(found, error) from None

    def _remember(self, key: str, value: Any) -> None:
        self._known[key] = value
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)


def root(url: str) -> str:
    """Return where a server's questions are that are none of OpenAI's."""
    return url.removesuffix("/v1")
