"""Numbers as people read them, the same in the page, the figures and the terminal."""

import math

from ttscale.stats.counts.curve import Curve

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def percent(fraction: float) -> str:
    """Write a fraction as a percentage with three digits at most.

    >>> [percent(x) for x in (0.8125, 0.0235, 0.00065, 1.0, 0.0)]
    ['81.2%', '2.4%', '0.065%', '100%', '0%']
    """
    return f"{percent_digits(fraction)}%"


def percent_digits(fraction: float) -> str:
    """Write `percent` without its sign, for columns that carry it in the head."""
    if not math.isfinite(fraction):
        return "–"
    hundredths = 100 * fraction
    if hundredths in (0.0, 100.0):
        return f"{hundredths:.0f}"
    # Rounding must not turn "almost all" into all.
    if 99.95 <= hundredths < 100:
        return f"{math.floor(100 * hundredths) / 100:.2f}"
    return f"{hundredths:.1f}" if hundredths >= 0.95 else f"{hundredths:.2g}"


def percent_interval(low: float, high: float) -> str:
    """Write an interval of fractions.

    >>> percent_interval(0.742, 0.875)
    '[74.2, 87.5]'
    """
    return f"[{percent_digits(low)}, {percent_digits(high)}]"


def index_of(curve: Curve, k: int) -> int | None:
    """Return where a budget stands in a curve, None where the curve does not have it."""
    found = (curve.k == k).nonzero()[0]
    return int(found[0]) if found.size else None


def at_k(curve: Curve, k: int) -> str:
    """Write a curve's value at one budget with its interval; a dash where it has none.

    >>> import numpy as np
    >>> curve = Curve(metric="coverage", k=np.array([1]), value=np.array([0.5]), low=np.array([0.4]),
    ...     high=np.array([0.6]), confidence_level=0.95, over="problems", method="", n_problems=9)
    >>> at_k(curve, 1), at_k(curve, 2)
    ('50.0% [40.0, 60.0]', '–')
    """
    index = index_of(curve, k)
    if index is None:
        return "–"
    return f"{percent(curve.value[index])} {percent_interval(curve.low[index], curve.high[index])}"


def count(number: int, noun: str) -> str:
    """Write a number of things.

    >>> count(1, "problem"), count(1200, "sample")
    ('1 problem', '1,200 samples')
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def significant(value: float) -> str:
    """Write a parameter with three significant digits.

    >>> significant(-4.1897), significant(0.03384)
    ('-4.19', '0.0338')
    """
    return f"{value:#.3g}".removesuffix(".")


def amount(value: float) -> str:
    """Write an amount of any unit with three digits, large ones in powers of ten.

    >>> [amount(x) for x in (0.0123, 7.5, 1234.0, 2.5e11, 1e6)]
    ['0.0123', '7.5', '1,234', '2.5×10¹¹', '1,000,000']
    """
    if not math.isfinite(value):
        return "–"
    if 0 < abs(value) < 1e7:
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    if value == 0:
        return "0"
    power = math.floor(math.log10(abs(value)) + 1e-9)
    return f"{value / 10**power:.3g}×10{str(power).translate(_RAISED)}"


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
