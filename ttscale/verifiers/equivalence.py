r"""Names for mathematical answers, such that equivalent answers have equal names.

A vote needs classes of equal answers. Comparing every pair symbolically costs a simplification each, and
names found so would depend on which answer came first. Here the name is computed from the answer alone:
constants by their value, expressions with variables by their values at fixed random points (two different
analytic expressions agree at a random point with probability zero), and sets, tuples, matrices and relations
by the names of their parts. ``(x+1)^2`` and ``x^2+2x+1`` get one name, in every process and in every order.

The names are slightly finer than `math_verify.verify`, which accepts decimals rounded to six places.
"""

import hashlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import sympy
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational
from sympy.logic.boolalg import BooleanFunction

from ttscale.verifiers.numbers import value_name

_WORKING_DIGITS = 30
_N_POINTS = 2


def class_name(answer: Any) -> str:
    """Return the class of an answer parsed by math-verify: a SymPy object, or text it could not parse."""
    if isinstance(answer, str):
        return "text:" + "".join(answer.split())
    try:
        return _name(answer)
    except MemoryError:
        raise
    except Exception:  # SymPy cannot evaluate it: its spelling is all that is left
        return "form:" + str(answer)


def are_different_numbers(first: Any, second: Any) -> bool:
    """Return whether both are constants without decimals or percent signs, and of different value.

    Then no symbolic simplification can find them equal, and there is no rounding to allow for.
    """
    return (
        _is_exact_constant(first) and _is_exact_constant(second) and class_name(first) != class_name(second)
    )


def _is_exact_constant(expr: Any) -> bool:
    return isinstance(expr, sympy.Expr) and not expr.free_symbols and not expr.has(*_INEXACT)


_INEXACT = (sympy.Float, sympy.UnevaluatedExpr, sympy.oo, sympy.zoo, sympy.nan)


def _name(expr: Any) -> str:
    """Name an answer by the rule of the first kind that it belongs to."""
    rule = next((rule for kind, rule in _RULES if isinstance(expr, kind)), None)
    return rule(expr) if rule else _word_name(expr) or _value_name(expr)


def _equation_name(equation: Any) -> str:
    """Name "x = 5" and "f(x) = 5" as "5", because all answer one question, and other equations by both sides."""
    is_assignment = isinstance(equation.lhs, (sympy.Symbol, AppliedUndef))
    return _name(equation.rhs) if is_assignment else _relation_name(equation)


def _finite_set_name(elements: Any) -> str:
    names = sorted(_name(element) for element in elements.args)
    return names[0] if len(names) == 1 else _enclosed("{", names, "}")


def _tuple_name(elements: Any) -> str:
    return _enclosed("(", [_name(element) for element in elements.args], ")")


def _interval_name(interval: Any) -> str:
    """Name an interval by its ends; an open one is written like a pair, and is parsed from one."""
    left, right = "(" if interval.left_open else "[", ")" if interval.right_open else "]"
    return _enclosed(left, [_name(interval.start), _name(interval.end)], right)


def _matrix_name(matrix: Any) -> str:
    entries = [_name(entry) for entry in matrix.flat()]
    return f"matrix {matrix.rows}x{matrix.cols}" + _enclosed("(", entries, ")")


def _parts_name(whole: Any) -> str:
    """Name what does not depend on the order of its parts: a union, an intersection, "and", "or"."""
    return type(whole).__name__ + _enclosed("(", sorted(_name(part) for part in whole.args), ")")


def _enclosed(left: str, names: list[str], right: str) -> str:
    return left + ", ".join(names) + right


def _relation_name(relation: Any) -> str:
    """Name an equation or inequality by left minus right, up to a factor that does not change it."""
    if relation.rel_op in (">", ">="):
        relation = relation.reversed
    difference = relation.lhs - relation.rhs
    values = [_value_at(difference, point) for point in range(_N_POINTS + 1)]
    scale = values[0] if relation.rel_op in ("==", "!=") else abs(values[0])
    return f"{relation.rel_op} " + _enclosed("(", [_number_name(value / scale) for value in values], ")")


def _word_name(expr: Any) -> str | None:
    r"""Name a word by its letters: ``\text{Bob}`` is parsed as one symbol, plain ``Bob`` as a product of three."""
    factors = expr.args if isinstance(expr, sympy.Mul) else (expr,)
    if not all(factor == sympy.E or isinstance(factor, sympy.Symbol) for factor in factors):
        return None
    letters = "".join(sorted("".join(str(factor) for factor in factors).lower()))
    return "word:" + letters if len(letters) > 1 else None


def _value_name(expr: Any) -> str:
    """Name an expression by its value, or by its values at the fixed points where it has variables."""
    expr = _without_percent(expr).doit()
    if isinstance(expr, sympy.Integer):
        return _integer_name(int(expr))
    if not expr.free_symbols:
        return _number_name(expr)
    values = [_number_name(_value_at(expr, point)) for point in range(_N_POINTS)]
    return "f(" + ", ".join(values) + ")"


def _without_percent(expr: Any) -> Any:
    """Drop a percent sign, which math-verify keeps as an unevaluated factor of 1/100 and ignores, too."""
    percent = sympy.UnevaluatedExpr(sympy.Rational(1, 100))
    return expr.args[0] if isinstance(expr, sympy.Mul) and expr.args[1:] == (percent,) else expr


def _value_at(expr: Any, point: int) -> Any:
    """Evaluate at a point whose coordinates depend on the variables' names and the point's number alone."""
    variables = expr.free_symbols | expr.atoms(AppliedUndef)  # an unknown f(x) is a variable, too
    values = {variable: _coordinate(str(variable), point) for variable in variables}
    return expr.subs(values).evalf(_WORKING_DIGITS)


def _coordinate(name: str, point: int) -> sympy.Rational:
    """Return a random number between 1 and 2, negative at odd points: sqrt(x^2) is not x."""
    digest = hashlib.sha256(f"{point}:{name}".encode()).digest()
    value = 1 + sympy.Rational(int.from_bytes(digest[:5], "big"), 1 << 40)
    return -value if point % 2 else value


def _number_name(value: Any) -> str:
    """Write a number in a fixed number of significant digits."""
    value = value.evalf(_WORKING_DIGITS, chop=True)
    if value.is_extended_real:
        return value_name(Decimal(str(value))) if value.is_finite else str(value)
    real, imaginary = (_number_name(part) for part in value.as_real_imag())
    return f"{real} + {imaginary}i"


def _integer_name(value: int) -> str:
    """Write an integer; a huge one in hexadecimal, which costs linear time."""
    return str(value) if value.bit_length() < 1000 else hex(value)


_RULES: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (sympy.Integer, lambda integer: _integer_name(int(integer))),
    (sympy.Eq, _equation_name),
    (Relational, _relation_name),
    (sympy.FiniteSet, _finite_set_name),
    (sympy.Tuple, _tuple_name),
    (sympy.Interval, _interval_name),
    (sympy.MatrixBase, _matrix_name),
    (sympy.Set, _parts_name),
    (BooleanFunction, _parts_name),
)
"""The first kind that fits decides; what fits none is named by its value."""
