r"""When an answer is the key.

Equal names are equal answers (`ttscale.verifiers.formulas.naming`). Beyond that an answer is right that

* rounds the key: a decimal of six and more places and significant digits that the key's value rounds to, or one that differs by no more
  than arithmetic of floats does. The share counts, not the difference: 6.63e-34 is not 9.11e-31;
* says the same with or without a name ("x = 5" and "5"), a percent sign, a time's a.m., an option's letter;
* writes a pair, a list or an interval of two open ends in the same order;
* has the key's digits where the key names their base.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import sympy

from ttscale.verifiers.formulas.naming import is_constant
from ttscale.verifiers.formulas.readings import Reading

_FLOAT_NOISE = Fraction(1, 10**9)
"""Of a number whose decimals are written to many places, or of arithmetic with decimals."""
_PLACES = 6
"""Of a decimal that is taken as rounded, and as many significant digits."""


def is_equal(key: Reading, answer: Reading) -> bool:
    """Return whether an answer is the key; not symmetric: the key says which form is asked for."""
    if _same_equation(key, answer) or _is_other_reading(key, answer):
        return True
    if "text" in (key.kind, answer.kind):
        return key.name == answer.name
    if key.variable is not None and answer.variable is not None and key.variable != answer.variable:
        return _are_graphs(key, answer) and _same_value(key, answer)
    return key.name == answer.name or _same_value(key, answer)


def _is_other_reading(key: Reading, answer: Reading) -> bool:
    """Compare what else the answer, or the key, may be read as; a time without its half of the day is no such thing."""
    if "time" in (key.kind, answer.kind):
        return False
    return (answer.also is not None and is_equal(key, answer.also)) or (
        key.also is not None and is_equal(key.also, answer)
    )


def _same_equation(key: Reading, answer: Reading) -> bool:
    """Compare ``y = 2x`` with ``2x - y = 0``."""
    names = [
        reading.equation or (reading.name if reading.kind == "relation" else None)
        for reading in (key, answer)
    ]
    return names[0] is not None and names[0] == names[1] and not _are_constants(key, answer)


def _are_constants(key: Reading, answer: Reading) -> bool:
    """Return whether both give a number: their names then say all."""
    return all(reading.kind == "value" and is_constant(reading.expr) for reading in (key, answer))


def _are_graphs(key: Reading, answer: Reading) -> bool:
    """Return whether both name a function, y or f(x): its letter is the writer's choice."""
    return all(
        reading.kind == "value"
        and not is_constant(reading.expr)
        and re.fullmatch(r"y|[a-z]\([a-z]\)", str(reading.variable))
        for reading in (key, answer)
    )


def _same_value(key: Reading, answer: Reading) -> bool:
    """Compare two readings, whatever they are said to be equal to."""
    if _bare_name(key) == _bare_name(answer):
        return True
    kinds = {key.kind, answer.kind}
    if "based" in kinds:
        return _same_numeral(key, answer)
    if len(kinds) == 1 and (compare := _OF_KIND.get(key.kind)):
        return compare(key, answer)
    if key.parts and answer.parts and _same_shape(key, answer):
        return all(is_equal(one, other) for one, other in zip(key.parts, answer.parts, strict=True))
    return _same_set(key, answer)


def _same_time(key: Reading, answer: Reading) -> bool:
    """Let 10:30 stand for 10:30 a.m., which is not 10:30 p.m."""
    return (
        "" in (key.written or "", answer.written or "") and key.also is not None and key.also == answer.also
    )


def _bare_name(reading: Reading) -> str:
    variable = reading.variable or ""
    return reading.name.removeprefix(f"{variable} = ").removeprefix(f"{variable}: ")


def _same_numeral(key: Reading, answer: Reading) -> bool:
    """Compare digits where the key alone names a base, values where the answer alone does."""
    if key.kind == "based":
        return answer.kind != "based" and answer.name == key.written
    return key.kind == "value" and bool(key.expr == answer.expr)


def _same_shape(key: Reading, answer: Reading) -> bool:
    kinds = {key.kind, answer.kind}
    if len(key.parts) != len(answer.parts):
        return False
    if kinds == {"interval"}:
        return key.name[0] + key.name[-1] == answer.name[0] + answer.name[-1]
    if kinds == {"matrix"}:
        return key.name.split("(")[0] == answer.name.split("(")[0]
    if kinds == {"matrix", "tuple"}:
        return any(re.match(r"matrix (?:1x|[0-9]+x1\()", reading.name) for reading in (key, answer))
    return kinds in ({"tuple"}, {"tuple", "list"})


def _same_elements(key: Reading, answer: Reading) -> bool:
    """Match the elements of two lists; those that only rounding tells apart, each with the first that fits."""
    if len(key.parts) != len(answer.parts):
        return False
    rest = list(answer.parts)
    for one in key.parts:
        match = next((other for other in rest if is_equal(one, other)), None)
        if match is None:
            return False
        rest.remove(match)
    return True


def _same_set(key: Reading, answer: Reading) -> bool:
    sets = [reading.expr for reading in (key, answer)]
    return all(isinstance(each, sympy.Set) for each in sets) and bool(sets[0] == sets[1])


# ---- numbers ------------------------------------------------------------------------------------


def _close(key: Reading, answer: Reading) -> bool:
    """Compare two constants of which one is a decimal, or has a percent sign."""
    if not (is_constant(key.expr) and is_constant(answer.expr)):
        return False
    if key.is_percent != answer.is_percent and _is_hundredth(key, answer):
        return True
    inexact = [
        reading for reading in (key, answer) if reading.written is not None or reading.expr.has(sympy.Float)
    ]
    if not inexact:
        return False
    expected, value = _decimal(key.expr), _decimal(answer.expr)
    if expected is None or value is None:
        return False
    many = [each.written is None or len(each.written.partition(".")[2]) >= _PLACES for each in inexact]
    if any(many) and abs(expected - value) <= _FLOAT_NOISE * abs(expected):
        return True
    pairs = ((answer.written, expected), (key.written, value))
    return any(written is not None and _rounds(written, exact) for written, exact in pairs)


def _is_hundredth(key: Reading, answer: Reading) -> bool:
    share, percent = (answer, key) if key.is_percent else (key, answer)
    return bool(share.expr * 100 == percent.expr)


def _decimal(expr: Any) -> Fraction | None:
    """Return a real constant to thirty digits."""
    value = expr.evalf(30)
    if not value.is_Float and not value.is_Rational:
        return None
    return Fraction(Decimal(str(value)))


def _rounds(written: str, value: Fraction) -> bool:
    """Return whether a decimal is the value, rounded to the places that are written.

    >>> _rounds("0.333333", Fraction(1, 3)), _rounds("3.14159", Fraction(314159265, 10**8)), _rounds("0.29", Fraction(290243, 10**6))
    (True, False, False)
    """
    places = len(written.partition(".")[2])
    significant = len(written.replace(".", "").lstrip("+-0"))
    if min(places, significant) < _PLACES:
        return False
    return abs(Fraction(written) - value) * 2 <= Fraction(1, 10**places)


_OF_KIND: Mapping[str, Callable[[Reading, Reading], bool]] = {
    "time": _same_time,
    "value": _close,
    "list": _same_elements,
}
