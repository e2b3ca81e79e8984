"""What every judge shares: how a question is sent, and what came back at what price."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from pydantic import Field

from ttscale.types import Outcome, Verdict
from ttscale.verifiers.contract import Candidate
from ttscale.verifiers.endpoint import EndpointSettings, Failure
from ttscale.verifiers.reasoning import ReadingOptions


class AskingOptions(EndpointSettings, ReadingOptions):
    """Options of every judge, beside those of the endpoint."""

    temperature: float = Field(default=0.0, ge=0.0)
    max_tokens: int = Field(default=1024, ge=1)
    """Tokens of a reply."""
    request_options: dict[str, Any] = Field(default_factory=dict)
    """More keys of the request's body; null removes one, such as the ``seed`` of each vote that is sent where
    `temperature` is not 0 (``{max_tokens: null, max_completion_tokens: 2048}``)."""
    max_characters: int = Field(default=32_000, ge=100)
    """Of a completion; a longer one is cut in its first half, and the verdict says so."""

    def body(self, text: str, seed: int) -> dict[str, Any]:
        """Return the request that asks `text`."""
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": text}],
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "seed": seed if self.temperature > 0 else None,
            **self.request_options,
        }
        return {key: value for key, value in body.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Reply:
    """What a judge wrote, and the tokens that the server counted, where it did."""

    text: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


def reply_of(answer: Any) -> Reply:
    """Read a chat completion; servers send null for an empty text."""
    content = answer["choices"][0]["message"]["content"]
    if not isinstance(content, str | None):
        raise TypeError(f"content is {type(content).__name__}")
    usage = answer.get("usage")
    counts = usage if isinstance(usage, dict) else {}
    return Reply(content or "", _whole(counts.get("prompt_tokens")), _whole(counts.get("completion_tokens")))


def priced(verdict: Verdict, replies: Iterable[Reply | Failure]) -> Verdict:
    """Return a verdict with the tokens of the replies that it rests on, None where no server counted."""
    read = [reply for reply in replies if isinstance(reply, Reply)]
    return replace(
        verdict,
        prompt_tokens=_sum_of_known(reply.prompt_tokens for reply in read),
        completion_tokens=_sum_of_known(reply.completion_tokens for reply in read),
    )


def empty_verdict(candidate: Candidate) -> Verdict | None:
    """Return the verdict on a completion that there is nothing to ask about."""
    if candidate.sample.completion.strip():
        return None
    return Verdict(outcome=Outcome.NO_ANSWER, detail="The completion is empty.")


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _sum_of_known(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
