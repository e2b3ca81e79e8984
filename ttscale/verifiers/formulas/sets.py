"""Intervals, sets and inequalities: one name for each set of numbers, however it is written."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sympy

from ttscale.verifiers.formulas.naming import is_constant, relation_name
from ttscale.verifiers.formulas.readings import Reading, keeps_name, list_of, value_of, variable_name

_NAMED_SETS = {
    r"\mathbb{R}": sympy.S.Reals,
    r"\mathbb{Z}": sympy.S.Integers,
    r"\mathbb{N}": sympy.S.Naturals,
    r"\emptyset": sympy.S.EmptySet,
}


def named_set(text: str) -> Reading | None:
    """Read the sets that have a sign of their own."""
    found = _NAMED_SETS.get(text.strip())
    return set_of(found) if found is not None else None


def set_of(whole: Any) -> Reading:
    """Name a set by its parts: unions in order, one point as its element."""
    if isinstance(whole, sympy.FiniteSet) and len(whole) > 0:
        return list_of([value_of(element, "") for element in whole])
    if isinstance(whole, sympy.Interval) or whole == sympy.S.Reals:
        whole = sympy.Interval(-sympy.oo, sympy.oo) if whole == sympy.S.Reals else whole
        left, right = "(" if whole.left_open else "[", ")" if whole.right_open else "]"
        return interval_of(left, [value_of(whole.start, ""), value_of(whole.end, "")], right)
    if isinstance(whole, sympy.Union):
        return Reading(
            "set", "union " + ", ".join(sorted(set_of(part).name for part in whole.args)), expr=whole
        )
    return Reading("set", str(whole), expr=whole)


def interval_of(opening: str, parts: Sequence[Reading], closing: str) -> Reading:
    """Make an interval, named by its brackets and ends."""
    name = f"{opening}{parts[0].name}, {parts[1].name}{closing}"
    return Reading("interval", name, expr=interval_set(opening, parts, closing), parts=tuple(parts))


def interval_set(opening: str, parts: Sequence[Reading], closing: str) -> Any:
    """Return the interval of two constants, None for what is none."""
    ends = [part.expr for part in parts]
    if not all(
        isinstance(end, sympy.Expr) and (is_constant(end) or end in (sympy.oo, -sympy.oo)) for end in ends
    ):
        return None
    try:
        found = sympy.Interval(*ends, left_open=opening == "(", right_open=closing == ")")
    except (TypeError, ValueError):  # ends that are not real
        return None
    return found if isinstance(found, sympy.Interval) else None


def as_set(reading: Reading) -> Any:
    """Return the set of numbers that a reading is, None where it is none."""
    if isinstance(reading.expr, sympy.Set):
        return reading.expr
    if reading.kind == "list" and all(
        part.kind == "value" and is_constant(part.expr) for part in reading.parts
    ):
        return sympy.FiniteSet(*(part.expr for part in reading.parts))
    return sympy.FiniteSet(reading.expr) if reading.kind == "value" and is_constant(reading.expr) else None


def by_parts(readings: Sequence[Reading], *, is_union: bool) -> Reading | None:
    """Name a union or difference of sets whose ends are no numbers by the names of its parts."""
    if any(reading.kind == "text" for reading in readings):
        return None
    names = [reading.name for reading in readings]
    return Reading(
        "set", ("union " if is_union else "minus ") + ", ".join(sorted(names) if is_union else names)
    )


def joined(readings: Sequence[Reading], *, joins: str) -> Reading:
    """Make one set of intervals that "or", "and" or a comma connects; a comma between inequalities is "and" where that can be."""
    sets = [reading.expr for reading in readings]
    both = sympy.Intersection(*sets)
    is_and = joins == "and" or (
        joins == "," and readings[0].variable is not None and both is not sympy.S.EmptySet
    )
    return replace(set_of(both if is_and else sympy.Union(*sets)), variable=readings[0].variable)


# ---- inequalities -------------------------------------------------------------------------------

_MIRRORED = {"<": ">", ">": "<", r"\le": r"\ge", r"\ge": r"\le", r"\ne": r"\ne"}


def bounded(
    operators: Sequence[str], sides: Sequence[str], formulas: Sequence[Any], *, folds_case: bool
) -> Reading | None:
    """Return the interval of one variable between constants, as in ``2 < x \\le 5``."""
    at = next((at for at, each in enumerate(formulas) if isinstance(each, sympy.Symbol)), None)
    if at is None or not all(is_constant(each) for place, each in enumerate(formulas) if place != at):
        return None
    whole: Any = sympy.S.Reals
    if at > 0:
        whole = sympy.Intersection(whole, _half_line(_MIRRORED[operators[at - 1]], formulas[at - 1]))
    if at < len(formulas) - 1:
        whole = sympy.Intersection(whole, _half_line(operators[at], formulas[at + 1]))
    reading = set_of(whole)
    variable = variable_name(sides[at], folds_case=folds_case)
    return replace(
        reading,
        name=f"{variable}: {reading.name}" if keeps_name(variable, reading) else reading.name,
        variable=variable,
    )


def _half_line(operator: str, end: Any) -> Any:
    match operator:
        case "<":
            return sympy.Interval.open(-sympy.oo, end)
        case r"\le":
            return sympy.Interval(-sympy.oo, end)
        case ">":
            return sympy.Interval.open(end, sympy.oo)
        case r"\ge":
            return sympy.Interval(end, sympy.oo)
    return sympy.Complement(sympy.S.Reals, sympy.FiniteSet(end))


def _solved(operator: str, difference: Any) -> Reading | None:
    """Return the half-line that a linear inequality of one variable says: 2x < 6."""
    if len(difference.free_symbols) != 1:
        return None
    (symbol,) = difference.free_symbols
    slope = sympy.expand(difference).coeff(symbol)
    rest = sympy.expand(difference - slope * symbol)
    if not (is_constant(slope) and is_constant(rest)) or not slope.is_nonzero:
        return None
    reading = set_of(_half_line(operator if slope.is_positive else _MIRRORED[operator], -rest / slope))
    return replace(
        reading,
        variable=str(symbol),
        name=f"{symbol}: {reading.name}" if keeps_name(str(symbol), reading) else reading.name,
    )


def relations(operators: Sequence[str], formulas: Sequence[Any]) -> Reading:
    """Name a chain of inequalities by its links."""
    if len(operators) == 1 and (line := _solved(operators[0], formulas[0] - formulas[1])):
        return line
    names = []
    for operator, left, right in zip(operators, formulas, formulas[1:], strict=False):
        difference = right - left if operator in (">", r"\ge") else left - right
        spelled = {"<": "<", ">": "<", r"\le": "<=", r"\ge": "<=", r"\ne": "!="}[operator]
        names.append(relation_name(spelled, difference))
    return Reading("relation", " and ".join(sorted(names)))
