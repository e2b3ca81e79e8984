"""The pretended model behind the fixtures: adds, and is sometimes off by ten or silent."""

import hashlib
import re


def guess(prompt: str, repeat: int) -> str:
    """Answer the last sum in a prompt; each repeat its own way, always the same."""
    left, right = (int(number) for number in re.findall(r"(\d+) \+ (\d+)", prompt)[-1])
    luck = hashlib.sha256(f"{left}+{right}#{repeat}".encode()).digest()[0]
    if luck < 32:
        return "I would rather not say."
    return f"{left} and {right} make it clear: the answer is {left + right + (10 if luck < 140 else 0)}."
