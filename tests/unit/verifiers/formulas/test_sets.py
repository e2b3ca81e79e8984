"""Intervals, sets and inequalities, named by hand."""

import pytest
import sympy

from ttscale.verifiers.formulas.readings import Reading, value_of
from ttscale.verifiers.formulas.sets import (
    as_set,
    bounded,
    by_parts,
    interval_of,
    interval_set,
    joined,
    named_set,
    relations,
    set_of,
)

x, y = sympy.symbols("x y")
INF = sympy.oo


def values(*numbers: object) -> list[Reading]:
    return [value_of(sympy.sympify(number), "") for number in numbers]


@pytest.mark.parametrize(
    ("whole", "name"),
    [
        (sympy.Interval(1, 2), "[1, 2]"),
        (sympy.Interval.open(1, 2), "(1, 2)"),
        (sympy.Interval.Lopen(0, sympy.Rational(1, 2)), "(0, 0.5]"),
        (sympy.Union(sympy.Interval(3, 4), sympy.Interval(1, 2)), "union [1, 2], [3, 4]"),
        (sympy.FiniteSet(7), "7"),
    ],
)
def test_a_set_is_named_by_its_parts(whole: sympy.Set, name: str) -> None:
    assert set_of(whole).name == name


def test_the_real_numbers_are_one_set_however_they_are_written() -> None:
    signed = named_set(r" \mathbb{R} ")
    assert signed is not None
    assert signed.name == set_of(sympy.Interval(-INF, INF)).name
    assert named_set(r"\mathbb{Q}") is None


@pytest.mark.parametrize(
    ("ends", "found"),
    [
        ((1, 2), sympy.Interval.Ropen(1, 2)),
        ((-INF, 0), sympy.Interval.Ropen(-INF, 0)),
        ((sympy.I, 2), None),
        ((x, 2), None),
        ((2, 1), None),  # nothing lies between
    ],
)
def test_an_interval_lies_between_real_constants(ends: tuple[object, object], found: object) -> None:
    assert interval_set("[", values(*ends), ")") == found
    assert interval_of("[", values(*ends), ")").expr == found


def test_a_value_and_a_list_of_values_are_sets_of_numbers() -> None:
    one, two = values(1, 2)
    assert as_set(one) == sympy.FiniteSet(1)
    assert as_set(Reading("list", "1, 2", parts=(two, one))) == sympy.FiniteSet(1, 2)
    assert as_set(Reading("interval", "(1, 2)", expr=sympy.Interval.open(1, 2))) == sympy.Interval.open(1, 2)
    assert as_set(value_of(x, "x")) is None
    assert as_set(Reading("list", "1, x", parts=(one, value_of(x, "x")))) is None


def test_parts_without_numbers_are_named_by_their_names_in_a_unions_order_alone() -> None:
    a, b = Reading("interval", "(b, c)"), Reading("interval", "(a, b)")
    union, difference = by_parts([a, b], is_union=True), by_parts([a, b], is_union=False)
    assert union is not None
    assert difference is not None
    assert (union.name, difference.name) == ("union (a, b), (b, c)", "minus (b, c), (a, b)")
    assert by_parts([a, Reading("text", "?")], is_union=True) is None


@pytest.mark.parametrize(
    ("joins", "variable", "name"),
    [("and", None, "[2, 3]"), ("or", None, "[1, 4]"), (",", "x", "[2, 3]"), (",", None, "[1, 4]")],
)
def test_a_comma_between_inequalities_is_and(joins: str, variable: str | None, name: str) -> None:
    sets = [sympy.Interval(1, 3), sympy.Interval(2, 4)]
    readings = [Reading("interval", str(each), expr=each, variable=variable) for each in sets]
    assert joined(readings, joins=joins).name == name


def test_a_comma_between_inequalities_that_exclude_each_other_is_or() -> None:
    sets = [sympy.Interval.open(-INF, 1), sympy.Interval.open(4, INF)]
    readings = [Reading("interval", str(each), expr=each, variable="x") for each in sets]
    assert joined(readings, joins=",").expr == sympy.Union(*sets)


@pytest.mark.parametrize(
    ("operators", "formulas", "whole"),
    [
        (["<", r"\le"], [2, x, 5], sympy.Interval.Lopen(2, 5)),
        ([">", r"\ge"], [5, x, 2], sympy.Interval.Ropen(2, 5)),
        ([r"\ne"], [x, 0], sympy.Union(sympy.Interval.open(-INF, 0), sympy.Interval.open(0, INF))),
        (["<"], [3, x], sympy.Interval.open(3, INF)),
    ],
)
def test_one_variable_between_constants_is_an_interval(
    operators: list[str], formulas: list[object], whole: sympy.Set
) -> None:
    sides = [str(each) for each in formulas]
    found = bounded(operators, sides, [sympy.sympify(each) for each in formulas], folds_case=True)
    assert found is not None
    assert found.variable == "x"
    assert found.expr == whole


def test_two_variables_and_none_are_no_interval() -> None:
    assert bounded(["<"], ["x", "y"], [x, y], folds_case=True) is None
    assert bounded(["<"], ["1", "2"], [sympy.Integer(1), sympy.Integer(2)], folds_case=True) is None


@pytest.mark.parametrize(
    ("operator", "left", "right", "whole"),
    [
        ("<", 2 * x, 6, sympy.Interval.open(-INF, 3)),
        ("<", -2 * x, 6, sympy.Interval.open(-3, INF)),  # a negative slope turns it round
        (r"\ge", 3 * x + 1, 2 * x, sympy.Interval(-1, INF)),
    ],
)
def test_a_linear_inequality_is_solved(operator: str, left: object, right: object, whole: sympy.Set) -> None:
    found = relations([operator], [sympy.sympify(left), sympy.sympify(right)])
    assert (found.expr, found.variable) == (whole, "x")


def test_a_relation_that_is_not_solved_has_one_name_from_either_side() -> None:
    assert relations(["<"], [x, y]).name == relations([">"], [y, x]).name
    assert relations(["<"], [x, y]).name != relations([r"\le"], [x, y]).name
    assert relations(["<", "<"], [x, y, x**2]).name == relations([">", ">"], [x**2, y, x]).name
