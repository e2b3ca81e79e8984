"""Kinds of servers, and how their requests with seeds and several choices behave."""

from dataclasses import dataclass


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
    """

    name: str
    takes_n: bool = True
    seeds: str = "none"
    seed_bits: int = 31
    token_ids: bool = False
    top_logprobs: int = 1
    lists_drawn: bool = False


KINDS = {
    "vllm": Kind("vllm", seeds="counted", seed_bits=63, token_ids=True, top_logprobs=0, lists_drawn=True),
    # Its seeds are 32 bits long, the last value meaning "at random". Several choices wait for as many free slots,
    # and drew one and the same text in some versions of winter 2025.
    "llamacpp": Kind("llama.cpp", takes_n=False, seeds="single"),
    # All choices of a request share its seed, and a server in its deterministic mode draws them alike.
    "sglang": Kind("sglang", takes_n=False, seeds="single"),
}
"""``owned_by`` in the list of models -> kind."""

UNKNOWN = Kind("unknown")
