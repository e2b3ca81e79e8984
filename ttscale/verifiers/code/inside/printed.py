"""Whether what a script printed is what a test expects: the rule is the test's own.

* ``lines``: line by line as text, without trailing blanks and without empty lines at the end.
* ``decimals``: as ``lines``, but where a line differs, word by word: words are equal as text or as decimal numbers of the
  same exact value, such as 3.0 and 3, or 1e-07 and 0.0000001. Digits without a point or an exponent are compared as text:
  010 is not 10.
* ``livecodebench``: lines without blanks on either side, as text or, where every word of both is a decimal number, by value,
  as LiveCodeBench's own runner does; empty lines on either end do not count.
* ``tokens``: the words of the whole output, whatever the lines, each as in ``decimals``.

A tolerance, where a test states one, holds for numbers, absolute or relative, whichever allows more.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)
_MAX_DIGITS = 4000


def agrees_with(output: bytes, expected: str, rule: str, tolerance: float) -> bool:
    """Say whether an output is as a test expects."""
    printed = output.decode("utf-8", "surrogateescape")
    if rule == "tokens":
        return _words_agree(printed.split(), expected.split(), tolerance)
    if rule == "livecodebench":
        printed, expected = (
            "\n".join(map(str.strip, text.strip().split("\n"))) for text in (printed, expected)
        )
    ours, theirs = _lines(printed), _lines(expected)
    agree = _LINES_AGREE[rule]
    return len(ours) == len(theirs) and all(
        mine == other or agree(mine.split(), other.split(), tolerance)
        for mine, other in zip(ours, theirs, strict=True)
    )


def _lines(text: str) -> list[str]:
    """Return the lines without trailing blanks, and without empty ones at the end."""
    return [line.rstrip() for line in text.rstrip().split("\n")]


def _words_agree(ours: list[str], theirs: list[str], tolerance: float) -> bool:
    return len(ours) == len(theirs) and all(
        mine == other or (not _are_digits(mine, other) and _numbers_agree(mine, other, tolerance))
        for mine, other in zip(ours, theirs, strict=True)
    )


def _all_numbers_agree(ours: list[str], theirs: list[str], tolerance: float) -> bool:
    return len(ours) == len(theirs) and all(
        _numbers_agree(mine, other, tolerance) for mine, other in zip(ours, theirs, strict=True)
    )


_LINES_AGREE: dict[str, Callable[[list[str], list[str], float], bool]] = {
    "lines": lambda ours, theirs, tolerance: bool(tolerance) and _words_agree(ours, theirs, tolerance),
    "decimals": _words_agree,
    "livecodebench": _all_numbers_agree,
}


def _are_digits(mine: str, other: str) -> bool:
    return mine.lstrip("+-").isdigit() and other.lstrip("+-").isdigit()


def _numbers_agree(mine: str, other: str, tolerance: float) -> bool:
    if not (_is_number(mine) and _is_number(other)):
        return False
    left, right = Decimal(mine), Decimal(other)
    if left == right or not tolerance:
        return left == right
    try:
        a, b = float(left), float(right)
    except OverflowError:
        return False
    return abs(a - b) <= tolerance * max(1.0, abs(b))


def _is_number(word: str) -> bool:
    return len(word) <= _MAX_DIGITS and _NUMBER.fullmatch(word) is not None
