"""The channels that gpt-oss writes in, as text: its reasoning between ``<think>`` and ``</think>``, then its answer.

The same as `engine: openai` makes of a reasoning that a server gives apart, so that one model reads alike from all engines.
"""

import re
from typing import Any

_MARKS = ("<|channel|>", "<|message|>", "<|end|>")
_SPOKEN = re.compile(
    r"<\|channel\|>(?P<channel>\w+)[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>(?P<text>.*?)"
    r"(?=<\|(?:end|return|call|start|channel)\|>|\Z)",
    re.DOTALL,
)


def has_channels(tokenizer: Any) -> bool:
    """Tell whether a tokenizer is of a model that writes in channels."""
    vocabulary = tokenizer.get_vocab()
    return all(mark in vocabulary for mark in _MARKS)


def read_channels(text: str, *, is_cut: bool) -> str:
    """Return what was written, special tokens read and left out.

    Args:
        text: The completion with its special tokens.
        is_cut: Whether it ended for want of tokens.

    >>> read_channels("<|channel|>analysis<|message|>2+2<|end|><|start|>assistant<|channel|>final<|message|>4", is_cut=False)
    '<think>\\n2+2\\n</think>\\n\\n4'
    """
    spoken = [(found["channel"], found["text"]) for found in _SPOKEN.finditer(text)]
    if not spoken:
        return re.sub(r"<\|[a-z_]+\|>", "", text)
    reasoning = "".join(said for channel, said in spoken if channel != "final")
    answer = "".join(said for channel, said in spoken if channel == "final")
    return with_reasoning(reasoning, answer, is_cut=is_cut)


def with_reasoning(reasoning: str, answer: str, *, is_cut: bool) -> str:
    """Return a reasoning and an answer as one text; a reasoning that was cut before any answer stays open."""
    if not reasoning:
        return answer
    end = "" if is_cut and not answer else "\n</think>\n\n"
    return f"<think>\n{reasoning}{end}{answer}"
