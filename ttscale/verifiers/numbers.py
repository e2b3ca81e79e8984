r"""Reading numbers as people and models write them, exactly.

``1,200.50``, ``\$1{,}200``, ``-3/4``, ``\frac{3}{4}``, ``2 1/2``, ``1.2e3``, ``1.2 \times 10^{3}``, ``12\%``,
``€5``, ``**18** dollars``, ``x = 5``: each is a rational number, so it is kept as one and compared without
rounding. Words around the number and units after it are ignored.
"""

import re
from decimal import Context, Decimal
from fractions import Fraction

MAX_DIGITS = 1000
"""Longer numbers are no answers. Reading one costs time quadratic in its digits, and Python refuses at 4,300."""

_SHORT = 18
"""Digits of whole numbers that are read without a pattern."""

_TO_ASCII = str.maketrans(
    {
        **dict.fromkeys("−‒–﹣－", "-"),
        **dict.fromkeys("\u00a0\u2007\u2009\u202f", " "),
        **{chr(ord("０") + digit): str(digit) for digit in range(10)},
        "．": ".",
        "，": ",",
        "％": "%",
        "⁄": "/",
        "∕": "/",
        "⋅": "×",
        "·": "×",
        "＄": "$",
    }
)

_DIGITS = r"(?:[0-9]{1,3}(?:(?:,|\{,\}|\\[,!])[0-9]{3}(?![0-9]))+|[0-9]+)"
_DECIMAL = rf"(?:{_DIGITS}(?:\.[0-9]+)?|\.[0-9]+)"
_NUMBER = re.compile(
    rf"""
    (?P<sign>(?<![\w.)\]}}])[-+](?=[\\0-9.$€£¥₹]))?    # not the minus of "16-3"
    (?:\\?[$€£¥₹][ ]?)?
    (?:
        (?:(?P<mixed_tex>[0-9]+)[ ]?)?
        \\[dt]?frac[ ]?(?:\{{[ ]?(?P<tex_num>-?{_DECIMAL})[ ]?\}}[ ]?\{{[ ]?(?P<tex_den>{_DECIMAL})[ ]?\}}
                      |(?P<short_num>[0-9])(?P<short_den>[0-9]))
      | (?:(?P<mixed>[0-9]+)[ ](?=[0-9]+[ ]?/[ ]?[0-9]))?
        (?P<number>{_DECIMAL})
        (?:[ ]?/[ ]?(?P<den>[0-9]+(?:\.[0-9]+)?(?![0-9/]))
          |[eE](?P<exp>[-+]?[0-9]+)(?!\w)
          |[ ]?(?:\\times|\\cdot|×|\*|x)[ ]?10[ ]?\^[ ]?\{{?[ ]?(?P<power>[-+]?[0-9]+)[ ]?\}}?)?
    )
    (?P<percent>[ ]?\\?%)?
    """,
    re.VERBOSE,
)
_SEPARATORS = str.maketrans("", "", "{},\\!")


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
            return line[last.start() : last.end()].strip()
        end = start - 1
    return None


def read_number(text: str, *, percent_as_fraction: bool = False) -> Fraction | None:
    r"""Read the number that a short text states: the first one, or the first after its last equals sign.

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
    match = _NUMBER.search(plain, plain.rfind("=") + 1) or _NUMBER.search(plain)
    return _value(match, percent_as_fraction=percent_as_fraction) if match else None


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
    """Spell minus signs, spaces and full-width digits in ASCII, character for character."""
    return text if text.isascii() else text.translate(_TO_ASCII)


def _value(match: re.Match[str], *, percent_as_fraction: bool) -> Fraction | None:
    """Compute the value of a match of `_NUMBER`."""
    part = match.groupdict()
    if any(len(digits) > MAX_DIGITS for digits in part.values() if digits):
        return None
    exponent = int(part["exp"] or part["power"] or 0)
    if abs(exponent) > MAX_DIGITS:
        return None
    numerator = part["number"] or part["tex_num"] or part["short_num"]
    denominator = _decimal(part["den"] or part["tex_den"] or part["short_den"] or "1")
    if denominator == 0:
        return None
    value = int(part["mixed"] or part["mixed_tex"] or 0) + _decimal(numerator) / denominator
    if exponent:
        value *= Fraction(10) ** exponent
    if part["percent"] and percent_as_fraction:
        value /= 100
    return -value if part["sign"] == "-" else value


def _decimal(digits: str) -> Fraction:
    """Read digits with thousands separators and a decimal point."""
    plain = digits.translate(_SEPARATORS)
    return Fraction(int(plain)) if plain.isdigit() else Fraction(plain)
