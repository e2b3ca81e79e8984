"""From a completion to a program: what the model wrote, cut out of what it said."""

import re
from collections.abc import Sequence
from typing import Literal

Extraction = Literal["auto", "continuation", "fence", "whole"]

_FENCE = re.compile(r"^[ \t]*```[^\n`]*\n(.*?)(?:^[ \t]*```[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)


def extract_program(
    completion: str,
    *,
    code_prompt: str = "",
    entry_point: str | None = None,
    extraction: Extraction = "auto",
    stop: Sequence[str] = (),
) -> str | None:
    r"""Return the program in a completion, or None if there is none.

    Args:
        completion: The model's text.
        code_prompt: What a continuation continues. A program from a fence is put below it, so that its
            imports and helper functions are there.
        entry_point: The function looked for among several fenced blocks: the last block that defines it wins.
        extraction: "continuation" appends the completion to the prompt; "fence" takes the fenced block, None if
            there is none; "whole" takes the completion as it is; "auto" prefers a fence, and continues the
            prompt otherwise.
        stop: Texts at which a continuation ends.

    >>> extract_program("So:\n```python\ndef f():\n    return 1\n```\nDone.")
    'def f():\n    return 1\n'
    """
    if not completion.strip():
        return None
    if extraction == "whole":
        return completion
    block = None if extraction == "continuation" else _fenced(completion, entry_point)
    if block is not None:
        return f"{code_prompt.rstrip()}\n\n{block}" if code_prompt else block
    if extraction == "fence":
        return None
    ends = [at for text in stop if (at := completion.find(text)) >= 0]
    return code_prompt + completion[: min(ends, default=len(completion))]


def _fenced(completion: str, entry_point: str | None) -> str | None:
    blocks = [str(match) for match in _FENCE.findall(completion)]
    if entry_point is not None:
        defining = [block for block in blocks if re.search(rf"\bdef\s+{re.escape(entry_point)}\b", block)]
        blocks = defining or blocks
    return blocks[-1] if blocks else None
