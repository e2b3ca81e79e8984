"""Taking an answer apart where no bracket holds it together."""

import re

_OPEN, _CLOSE = "([{", ")]}"


def split_top(text: str, separator: re.Pattern[str]) -> list[str]:
    """Split at the matches of a pattern that stand outside of all brackets and environments."""
    parts, depth, start, at = [], 0, 0, 0
    while at < len(text):
        if depth == 0 and (found := separator.match(text, at)) and found.end() > at:
            parts.append(text[start:at])
            at = start = found.end()
            continue
        depth += _depth_change(text, at)
        at += 2 if text[at] == "\\" and at + 1 < len(text) and not text[at + 1].isalpha() else 1
    parts.append(text[start:])
    return parts


def _depth_change(text: str, at: int) -> int:
    if text[at] == "\\":
        if text.startswith((r"\begin{", r"\langle"), at) or text[at + 1 : at + 2] == "{":
            return 1
        return -1 if text.startswith((r"\end{", r"\rangle"), at) or text[at + 1 : at + 2] == "}" else 0
    return (text[at] in _OPEN) - (text[at] in _CLOSE)


def enclosed(text: str) -> tuple[str, str, str] | None:
    """Return bracket, content and bracket where one pair of brackets encloses all of a text."""
    opening = next((mark for mark in (r"\{", r"\langle", "(", "[") if text.startswith(mark)), None)
    closing = next((mark for mark in (r"\}", r"\rangle", ")", "]") if text.endswith(mark)), None)
    if opening is None or closing is None or len(text) < len(opening) + len(closing):
        return None
    depth, at = 0, 0
    while at < len(text):
        depth += _depth_change(text, at)
        width = 2 if text[at] == "\\" and not text[at + 1 : at + 2].isalpha() else 1
        if depth == 0 and at + width < len(text) - (len(closing) - width if closing.startswith("\\r") else 0):
            return None
        if depth <= 0:
            break
        at += width
    return opening, text[len(opening) : len(text) - len(closing)].strip(), closing


PLUS_MINUS = re.compile(r"\\(pm|mp)(?![a-z])")


def signed(text: str, sign: int) -> str:
    """Write one of the two values that a plus-minus sign stands for."""
    plus, minus = ("+", "-") if sign > 0 else ("-", "+")
    return PLUS_MINUS.sub(lambda match: plus if match.group(1) == "pm" else minus, text).lstrip("+ ")
