"""Numerals with a grammar of their own: written out in digits, with a base, times."""

import re
from fractions import Fraction

import sympy

from ttscale.verifiers.formulas.naming import rational_name
from ttscale.verifiers.formulas.readings import Reading
from ttscale.verifiers.formulas.splitting import split_top
from ttscale.verifiers.formulas.words import spelled_out

THOUSANDS = re.compile(
    r"[-+]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[-+]?[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}(?:\.[0-9]+)?"
)
_GROUPED = re.compile(r"(?<![\w.,])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9,])")
_COMMA = re.compile(",")
_SPACED_THOUSANDS = re.compile(r"[-+]?[1-9][0-9]{0,2}(?:[ '_][0-9]{3})+(?:\.[0-9]+)?")
_EUROPEAN = re.compile(r"[-+]?[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]+")
PLAIN_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
BASED = re.compile(
    r"(?:\(\s*([0-9A-Fa-f]+)\s*\)|([0-9][0-9A-Fa-f]*|[A-Fa-f][0-9A-Fa-f]*[0-9][0-9A-Fa-f]*))\s*"
    r"(?:_\s*\{?\s*(?:\\text\s*\{\s*(?:base)?\s*)?([0-9]{1,2}|two|three|four|five|six|seven|eight|nine|ten|twelve|sixteen)\s*\}?\s*\}?"
    r"|\s*\(?\s*(?:\\text\s*\{\s*)?\(?\s*(?:in\s+)?base[\s-]*(?:\}\s*)?([0-9]{1,2}|two|three|four|five|six|seven|eight|nine|ten|twelve|sixteen)\s*\)?\s*\}?\s*\)?)"
)
_BASES = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "twelve": 12, "sixteen": 16,
}  # fmt: skip
TIME = re.compile(
    r"([0-9]{1,2}):([0-5][0-9])(?::([0-5][0-9]))?\s*(?:\\text\s*\{\s*)?(a\.?\s?m\.?|p\.?\s?m\.?)?(?:\s*\})?",
    re.IGNORECASE,
)


def numeral(text: str) -> Reading | None:
    """Read a number that is written out in digits: exactly, whatever its length."""
    if _EUROPEAN.fullmatch(text):
        text = text.replace(".", "").replace(",", ".")
    elif THOUSANDS.fullmatch(text) or _SPACED_THOUSANDS.fullmatch(text):
        text = re.sub(r"[, '_]", "", text)
    scaled = spelled_out(text)
    if scaled is not None:
        return Reading(
            "value", rational_name(scaled), expr=sympy.Rational(scaled.numerator, scaled.denominator)
        )
    if not PLAIN_NUMBER.fullmatch(text) or len(text) > 1000:
        return None
    value = Fraction(text.rstrip(".") if text.endswith(".") else text)
    written = text if "." in text else None
    return Reading(
        "value",
        rational_name(value),
        expr=sympy.Rational(value.numerator, value.denominator),
        written=written,
    )


def based(match: re.Match[str]) -> Reading | None:
    """Read a match of `BASED`; a digit that the base does not have makes it a text."""
    digits = (match.group(1) or match.group(2)).upper()
    word = match.group(3) or match.group(4)
    base = _BASES.get(word) or int(word)
    if not 2 <= base <= 36 or any(int(digit, 36) >= base for digit in digits):
        return Reading("text", f"text:{digits}_{base}")
    digits = digits.lstrip("0") or "0"
    return Reading("based", f"{digits}_{base}", expr=sympy.Integer(int(digits, base)), written=digits)


def time_of_day(match: re.Match[str]) -> Reading:
    """Read a match of `TIME`."""
    hours, minutes, seconds, half = match.groups()
    half = re.sub(r"[\s.]", "", half or "").lower()
    name = f"{int(hours)}:{minutes}" + (f":{seconds}" if seconds else "")
    return Reading("time", f"time {name}{half}", written=half or None, also=Reading("time", f"time {name}"))


def without_separators(text: str) -> str:
    """Take the commas out of grouped thousands inside a formula."""
    return _GROUPED.sub(lambda match: match.group().replace(",", ""), text)


def ungrouped(text: str) -> str:
    r"""Take them out where no comma outside of brackets parts anything else.

    >>> ungrouped(r"y = 1,500x"), ungrouped(r"1,000\pi, 2"), ungrouped("(1,200)")
    ('y = 1500x', '1,000\\pi, 2', '(1,200)')
    """
    whole = without_separators(text)
    if whole == text:
        return text
    return whole if len(split_top(text, _COMMA)) > 1 == len(split_top(whole, _COMMA)) else text
