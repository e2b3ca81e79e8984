"""Kinds of servers: how their requests with seeds and several choices behave, and which sampling parameters they take.

A server fills in what a request leaves out, from the model's generation_config.json or from defaults of its own: top_k 20,
say. So a request says everything that its server is known to take, the neutral values, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

_OPENAIS = {name: name for name in ("top_p", "presence_penalty", "frequency_penalty")}
_ALL = _OPENAIS | {name: name for name in ("top_k", "min_p", "repetition_penalty")}


@dataclass(frozen=True, slots=True)
class Kind:
    """What is known of a kind of server.

    Attributes:
        name: Such as "vllm".
        takes_n: Whether several choices per request are asked for.
        seeds: "counted" where choice j of a request draws with its seed + j, "single" where each sample needs a
            request of its own, "none" where a seed is not known to decide the sample.
        seed_bits: How long a seed may be.
        token_ids: Whether it can tell a choice's tokens.
        top_logprobs: See `Terms`; what is asked for where none are kept.
        lists_drawn: Whether the chat endpoint's list of most probable tokens begins with the drawn one, even where
            that pushes out the last of them.
        parameters: Sampling setting -> the name that it has here; those that are said in every request. Another server
            might not know the others, so they are sent only where they are not neutral.
        also: More of every request, with which it draws from the distribution that the settings describe.
    """

    name: str
    takes_n: bool = True
    seeds: str = "none"
    seed_bits: int = 31
    token_ids: bool = False
    top_logprobs: int = 1
    lists_drawn: bool = False
    parameters: Mapping[str, str] = field(default_factory=lambda: MappingProxyType(_OPENAIS))
    also: Mapping[str, Any] = field(default_factory=dict)


_ALL_KNOWN = MappingProxyType(_ALL)
KINDS = {
    "vllm": Kind(
        "vllm",
        seeds="counted",
        seed_bits=63,
        token_ids=True,
        top_logprobs=0,
        lists_drawn=True,
        parameters=_ALL_KNOWN,
    ),
    # Its seeds are 32 bits long, the last value meaning "at random". Several choices wait for as many free slots,
    # and drew one and the same text in some versions of winter 2025.
    # It truncates before the temperature unless told the order, penalizes 64 tokens back unless told all, and has a name
    # of its own for one penalty.
    "llamacpp": Kind(
        "llama.cpp",
        takes_n=False,
        seeds="single",
        parameters=MappingProxyType(_ALL | {"repetition_penalty": "repeat_penalty"}),
        also=MappingProxyType(
            {
                "samplers": ["penalties", "temperature", "min_p", "top_k", "top_p"],
                "repeat_last_n": 1 << 20,
                "mirostat": 0,
                "dynatemp_range": 0.0,
            }
        ),
    ),
    # All choices of a request share its seed, and a server in its deterministic mode draws them alike.
    "sglang": Kind("sglang", takes_n=False, seeds="single", parameters=_ALL_KNOWN),
}
"""``owned_by`` in the list of models -> kind."""

UNKNOWN = Kind("unknown")
