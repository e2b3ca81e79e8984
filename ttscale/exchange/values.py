"""Values of foreign records, read without trusting their types."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ttscale.exchange.contract import ReadingNotes
from ttscale.types import Outcome, Verdict

_CORRECT = "true", "correct", "passed", "pass", "1", "1.0", "yes", "y", "t", "right", "resolved", "accepted"
_WRONG = "false", "incorrect", "failed", "fail", "0", "0.0", "no", "n", "f", "wrong", "unresolved", "rejected"
_OTHERS = {"timeout": Outcome.TIMEOUT, "timed out": Outcome.TIMEOUT, "no_answer": Outcome.NO_ANSWER, "error": Outcome.ERROR}  # fmt: skip
WORDS = MappingProxyType(
    dict.fromkeys(_CORRECT, Outcome.CORRECT) | dict.fromkeys(_WRONG, Outcome.INCORRECT) | _OTHERS
)
"""How formats and tables spell verdicts, in small letters: the one truth table."""

_NO_VERDICTS = frozenset((
    "wer", "cer", "mer", "ter", "ppl", "perplexity", "loss", "nll", "bpb", "bits", "byte", "bypass", "distance",
    "likelihood", "loglikelihood", "logprob", "logprobs", "mse", "mae", "rmse", "brier", "ece", "error", "errors",
    "count", "counts", "num", "length", "tokens", "latency", "seconds", "duration", "turns", "inst",
))  # fmt: skip
"""Parts of names of what is measured and is no verdict, even where it happens to be 0 or 1: errors, losses, counts."""


def measures(name: str) -> bool:
    """Say whether a metric's name is that of an error rate, a loss or a count, so that it is no verdict.

    >>> measures("word_perplexity"), measures("wer"), measures("inst_level_strict_acc"), measures("exact_match")
    (True, True, True, False)
    """
    return not _NO_VERDICTS.isdisjoint(re.split(r"[^a-z]+", name.lower()))


def whole(value: Any) -> int | None:
    """Return a whole number that is not negative, None for anything else.

    >>> whole(3), whole(3.0), whole(True), whole("3")
    (3, 3, None, None)
    """
    number = None if isinstance(value, bool) else real(value)
    return int(value) if number is not None and number >= 0 and number == int(number) else None


def real(value: Any) -> float | None:
    """Return a finite number, None for anything else; true and false are 1 and 0.

    >>> real(True), real(float("nan")), real("1")
    (1.0, None, None)
    """
    try:
        number = float(value) if isinstance(value, int | float) else math.nan
    except OverflowError:  # an integer beyond all floats
        return None
    return number if math.isfinite(number) else None


def text_of(value: Any) -> str | None:
    """Return text as it is, other values as JSON, None as None.

    >>> text_of(["a", 1])
    '["a", 1]'
    """
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def mapping(value: Any) -> Mapping[str, Any]:
    """Return what should be an object; nothing of what is none."""
    return value if isinstance(value, Mapping) else {}


def listing(value: Any) -> Sequence[Any]:
    """Return what should be a list; nothing of what is none."""
    return value if isinstance(value, list) else []


def text_or_empty(value: Any, notes: ReadingNotes) -> str | None:
    """Return a sample's text, "" where the format has null because nothing was answered; None for what is no text."""
    if value is None:
        notes.remark("Texts that are null are kept as empty answers: nothing was answered.")
        return ""
    return value if isinstance(value, str) else None


def judged(value: Any, *, threshold: float | None = None, **known: Any) -> Verdict | None:
    """Return the verdict that a value stands for: true, false, a score, or a word such as "pass".

    >>> judged(True).outcome, judged(0.3).outcome, judged(0.3).score, judged("timeout").outcome
    (<Outcome.CORRECT: 'correct'>, <Outcome.INCORRECT: 'incorrect'>, 0.3, <Outcome.TIMEOUT: 'timeout'>)

    Args:
        value: As a format gives it.
        threshold: The score from which on it is correct; None: 1.
        known: The verdict's other fields.

    Returns:
        None for what is no judgement.
    """
    if isinstance(value, str):
        outcome = WORDS.get(value.strip().lower())
        return Verdict(outcome=outcome, **known) if outcome is not None else None
    number = real(value)
    if number is None:
        return None
    outcome = Outcome.CORRECT if number >= (1.0 if threshold is None else threshold) else Outcome.INCORRECT
    return Verdict(outcome=outcome, score=None if number in (0.0, 1.0) else number, **known)


def scored(value: Any) -> Verdict | None:
    """Return the verdict of a verifier that only scores, None for what is no number."""
    number = real(value)
    return None if number is None else Verdict(outcome=Outcome.CORRECT, score=number)
