r"""Reading numbers as people and models write them, exactly.

``1,200.50``, ``\$1{,}200``, ``-3/4``, ``\frac{3}{4}``, ``2 1/2``, ``1.2e3``, ``1.2 \times 10^{3}``, ``12\%``,
``€5``, ``**18** dollars``, ``x = 5``: each is a rational number, so it is kept as one and compared without
rounding. Words around the number and units after it are ignored.
"""

import re
import unicodedata
from collections.abc import Iterator
from decimal import Context, Decimal
from fractions import Fraction

from ttscale.verifiers.formulas.words import behind_caption, without_unit
from ttscale.verifiers.notation import normalized, plain_characters

MAX_DIGITS = 1000
"""Longer numbers are no answers. Reading one costs time quadratic in its digits, and Python refuses at 4,300."""

_SHORT = 18
"""Digits of whole numbers that are read without a pattern."""

_POWERS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_RAISED = frozenset("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺")
_VULGAR = frozenset("¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞")

_GAP = r"(?:,|\{,\}|\\[,!;: ]|'|[ ~](?![0-9]{3}[-/]))"
_DIGITS = (
    rf"(?:[0-9]{{1,3}}(?:{_GAP}[0-9]{{3}}(?![0-9]))+|[0-9]{{1,2}}(?:,[0-9]{{2}})+,[0-9]{{3}}(?![0-9])|[0-9]+)"
)
_DECIMAL = rf"(?:{_DIGITS}(?:\.[0-9]+)?|\.[0-9]+)"
_SCALES = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_NUMBER = re.compile(
    rf"""
    (?P<sign>(?<![\w.)\]}}])[-+](?=[\\0-9.$€£¥₹]))?    # not the minus of "16-3"
    (?:\\?[$€£¥₹][ ]?)?
    (?:
        (?:(?P<mixed_tex>[0-9]+)(?:[ ]?|[ ]and[ ]))?
        \\[dt]?frac[ ]?(?:\{{[ ]?(?P<tex_num>-?{_DECIMAL})[ ]?\}}[ ]?\{{[ ]?(?P<tex_den>{_DECIMAL})[ ]?\}}
                      |(?P<short_num>[0-9])(?P<short_den>[0-9]))
      | (?:(?P<mixed>[0-9]+)(?:[ ]|[ ]and[ ]|-)(?=[0-9]+[ ]?/[ ]?[0-9]))?
        (?P<number>{_DECIMAL})
        (?:[ ]?/[ ]?(?P<den>[0-9]+(?:\.[0-9]+)?(?![0-9/]))
          |[eE](?P<exp>[-+]?[0-9]+)(?!\w)
          |[ ]?(?:\\times|\\cdot|×|\*|x)[ ]?10[ ]?(?:\^|\*\*)[ ]?\{{?[ ]?(?P<power>[-+]?[0-9]+)[ ]?\}}?
          |[ ]?(?:\^|\*\*)[ ]?(?:\{{[ ]?(?P<tex_raised>[0-9]{{1,4}})[ ]?\}}|(?P<raised>[0-9]{{1,4}}))(?![\w{{])
          |[ ](?:\\text\s?\{{\s?)?(?P<scale>{"|".join(_SCALES)})(?![\w-])
        )?
    )
    (?P<percent>[ ]?\\?%|[ ](?:\\text\s?\{{\s?)?(?:percent|per[ ]cent|pct)\b)?
    """,
    re.VERBOSE,
)
_SEPARATORS = str.maketrans("", "", "{},\\!;: '~")


def last_number(text: str) -> str | None:
    r"""Return the last number in a text, as written.

    >>> last_number("She has 16 - 3 = 13 eggs, worth $1,200.")
    '$1,200'
    >>> last_number(r"so it is \frac{3}{4} of it")
    '\\frac{3}{4}'
    """
    end = len(text)
    while end >= 0:  # line by line from the end: no number spans two lines
        start = text.rfind("\n", 0, end) + 1
        line = text[start:end]
        last = None
        for match in _NUMBER.finditer(to_ascii(line)):
            last = match
        if last is not None:
            return _written(line, last.start(), last.end()).strip()
        end = start - 1
    return None


def read_number(text: str, *, percent_as_fraction: bool = False) -> Fraction | None:
    r"""Read the number that a short text states: the first one, or the first after its last equals sign.

    Working in brackets behind the value is not read: ``24 (= 4 * 6)`` is 24.

    Args:
        text: An extracted answer, such as ``\$1{,}200 per day``.
        percent_as_fraction: Read 50% as 1/2 rather than as 50.

    Returns:
        The exact value, or None where there is no number, it has more than `MAX_DIGITS` digits, or it divides
        by zero.

    >>> read_number("x = 1,200.50 dollars"), read_number(r"-\frac{3}{4}"), read_number("about 12%")
    (Fraction(2401, 2), Fraction(-3, 4), Fraction(12, 1))
    """
    if len(text) <= _SHORT and text.isascii() and text.isdigit():
        return Fraction(int(text))  # what most answers are, at a tenth of the cost
    plain = to_ascii(text)
    if "(" in plain:
        plain = _WORKING.sub("", plain)
    match = _NUMBER.search(plain, plain.rfind("=") + 1) or _NUMBER.search(plain)
    return _value(match, percent_as_fraction=percent_as_fraction) if match else None


_WORKING = re.compile(r"(?<=\S)\s*\(\s*=[^()]*\)")
_WHOLE = re.compile(rf"[\s$({{]*(?P<all>(?:{_NUMBER.pattern}))[\s$)}}.]*", re.VERBOSE)


def whole_number(text: str, *, percent_as_fraction: bool = False) -> Fraction | None:
    r"""Read a number where nothing but it is written: with a caption, a name, a unit or a remark around it at most.

    >>> whole_number(r"n = 60"), whole_number(r"\text{60 degrees}"), whole_number("n = 3k"), whole_number("16 and 18")
    (Fraction(60, 1), Fraction(60, 1), None, None)
    """
    plain = normalized(text)
    *names, plain = _EQUALS.split(plain)
    if len(names) == 1 and not (_NAME.fullmatch(names[0].strip()) or _WHOLE_SUM.fullmatch(names[0])):
        return None
    for _ in range(_LAYERS):
        match = _WHOLE.fullmatch(to_ascii(plain))
        if match:
            return _value(match, percent_as_fraction=percent_as_fraction)
        inner = _inside(plain)
        if inner is None:
            return None
        plain = inner
    return None


_LAYERS = 5
_EQUALS = re.compile(r"(?<![<>!:=])=(?!=)|\\approx(?![a-z])")
_NAME = re.compile(
    r"\\?[A-Za-z]+(?:_\{?\w+\}?)?(?:\([^()]*\))?|[A-Za-z][A-Za-z ]*|\|?\\?[A-Za-z{} ]+\|?|[A-Za-z](?:\s*[-+]\s*[A-Za-z])+|\\text\{.*\}|"
)
_WHOLE_SUM = re.compile(
    r"[-+*/×÷^().,0-9\s{}$]+|(?:[-+*/×÷^().,0-9\s{}$]|\\(?:times|cdot|div|frac|left|right))+"
)
_ALL_TEXT = re.compile(r"\\text\s*\{([^{}]*)\}|\(([^()]*)\)|\\\{?([^{}]*)\\\}")


def _inside(text: str) -> str | None:
    """Return a text without one layer of what may stand around a number, None where there is none."""
    if whole := _ALL_TEXT.fullmatch(text):
        return next(filter(None, whole.groups()), None)
    return without_unit(text) or behind_caption(text)


_SHOWN_DIGITS = 12
_EXACT = Context(prec=30)


def value_name(value: Decimal | Fraction) -> str:
    """Write a value in twelve significant digits, without trailing zeros: equal values have equal names.

    >>> value_name(Fraction(3, 4)), value_name(Decimal("3.000")), value_name(Fraction(-1, 3))
    ('0.75', '3', '-0.333333333333')
    """
    if isinstance(value, Fraction):
        value = _EXACT.divide(Decimal(value.numerator), Decimal(value.denominator))
    rounded = Decimal(f"{value:.{_SHOWN_DIGITS - 1}e}")
    if rounded == 0:
        return "0"
    return f"{rounded.normalize():f}" if abs(rounded.adjusted()) < 15 else str(rounded.normalize())


def to_ascii(text: str) -> str:
    """Spell minus signs, spaces, digits, raised digits and fractions in ASCII.

    >>> to_ascii("−2½ × 10³")
    '-2 1/2 × 10^3'
    """
    return text if text.isascii() else "".join(_spelled(text))


def _spelled(text: str) -> Iterator[str]:
    """Yield the ASCII spelling of each character: of some it is longer."""
    before = ""
    for character in plain_characters(text):
        if character in _RAISED:
            yield ("" if before in _RAISED else "^") + character.translate(_POWERS)
        elif character in _VULGAR:
            yield " " + unicodedata.normalize("NFKC", character).replace("⁄", "/")
        else:
            yield character
        before = character or " "


def _written(line: str, start: int, end: int) -> str:
    """Return what is spelled from `start` to `end` in the ASCII spelling of a line, as the line has it."""
    if line.isascii():
        return line[start:end]
    places = [at for at, spelling in enumerate(_spelled(line)) for _ in spelling]
    return line[places[start] : places[end - 1] + 1]


def _value(match: re.Match[str], *, percent_as_fraction: bool) -> Fraction | None:
    """Compute the value of a match of `_NUMBER`."""
    part = match.groupdict()
    if any(len(digits) > MAX_DIGITS for digits in part.values() if digits):
        return None
    exponent = int(part["exp"] or part["power"] or _SCALES.get(part["scale"] or "", 0))
    raised = int(part["raised"] or part["tex_raised"] or 1)
    if abs(exponent) > MAX_DIGITS:
        return None
    numerator = part["number"] or part["tex_num"] or part["short_num"]
    denominator = _decimal(part["den"] or part["tex_den"] or part["short_den"] or "1")
    if denominator == 0:
        return None
    value = int(part["mixed"] or part["mixed_tex"] or 0) + _decimal(numerator) / denominator
    if exponent:
        value *= Fraction(10) ** exponent
    if raised != 1:
        if raised * len(numerator) > MAX_DIGITS:
            return None
        value **= raised
    if part["percent"] and percent_as_fraction:
        value /= 100
    return -value if part["sign"] == "-" else value


def _decimal(digits: str) -> Fraction:
    """Read digits with thousands separators and a decimal point."""
    plain = digits.translate(_SEPARATORS)
    return Fraction(int(plain)) if plain.isdigit() else Fraction(plain)
