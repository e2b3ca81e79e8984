"""What the multiple-choice tasks share: letters, and questions written with their options."""

from collections.abc import Sequence

LETTERS = "ABCDEFGHIJ"
"""At most ten options, as many as MMLU-Pro has."""


def lettered(options: Sequence[str]) -> str:
    r"""Write options one a line, each after its letter.

    >>> lettered(["red", "blue"])
    'A) red\nB) blue'
    """
    return "\n".join(f"{letter}) {option.strip()}" for letter, option in zip(LETTERS, options, strict=False))
