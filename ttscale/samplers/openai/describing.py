"""What a server says of itself beside its list of models, each kind on pages of its own."""

from collections.abc import Sequence
from typing import Any

from ttscale.execution.http.client import JsonClient
from ttscale.execution.http.failures import FailedAttempt
from ttscale.samplers.openai.continuing import root
from ttscale.samplers.openai.kinds import Kind
from ttscale.types import Problem

_VERSIONS = (
    ("version", "version"),
    ("props", "build_info"),
    ("server_info", "version"),
    ("get_server_info", "version"),
)
"""Pages, and the entries there that tell the version: vLLM's, llama.cpp's, SGLang's now and before."""
_DETERMINISTIC = (
    ("server_info", "enable_deterministic_inference"),
    ("get_server_info", "enable_deterministic_inference"),
)
_CHATML = "<|im_start|>"
"""What begins a turn in the template that llama.cpp gives to models without one."""


class Describer:
    """Reads what a server tells of itself.

    Args:
        client: Sends requests.
        url: The server's base URL.
        kind: What it is.
    """

    def __init__(self, client: JsonClient, url: str, kind: Kind) -> None:
        self._client = client
        self._root = root(url)
        self._kind = kind

    async def version(self) -> str:
        """Return its version, or "unknown"."""
        return str(await self._told(_VERSIONS) or "unknown")

    async def is_deterministic(self) -> bool:
        """Tell whether a sample's seed draws it again; SGLang does in one mode alone."""
        if self._kind.name != "sglang":
            return self._kind.seeds != "none"
        return bool(await self._told(_DETERMINISTIC))

    async def has_own_template(self) -> bool:
        """Tell whether the chat endpoint uses the model's own template.

        llama.cpp writes ChatML for a model without one, in words that such a model never saw: it takes them letter by
        letter, or drops them.
        """
        if self._kind.name != "llama.cpp":
            return True
        template = await self._told((("props", "chat_template"),))
        if _CHATML not in str(template or ""):
            return True
        try:
            found = await self._client.post(
                f"{self._root}/tokenize", {"content": _CHATML, "parse_special": True}
            )
            return len(found["tokens"]) == 1
        except (FailedAttempt, KeyError, TypeError):
            return True

    async def tells_tokens(self, model: str, problem: Problem) -> bool:
        """Tell whether it turns texts into tokens and back, as vLLM's does."""
        try:
            tokens = (
                await self._client.post(f"{self._root}/tokenize", {"model": model, "prompt": problem.prompt})
            )["tokens"]
            back = await self._client.post(f"{self._root}/detokenize", {"model": model, "tokens": tokens})
            return isinstance(back["prompt"], str)
        except (FailedAttempt, KeyError, TypeError):
            return False

    async def _told(self, places: Sequence[tuple[str, str]]) -> Any:
        """Return the first entry that is there, None where none is."""
        for page, entry in places:
            try:
                return (await self._client.get(f"{self._root}/{page}"))[entry]
            except (FailedAttempt, KeyError, TypeError):
                continue
        return None
