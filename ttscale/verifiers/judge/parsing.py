r"""From a judge's reply to a grade in [0, 1], or None where it says none.

A line with the prompt's marker decides alone: no completion can contain it. Judges that forget the marker are
read in the forms they commonly use: a JSON object, ``\boxed{}``, "Score: 7/10", "Verdict: incorrect", a reply
or a last sentence that is a bare verdict. Among these, what also stands in the completion is a quotation and
does not count; and if two forms contradict each other, the reply says nothing.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

_LONGEST = 50_000
"""Characters of a reply that are read, from its end: the grade comes last."""
_BARE = 20
"""Characters of a reply that may be a grade and nothing else."""

_LABEL = r"\b(?:final\s+)?(?:verdict|judge?ment|score|rating|grade)\b"
_MARKUP = r"[\s*_`\"'#\[\(]*"
_COLON = rf"{_MARKUP}[:=\-–]?{_MARKUP}"
_WORDS = {
    **dict.fromkeys(("correct", "right", "true", "yes", "pass"), 1.0),
    **dict.fromkeys(("incorrect", "wrong", "false", "no", "fail"), 0.0),
}
_WORD = re.compile(rf"(not\s+)?({'|'.join(_WORDS)})(?:ed)?\b(?!\s*(?:/|\||,?\s*\bor\b))", re.IGNORECASE)
_NUMBER = re.compile(
    r"(\d+(?:\.\d+)?)(?:\s*(?:/|out\s+of)\s*(\d+(?:\.\d+)?)|\s*(%))?(?!\s*[-–]\s*\d|[\w./]*\d)"
)
_LEADS = (
    re.compile(rf"(?:{_LABEL}(?:\s+is\b)?{_COLON})+", re.IGNORECASE),
    re.compile(r"\\boxed\s*\{\s*(?:\\text\s*\{\s*)?"),
    re.compile(
        r"\b(?:is|are|was)\s+(?=(?:not\s+)?(?:correct|incorrect|right|wrong)[.!*_\s]*\Z)", re.IGNORECASE
    ),
)
"""What a grade follows: a label, a box, the verb of the last sentence."""
_JSON_KEYS = ("verdict", "judgment", "judgement", "correct", "is_correct", "score", "rating", "grade")


def parse_reply(reply: str, nonce: str, completion: str, *, scale: int | None) -> float | None:
    """Return the grade that a judge gave.

    Args:
        reply: What the judge wrote.
        nonce: The marker of its prompt.
        completion: What it judged; quotations from it do not count.
        scale: The highest score, or None where it was asked for correct or incorrect.

    Returns:
        The score over the scale, 1 for correct, 0 for incorrect; None if there is no grade, or no single one.

    >>> parse_reply("Right.\\nVerdict 3f9a: correct", "3f9a", "", scale=None)
    1.0
    >>> parse_reply("Score: 7/10", "3f9a", "", scale=10)
    0.7
    >>> parse_reply("It depends.", "3f9a", "", scale=None)
    """
    text = spoken(reply)
    marked = list(re.finditer(rf"{_LABEL}{_MARKUP}{nonce}{_COLON}", text, re.IGNORECASE))
    if marked:
        return _grade(text[marked[-1].end() :], scale)[0]
    quoted = _normal(completion)
    grades = {_json_grade(text, quoted, scale), *(_led_grade(lead, text, quoted, scale) for lead in _LEADS)}
    if len(text) <= _BARE:
        grades.add(_grade(re.sub(rf"^{_MARKUP}", "", text), scale)[0])
    grades.discard(None)
    return grades.pop() if len(grades) == 1 else None


def spoken(reply: str) -> str:
    """Return a reply without the reasoning before it; one that never ends says nothing."""
    text = reply[-_LONGEST:]
    _, end, after = text.rpartition("</think>")
    if end:
        return after.strip()
    return "" if "<think>" in reply else text.strip()


def _led_grade(lead: re.Pattern[str], text: str, quoted: str, scale: int | None) -> float | None:
    """Return the last grade that follows a lead and is no quotation."""
    last = None
    for match in lead.finditer(text):
        grade, length = _grade(text[match.end() :], scale)
        if grade is not None and _normal(text[match.start() : match.end() + length]) not in quoted:
            last = grade
    return last


def _grade(text: str, scale: int | None) -> tuple[float | None, int]:
    """Read the grade that a text begins with; return how many characters it takes, too."""
    found = (_WORD if scale is None else _NUMBER).match(text)
    if found is None:
        return None, 0
    if scale is None:
        return abs(_WORDS[found[2].lower()] - bool(found[1])), found.end()
    return _share(float(found[1]), 100.0 if found[3] else float(found[2] or scale)), found.end()


def _share(score: float, highest: float) -> float | None:
    return score / highest if highest > 0 and math.isfinite(score) and 0 <= score <= highest else None


def _json_grade(text: str, quoted: str, scale: int | None) -> float | None:
    """Return the grade in the last JSON object that has one."""
    grade = None
    for written, found in _json_objects(text):
        if _normal(written) in quoted:
            continue
        for key in _JSON_KEYS:
            said = _of_json(found.get(key), scale)
            grade = grade if said is None else said
    return grade


def _of_json(value: Any, scale: int | None) -> float | None:
    if isinstance(value, bool):
        return float(value) if scale is None else None
    if isinstance(value, int | float):
        return None if scale is None else _share(float(value), scale)
    return _grade(value.strip(), scale)[0] if isinstance(value, str) else None


def _json_objects(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the outermost JSON objects in a text, as written and as read."""
    decoder = json.JSONDecoder()
    start = text.find("{")
    while start >= 0:
        end = start + 1
        try:
            found, end = decoder.raw_decode(text, start)
            if isinstance(found, dict):
                yield text[start:end], found
        except (ValueError, RecursionError):
            pass
        start = text.find("{", end)


def _normal(text: str) -> str:
    return " ".join(text.lower().split())
