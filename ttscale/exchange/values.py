"""Values of foreign records, read without trusting their types."""

import json
import math
from types import MappingProxyType
from typing import Any

from ttscale.types import Outcome, Verdict

_WORDS = MappingProxyType(
    dict.fromkeys(("pass", "passed", "correct", "true", "yes", "resolved", "1"), Outcome.CORRECT)
    | dict.fromkeys(
        ("fail", "failed", "incorrect", "wrong", "false", "no", "unresolved", "0"), Outcome.INCORRECT
    )
    | {
        "timeout": Outcome.TIMEOUT,
        "timed out": Outcome.TIMEOUT,
        "no_answer": Outcome.NO_ANSWER,
        "error": Outcome.ERROR,
    }
)
"""How formats spell verdicts."""


def whole(value: Any) -> int | None:
    """Return a whole number that is not negative, None for anything else.

    >>> whole(3), whole(3.0), whole(True), whole("3")
    (3, 3, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return int(value) if value >= 0 and value == int(value) else None


def real(value: Any) -> float | None:
    """Return a finite number, None for anything else; true and false are 1 and 0.

    >>> real(True), real(float("nan")), real("1")
    (1.0, None, None)
    """
    if not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def text_of(value: Any) -> str | None:
    """Return text as it is, other values as JSON, None as None.

    >>> text_of(["a", 1])
    '["a", 1]'
    """
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def judged(value: Any, *, threshold: float = 1.0, **known: Any) -> Verdict | None:
    """Return the verdict that a value stands for: true, false, a score, or a word such as "pass".

    >>> judged(True).outcome, judged(0.3).outcome, judged(0.3).score, judged("timeout").outcome
    (<Outcome.CORRECT: 'correct'>, <Outcome.INCORRECT: 'incorrect'>, 0.3, <Outcome.TIMEOUT: 'timeout'>)

    Args:
        value: As a format gives it.
        threshold: The score from which on it is correct.
        known: The verdict's other fields.

    Returns:
        None for what is no judgement.
    """
    if isinstance(value, str):
        outcome = _WORDS.get(value.strip().lower())
        return Verdict(outcome=outcome, **known) if outcome is not None else None
    number = real(value)
    if number is None:
        return None
    outcome = Outcome.CORRECT if number >= threshold else Outcome.INCORRECT
    return Verdict(outcome=outcome, score=None if number in (0.0, 1.0) else number, **known)


def scored(value: Any) -> Verdict | None:
    """Return the verdict of a verifier that only scores, None for what is no number."""
    number = real(value)
    return None if number is None else Verdict(outcome=Outcome.CORRECT, score=number)
