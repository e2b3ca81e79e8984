r"""Names for formulas, such that equal formulas have equal names.

A vote needs classes of equal answers. Comparing every pair symbolically costs a simplification each, and classes found so would
depend on which answer came first. Here the name is computed from the formula alone: a constant by its value, an expression
with variables by its values at fixed random points (two different analytic expressions agree at a random point with
probability zero). ``(x+1)^2`` and ``x^2+2x+1`` get one name, in every process and in every order.

Integers and finite decimals are named exactly, all other constants by twelve significant digits, of tiny and huge ones, too.
"""

import hashlib
from decimal import Decimal
from fractions import Fraction
from typing import Any

import sympy
from sympy.core.function import AppliedUndef

from ttscale.verifiers.numbers import value_name

_WORKING_DIGITS = 30
_SIGNS = "+-ab+-"
"""Signs of the variables at the points: of all alike, by the letter (neighbors differ: √(x²y²) is not xy), or by chance."""
_SPANS = (1, 1, 1, 1, 40, 40)
"""Widths of the ranges of points: ⌊n/2⌋ and ⌊n/3⌋ agree between 1 and 2."""
_RATIO_DIGITS = 22
_SHORT_NAME = 12
"""Digits of a number that `value_name` writes exactly."""
_OUTSIDE = "-"
"""The value at a point where a real formula is not real: √(1/n) and 1/√n are one formula of positive numbers."""


def is_constant(expr: Any) -> bool:
    """Return whether an expression is a number without variables."""
    return isinstance(expr, sympy.Expr) and not expr.free_symbols and not expr.atoms(AppliedUndef)


def formula_name(expr: Any) -> str:
    """Name an expression by its value, or by its values at the fixed points where it has variables."""
    try:
        return _constant_name(expr) if is_constant(expr) else _function_name(expr)
    except MemoryError:
        raise
    except Exception:  # SymPy cannot evaluate it: its spelling is all that is left
        return "form:" + str(expr)


def _constant_name(expr: Any) -> str:
    expr = expr.doit()
    if isinstance(expr, sympy.Rational):
        return rational_name(Fraction(int(expr.p), int(expr.q)))
    return number_name(expr)


def _function_name(expr: Any) -> str:
    expr = expr.doit()
    if is_constant(expr):
        return _constant_name(expr)
    values = [value_at(expr, point) for point in range(len(_SIGNS))]
    names = [number_name(value, real_only=not expr.has(sympy.I)) for value in values]
    if set(names) == {_OUTSIDE}:
        names = [number_name(value) for value in values]
    return names[0] if len(set(names)) == 1 else "f(" + ", ".join(names) + ")"


def value_at(expr: Any, point: int) -> Any:
    """Evaluate at a point whose coordinates depend on the variables' names and the point's number alone."""
    variables = expr.free_symbols | expr.atoms(AppliedUndef)  # an unknown f(x) is a variable, too
    values = {variable: _coordinate(str(variable), point) for variable in variables}
    return expr.subs(values).evalf(_WORKING_DIGITS)


def _coordinate(name: str, point: int) -> sympy.Rational:
    """Return a random number from 1 on, or up to -1."""
    digest = hashlib.sha256(f"{point}:{name}".encode()).digest()
    value = 1 + _SPANS[point] * sympy.Rational(int.from_bytes(digest[:5], "big"), 1 << 40)
    negative = {"+": False, "-": True, "a": ord(name[0]) % 2 == 1, "b": digest[5] % 2 == 1}[_SIGNS[point]]
    return -value if negative else value


def number_name(value: Any, *, real_only: bool = False) -> str:
    """Write a number in twelve significant digits."""
    value = value.evalf(_WORKING_DIGITS)
    if not value.is_number:
        raise ValueError(f"{value} is no number")
    if value in (sympy.oo, -sympy.oo):
        return str(value)
    if value.has(sympy.nan, sympy.zoo, sympy.oo):
        raise ValueError(f"{value} is no number")
    real, imaginary = (_significant(part) for part in value.as_real_imag())
    if imaginary == "0":
        return real
    return _OUTSIDE if real_only else f"{real} + {imaginary}i"


def _significant(part: Any) -> str:
    """Name a real number; what evaluation cannot tell from zero, since all digits cancelled, is zero."""
    if part == 0 or (isinstance(part, sympy.Float) and part._prec == 1):
        return "0"
    if not isinstance(part, sympy.Number):
        raise TypeError(f"{part} cannot be evaluated")
    return value_name(Decimal(str(part)))


def rational_name(value: Fraction) -> str:
    """Name a rational number: exactly where its decimals end soon, else by twelve significant digits.

    >>> rational_name(Fraction(3, 4)), rational_name(Fraction(1, 3)), rational_name(Fraction(10**20 + 1))
    ('0.75', '0.333333333333', '100000000000000000001')
    """
    if value.denominator == 1:
        return integer_name(value.numerator)
    rest, places = value.denominator, 0
    while rest > 1 and places <= _WORKING_DIGITS and (rest % 2 == 0 or rest % 5 == 0):
        rest, places = rest // (10 if rest % 10 == 0 else 5 if rest % 5 == 0 else 2), places + 1
    digits = str(abs(value.numerator) * 10**places // value.denominator)
    if len(digits) > _SHORT_NAME and rest > 1:
        return f"{value.numerator}/{value.denominator}"
    if rest > 1 or len(digits) <= _SHORT_NAME:
        return value_name(value)
    digits = digits.rjust(places + 1, "0")
    return f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}"


def integer_name(value: int) -> str:
    """Write an integer; a huge one in hexadecimal, which costs linear time."""
    return str(value) if value.bit_length() < 1000 else hex(value)


def equation_name(left: Any, right: Any) -> str:
    """Name an equation by left minus right, up to a factor."""
    return relation_name("=", left - right)


def _ratio_name(ratio: Any) -> str:
    """Write a ratio in more digits than a value: that of x - 5293040 and x - 5293041 at two points differs in the seventh."""
    real, imaginary = (f"{Decimal(str(part)):.{_RATIO_DIGITS}e}" for part in ratio.as_real_imag())
    return real if Decimal(imaginary) == 0 else f"{real} + {imaginary}i"


def relation_name(operator: str, difference: Any) -> str:
    """Name ``difference = 0``, ``< 0``, ``<= 0`` or ``!= 0`` up to a factor that does not change it."""
    try:
        values = [value_at(difference, point) for point in range(len(_SIGNS))]
        scale = values[0] if operator in ("=", "!=") else abs(values[0])
        ratios = [(value / scale).evalf(_WORKING_DIGITS) for value in values[1:]]
        return f"{operator} (" + ", ".join(_ratio_name(ratio) for ratio in ratios) + ")"
    except MemoryError:
        raise
    except Exception:  # as above
        return f"form: {difference} {operator} 0"
