"""Numbers as people read them, the same in the terminal, the page, the figures and notebooks.

How a share, an interval or an amount looks is decided here and, for what a page computes while it is read, in the
report's ``numbers.js``, which a test holds to this module. Rounding never turns "almost all" into 100 % nor "hardly
any" into 0 %.
"""

import html
import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

DASH = "–"
"""Written where there is no number."""

_OPEN = "…"
"""Written for the end of an interval that was not found."""

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, slots=True)
class Shown:
    """A number with its interval, written out.

    As text they stand beside each other; in HTML the number is bold and the interval quiet.

    Attributes:
        value: Such as "50.0%".
        interval: Such as "[40.0, 60.0]", empty where there is none.
    """

    value: str
    interval: str = ""

    def __str__(self) -> str:
        return self.apart(" ")

    def apart(self, between: str) -> str:
        """Return the two with something between them, such as a line break in a narrow column."""
        return f"{self.value}{between}{self.interval}" if self.interval else self.value

    def __html__(self) -> str:
        """Return the two for a page; called by Jinja."""
        quiet = f' <span class="interval">{html.escape(self.interval)}</span>' if self.interval else ""
        return f"<strong>{html.escape(self.value)}</strong>{quiet}"


def _escaped(piece: Any) -> str:
    return str(piece.__html__()) if hasattr(piece, "__html__") else html.escape(str(piece))


class Prose:
    """A sentence that knows its estimates, so that a page can set them apart.

    >>> str(said("It solves {} of {} problems.", share(0.5, 0.4, 0.6, sign="%"), 9))
    'It solves 50.0% [40.0, 60.0] of 9 problems.'
    """

    __slots__ = ("pieces",)

    def __init__(self, *pieces: Any) -> None:
        self.pieces = pieces

    def __str__(self) -> str:
        return "".join(map(str, self.pieces))

    def __bool__(self) -> bool:
        return bool(str(self))

    def __add__(self, other: "Prose | str") -> "Prose":
        return Prose(*self.pieces, *(other.pieces if isinstance(other, Prose) else (other,)))

    def __html__(self) -> str:
        """Return the sentence for a page: everything escaped but the estimates' own marks."""
        return "".join(map(_escaped, self.pieces))


def said(template: str, *pieces: Any) -> Prose:
    """Return a sentence with things in the places of ``{}``."""
    words = template.split("{}")
    inner = (part for pair in zip(pieces, words[1:], strict=True) for part in pair)
    return Prose(*(part for part in (words[0], *inner) if part != ""))


class Valued(Protocol):
    """A curve: gives (value, low, high) at a budget, None where it does not have it."""

    def at(self, k: int, /) -> tuple[float, float, float] | None:
        """Return value and interval."""


def percent(fraction: float) -> str:
    """Write a fraction as a percentage with three digits at most, more only next to 100 %.

    >>> [percent(x) for x in (0.8125, 0.0235, 0.00065, 1.0, 0.0, 0.99999)]
    ['81.2%', '2.4%', '0.065%', '100%', '0%', '99.99%']
    """
    return f"{percent_digits(fraction)}%"


def percent_digits(fraction: float) -> str:
    """Write `percent` without its sign, for columns that carry it in the head.

    >>> [percent_digits(x) for x in (1 - 1e-9, 1e-9, -0.0, float("nan"))]
    ['99.99', '<0.0001', '0', '–']
    """
    if not math.isfinite(fraction):
        return DASH
    hundredths = 100 * fraction
    if fraction == 0 or 1 <= fraction < 1 + 1e-9:
        return "0" if fraction == 0 else "100"
    if hundredths >= 99.95 and fraction < 1:
        return f"{math.floor(100 * hundredths) / 100:.2f}"
    return f"{hundredths:.1f}" if abs(hundredths) >= 0.95 else _small(hundredths)


def _small(hundredths: float) -> str:
    """Write a percentage below one with two digits; the smallest are bounded, never 0."""
    if 0 < hundredths < 1e-4:
        return "<0.0001"
    return f"{hundredths:.2g}" if abs(hundredths) >= 1e-4 else _power_of_ten(hundredths, digits=2)


def percent_interval(low: float | None, high: float | None) -> str:
    """Write an interval of fractions; an end that was not found is an ellipsis.

    >>> percent_interval(0.742, 0.875)
    '[74.2, 87.5]'
    """
    return _interval(*(_OPEN if end is None else percent_digits(end) for end in (low, high)))


def share(
    value: float | None, low: float | None = None, high: float | None = None, *, sign: str = ""
) -> Shown:
    """Write a fraction in percent with its interval.

    Args:
        value: The fraction; unknown is a dash.
        low: Lower end; None for both ends leaves the interval out.
        high: Upper end.
        sign: "%" in prose; empty in columns that carry it in the head.

    >>> str(share(0.5, 0.4, 0.6)), str(share(0.9996, 0.9995, 0.9999, sign="%"))
    ('50.0 [40.0, 60.0]', '99.96% [99.95, 99.99]')
    """
    if value is None or not math.isfinite(value):
        return Shown(DASH)
    return Shown(percent_digits(value) + sign, "" if low is high is None else percent_interval(low, high))


def at_k(curve: Valued, k: int, *, sign: str = "%") -> Shown:
    """Write a curve's value at one budget with its interval; a dash where it has none."""
    found = curve.at(k)
    return Shown(DASH) if found is None else share(*found, sign=sign)


def points(difference: float, low: float | None = None, high: float | None = None) -> Shown:
    """Write a difference of fractions in percentage points, with its sign.

    >>> str(points(0.031, -0.004, 0.07)), str(points(0.0002))
    ('+3.1 [-0.40, +7.0]', '+0.020')
    """
    if not math.isfinite(difference):
        return Shown(DASH)
    ends = "" if low is None or high is None else _interval(_signed(low), _signed(high))
    return Shown(_signed(difference), ends)


def _signed(fraction: float) -> str:
    hundredths = 100 * fraction
    if not math.isfinite(fraction):
        return DASH
    if abs(hundredths) >= 0.95 or not hundredths:
        return f"{hundredths:+.1f}"
    return f"{hundredths:+#.2g}" if abs(hundredths) >= 1e-4 else _power_of_ten(hundredths, digits=2)


def width(fraction: float) -> str:
    """Write a distance between fractions, such as an error or an interval's width, in percentage points.

    >>> width(0.0312), width(0.00044)
    ('3.1 points', '0.044 points')
    """
    return DASH if not math.isfinite(fraction) else f"{percent_digits(fraction)} points"


def exact_percent(confidence_level: float) -> str:
    """Write a confidence level or a target exactly as it was given.

    >>> exact_percent(0.95), exact_percent(0.999999), exact_percent(0.5)
    ('95%', '99.9999%', '50%')
    """
    return f"{(Decimal(repr(float(confidence_level))) * 100).normalize():f}%"


def percent_tick(fraction: float) -> str:
    """Write a round fraction beside an axis, free of the noise of its computation.

    >>> percent_tick(0.30000000000000004), percent_tick(0.99995)
    ('30%', '99.995%')
    """
    return f"{round(100 * fraction, 9):.12g}%"


def significant(value: float) -> str:
    """Write a parameter with three significant digits.

    >>> significant(-4.1897), significant(0.03384)
    ('-4.19', '0.0338')
    """
    return f"{value:#.3g}".removesuffix(".") if math.isfinite(value) else DASH


def parameter(value: float, low: float, high: float) -> Shown:
    """Write a parameter with its interval, three significant digits each."""
    return Shown(significant(value), _interval(significant(low), significant(high)))


def decimal(value: float | None, low: float | None = None, high: float | None = None) -> Shown | None:
    """Write a measure between 0 and 1 that is no share of anything, such as an AUROC; None where unknown.

    >>> str(decimal(0.815, 0.8, 0.83))
    '0.81 [0.80, 0.83]'
    >>> str(decimal(0.9996, 0.002, 1.0))
    '0.9996 [0.0020, 1.00]'
    """
    if value is None or low is None or high is None or not math.isfinite(value):
        return None
    return Shown(_two_places(value), _interval(_two_places(low), _two_places(high)))


def _two_places(value: float) -> str:
    """Write two places, four next to 0 and to 1, which only what is 0 or 1 may be shown as."""
    if not (0 < value < 0.005 or 0.995 <= value < 1):
        return f"{value:.2f}"
    return f"{math.floor(10_000 * value) / 10_000:.4f}" if value > 0.5 else f"{max(value, 0.0001):.4f}"


def p_value(p: float) -> str:
    """Write a p-value; the smallest are bounded, never 0.

    >>> p_value(0.0423), p_value(0.00002), p_value(float("nan"))
    ('0.0423', '<0.0001', '–')
    """
    if not math.isfinite(p):
        return DASH
    return f"{p:.4f}" if p >= 0.0001 else "<0.0001"


def amount(value: float) -> str:
    """Write an amount of any unit with three digits, large ones in powers of ten.

    >>> [amount(x) for x in (0.0123, 7.5, 1234.0, 2.5e11, 1e6, 1e9)]
    ['0.0123', '7.5', '1,234', '2.5×10¹¹', '1,000,000', '10⁹']
    """
    if not math.isfinite(value):
        return DASH
    if value == 0:
        return "0"
    if abs(value) >= 1e7 or abs(value) < 1e-5:
        return _power_of_ten(value, digits=3)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{float(f'{value:.3g}'):.10f}".rstrip("0").rstrip(".")


def _power_of_ten(value: float, *, digits: int) -> str:
    mantissa, _, power = f"{value:.{digits - 1}e}".partition("e")
    head = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{'' if head == '1' else head + '×'}10{str(int(power)).translate(_RAISED)}"


def amounts(value: float | None, low: float | None, high: float | None) -> Shown:
    """Write an amount with its interval; an end that was not found is an ellipsis.

    >>> str(amounts(1234, 1000, None))
    '1,234 [1,000, …]'
    """
    if value is None or not math.isfinite(value):
        return Shown(DASH)
    return Shown(amount(value), _interval(*(_OPEN if end is None else amount(end) for end in (low, high))))


def counts(value: int | None, low: int | None, high: int | None, *, most: int | None = None) -> Shown:
    """Write a number of samples with its interval.

    Args:
        value: The number, None where it was not found.
        low: Lower end, None likewise.
        high: Upper end, None likewise.
        most: The largest number looked at, said for those not found.

    >>> str(counts(1234, 800, None, most=5000)), str(counts(3, 2, None))
    ('1,234 [800, >5,000]', '3 [2, …]')
    """
    beyond = _OPEN if most is None else f">{most:,}"
    first = (DASH if most is None else beyond) if value is None else f"{value:,}"
    return Shown(first, _interval(*(beyond if end is None else f"{end:,}" for end in (low, high))))


def span(begin: str, end: str) -> str:
    """Write a range between two numbers that are written already.

    >>> span(percent(0.1), percent(0.25))
    '10.0% to 25.0%'
    """
    return f"{begin} to {end}"


def count(number: int, noun: str) -> str:
    """Write a number of things.

    >>> count(1, "problem"), count(1200, "sample")
    ('1 problem', '1,200 samples')
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def duration(seconds: float) -> str:
    """Write a time span.

    >>> [duration(s) for s in (4.25, 95, 7260)]
    ['4.2 s', '1 min 35 s', '2 h 1 min']
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def rests_on(n_problems: int, confidence_level: float, over: str) -> str:
    """Say what estimates rest on.

    >>> rests_on(128, 0.95, "problems")
    '128 problems, 95% interval over problems'
    """
    return f"{count(n_problems, 'problem')}, {exact_percent(confidence_level)} interval over {over}"


def shown(value: Any) -> str:
    """Return any value of a table as a person reads it.

    >>> shown(None), shown(True), shown(1234), shown(0.25), shown("x")
    ('–', 'yes', '1,234', '0.25', 'x')
    """
    if value is None:
        return DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return amount(value)
    return str(value)


def _interval(low: str, high: str) -> str:
    """Write the ends of an interval: the one place that knows its brackets."""
    return f"[{low}, {high}]"
