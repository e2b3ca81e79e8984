"""A budget analysis as tables that a person reads: estimates joined with their intervals, answers in words."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ttscale.costs.amounts import unit_name
from ttscale.showing.numbers import (
    amount,
    amounts,
    counts,
    exact_percent,
    percent,
    points,
    rests_on,
    share,
    span,
    width,
)
from ttscale.showing.tables import Row

if TYPE_CHECKING:
    from ttscale.analysis.budget.result import BudgetView


def shown_tables(view: "BudgetView") -> list[tuple[str, list[dict[str, Any]]]]:
    """Return (title, rows) of every question that has an answer."""
    words = {
        "unit": unit_name(view.unit),
        "rests": rests_on(view.n_problems, view.confidence_level, view.over),
    }
    tables = [(title.format(**words), shown_rows(view, question)) for question, (title, _) in _TABLES.items()]
    return [(title, rows) for title, rows in tables if rows]


def shown_rows(view: "BudgetView", question: str) -> list[dict[str, Any]]:
    """Return the answers to one question, such as "target" or "best-buy", as a person reads them."""
    _, shown = _TABLES[question]
    return [shown(row) for row in view.to_rows() if row["question"] == question]


def _arm(row: Row) -> dict[str, Any]:
    names = {
        "choice": "arm",
        "n_min": "samples",
        "prompt_tokens": "prompt tokens",
        "completion_tokens": "tokens per sample",
        "parameters": "parameters",
        "tokens_per_s": "tokens/s",
        "verification_s": "verification, s",
    }
    return {name: row[key] for key, name in names.items() if row[key] is not None}


def _target(row: Row) -> dict[str, Any]:
    return {
        "choice": row["choice"],
        "target": exact_percent(row["target"]),
        "samples": counts(row["k"], row["k_low"], row["k_high"]),
        "total cost": amounts(row["total_cost"], row["total_cost_low"], row["total_cost_high"]),
        "cheapest": row["cheapest"],
        "verdict": row["verdict"],
        "why": row["why_not"],
    }


def _spend(row: Row) -> dict[str, Any]:
    return {
        "choice": row["choice"],
        "spend": row["spend"],
        "samples": row["k"],
        "total cost": row["total_cost"],
        "percent reached": share(row["value"], row["low"], row["high"]),
        "best": row["best"],
        "extrapolates": row["extrapolates"],
        "more money than samples": row["capped"],
    }


def _segment(row: Row) -> dict[str, Any]:
    return {
        "metric": row["metric"],
        "choice": row["choice"],
        "from": row["begin"],
        "to": row["end"],
        "samples": span(amount(row["k_begin"]), amount(row["k_end"])),
        "reached": span(percent(row["value_begin"]), percent(row["value_end"])),
        "chance to be the best": percent(row["chance_best"]),
    }


def _crossing(row: Row) -> dict[str, Any]:
    return {
        "metric": row["metric"],
        "from": row["before"],
        "to": row["after"],
        "at": amounts(row["budget"], row["low"], row["high"]),
        "reached there": percent(row["value"]),
    }


def _break_even(row: Row) -> dict[str, Any]:
    return {
        "dear": row["dear"],
        "cheap": row["cheap"],
        "price ratio": row["price_ratio"],
        "must reach, percent": share(row["accuracy"], row["low"], row["high"]),
        "reaches": percent(row["dear_accuracy"]),
        "gain in points": points(row["gain"], row["gain_low"], row["gain_high"]),
    }


def _pilot(row: Row) -> dict[str, Any]:
    return {
        "choice": row["choice"],
        "target": exact_percent(row["target"]),
        "problems": row["n_problems"],
        "samples": row["n_samples"],
        "in all": row["total_samples"],
        "factor": row["factor"],
        "enough": row["enough"],
        "how": row["method"],
    }


def _saturation(row: Row) -> dict[str, Any]:
    return {
        "choice": row["choice"],
        "samples": counts(row["k"], row["low"], row["high"], most=row["k_max"]),
        "least gain worth paying for": width(row["threshold"]),
    }


def _decision(row: Row) -> dict[str, Any]:
    return {
        "choice": row["choice"],
        "samples": counts(row["k"], row["low"], row["high"]),
        "worth per problem": amounts(row["utility"], row["utility_low"], row["utility_high"]),
        "perhaps more": row["at_edge"],
    }


def shown_point(row: Row) -> dict[str, Any]:
    """Return a point of the front as a person reads it."""
    return {
        "metric": row["metric"],
        "choice": row["choice"],
        "samples": row["k"],
        "cost per problem": row["cost"],
        "percent reached": share(row["value"], row["low"], row["high"]),
    }


_TABLES: Mapping[str, tuple[str, Callable[[Row], dict[str, Any]]]] = {
    "arm": ("Arms", _arm),
    "target": ("What a target costs, in {unit} over all problems: {rests}", _target),
    "spend": ("What a sum reaches, in {unit} over all problems: {rests}", _spend),
    "best-buy": ("The best buy by {unit} per problem", _segment),
    "crossover": ("Where the better choice changes, in {unit} per problem", _crossing),
    "break-even": ("What one dear sample must reach to be worth its price", _break_even),
    "saturation": ("Where the next sample is worth less than its price", _saturation),
    "best-k": ("The best number of samples where a wrong answer costs", _decision),
    "pilot": (
        "How large a pilot must be: factor between the number of samples and the ends of its interval",
        _pilot,
    ),
}
"""Question -> its table's title and how one of its rows is shown; the front of points has no table of its own."""
