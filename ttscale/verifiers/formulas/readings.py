"""What an answer was read as, and the names of what is made of parts."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import sympy

from ttscale.verifiers.formulas.naming import formula_name, is_constant

Kind = Literal[
    "value", "list", "tuple", "interval", "set", "relation", "words", "time", "based", "digits", "matrix", "text",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reading:
    """An answer as it was understood.

    Attributes:
        kind: What it is; "text" is what could not be read.
        name: The class in which it votes. Equal names are equal answers.
        expr: The SymPy expression of a value, or the set of an interval or set, where there is one.
        parts: Of a list, tuple, interval, matrix.
        variable: What the answer is said to be equal to, in ``x = 5`` or ``f(x) = x^2``.
        equation: The name as an equation, where there is a variable.
        written: The decimal as written, where the value is one.
        is_percent: Whether a percent sign stands behind it.
        also: Another way to read it: the letter of an option whose value is given, too.
    """

    kind: Kind
    name: str
    expr: Any = None
    parts: tuple["Reading", ...] = ()
    variable: str | None = None
    equation: str | None = None
    written: str | None = None
    is_percent: bool = False
    also: "Reading | None" = field(default=None, repr=False)


_PLAIN_DECIMAL = re.compile(r"[-+]?[0-9]*\.[0-9]*")


def value_of(expr: Any, text: str) -> Reading:
    """Make a value of an expression that was written as `text`."""
    if isinstance(expr, sympy.MatrixBase | sympy.MatrixExpr):
        return _matrix_named(expr)
    written = text if _PLAIN_DECIMAL.fullmatch(text) else None
    return Reading("value", formula_name(expr), expr=expr, written=written)


def _matrix_named(expr: Any) -> Reading:
    whole = expr.doit()
    if not isinstance(whole, sympy.MatrixBase):
        return Reading("text", f"form:{whole}")
    return matrix_of(whole.rows, [value_of(entry, "") for entry in whole.flat()])


def matrix_of(n_rows: int, entries: Sequence[Reading]) -> Reading:
    """Make a matrix of entries row by row."""
    if len(entries) == 1:
        return entries[0]
    shape = f"matrix {n_rows}x{len(entries) // n_rows}"
    return Reading("matrix", f"{shape}({', '.join(entry.name for entry in entries)})", parts=tuple(entries))


def flat(readings: Iterable[Reading]) -> list[Reading]:
    """Put lists inside a list into it, with the variable that they are said to be."""
    flat: list[Reading] = []
    for reading in readings:
        flat += (
            [replace(part, variable=reading.variable) for part in reading.parts]
            if reading.kind == "list"
            else [reading]
        )
    return flat


def list_of(readings: Sequence[Reading]) -> Reading:
    """Make a list without order. Variables count where there are several; one alone says what all are."""
    variables = [reading.variable for reading in readings if reading.variable is not None]
    is_named = len(set(variables)) > 1 and len(variables) == len(readings)
    if is_named:
        names = [f"{reading.variable} = {bare(reading).name}" for reading in readings]
    else:
        readings = [bare(reading) for reading in readings]
        names = [reading.name for reading in readings]
    unique = dict(zip(names, readings, strict=True))
    if len(unique) == 1:
        (alone,) = unique.values()
        return replace(alone, variable=variables[0] if variables and not is_named else alone.variable)
    name = "{" + ", ".join(sorted(unique)) + "}"
    variable = variables[0] if variables and not is_named else None
    return Reading("list", name, parts=tuple(unique.values()), variable=variable)


def bare(reading: Reading) -> Reading:
    """Return what a reading is without the variable that it is said to be equal to."""
    if reading.variable is None:
        return reading
    name = reading.name
    for mark in (f"{reading.variable} = ", f"{reading.variable}: "):
        name = name.removeprefix(mark)
    return replace(reading, name=name, variable=None, equation=None)


_UNKNOWN = frozenset("xn")
"""Letters that say no more than "what is asked for"; every other is told from a bare value, and from each other."""


def variable_name(name: str, *, folds_case: bool) -> str:
    """Spell what stands before an equals sign in one way."""
    plain = re.sub(r"\s|\\text|[{}]", "", name)
    return plain.lower() if folds_case else plain


def keeps_name(variable: str, value: Reading) -> bool:
    """Return whether "y = 3" is told from "3": not where all that is asked for is one value.

    The usual unknowns x and n, and whatever is longer than a letter, say no more than their value; so does y in y = 2x + 1,
    which is a function.
    """
    if value.kind == "value" and not is_constant(value.expr):
        return False
    letter, _, index = variable.partition("_")
    return len(letter) == 1 and (letter.lower() not in _UNKNOWN or index != "")
