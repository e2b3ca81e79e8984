"""The toy model of `toy_engine` behind OpenAI's interface, on a loopback server: continued by token ids, by text, or not at all."""

import random
from typing import Any

from openai_server import JSON, Reply
from toy_engine import END, LETTERS, Text, generate, spelled

from ttscale.strategies.contract import Completion, Generate, Tokens

_OTHER = 10
"""Added to the code of every character that is no letter of the toy model's: its token."""


def tokens_of(text: str) -> list[int]:
    return [LETTERS.index(x) if x in LETTERS else _OTHER + ord(x) for x in text]


def text_of(tokens: list[int]) -> str:
    return "".join(LETTERS[token] if token < END else chr(token - _OTHER) for token in tokens)


def toy(body: JSON, number: int) -> Reply:
    """Answer as vLLM's server does, its questions about tokens included."""
    if "tokens" in body:
        return Reply({"prompt": text_of(body["tokens"])})
    if "max_tokens" not in body:
        return Reply({"tokens": tokens_of(_prompt(body))})
    return _completed(body, tells=True)


def plain_toy(body: JSON, number: int) -> Reply:
    """Answer as a server does that tells no tokens and not which text ended a completion."""
    assert "max_tokens" in body
    return _completed(body, tells=False)


def _prompt(body: JSON) -> str:
    if "messages" in body:
        return str(body["messages"][-1]["content"])
    return body["prompt"] if isinstance(body["prompt"], str) else text_of(body["prompt"])


def _completed(body: JSON, *, tells: bool) -> Reply:
    whole = _prompt(body)
    prompt = whole.rstrip(LETTERS)
    kept: Text = tuple(tokens_of(whole[len(prompt) :]))
    choices = [_choice(body, prompt, kept, j, tells=tells) for j in range(body.get("n", 1))]
    return Reply(
        {
            "choices": [choice for choice, _ in choices],
            "usage": {
                "prompt_tokens": 1 + len(kept),
                "completion_tokens": sum(said.completion_tokens or 0 for _, said in choices),
                "prompt_tokens_details": {"cached_tokens": 0},
            },
        }
    )


def _choice(body: JSON, prompt: str, kept: Text, j: int, *, tells: bool) -> tuple[JSON, Completion]:
    assert "stop" not in body or body["include_stop_str_in_output"] is True or not tells
    ask = Generate(
        prompt=prompt,
        prefix=(Tokens(kept),),
        max_tokens=body["max_tokens"],
        stop=tuple(body.get("stop", ())) or None,
    )
    said = generate(ask, "", random.Random(f"{body.get('seed', 0) + j} {prompt}"), 8)
    text = said.text
    if not tells and said.finish_reason == "stop_text":
        text = text.removesuffix(next(stop for stop in body["stop"] if text.endswith(stop)))
    choice: dict[str, Any] = {
        "index": j,
        "finish_reason": "length" if said.finish_reason == "length" else "stop",
    }
    if tells:
        ended_by_model = said.finish_reason == "stop"
        choice["token_ids"] = [*said.tokens, *([END] if ended_by_model else [])]
        choice["stop_reason"] = (said.finish_reason == "stop_text" and spelled(said.tokens)[-1]) or None
    listed = [{"logprob": x} for x in said.logprobs]
    if "messages" in body:
        choice |= {"message": {"content": text}, "logprobs": {"content": listed}}
    else:
        choice |= {"text": text, "logprobs": {"token_logprobs": list(said.logprobs)}}
    return choice, said
