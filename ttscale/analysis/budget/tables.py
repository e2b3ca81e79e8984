"""A budget analysis as tables that a person reads: estimates joined with their intervals, answers in words."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ttscale.costs.amounts import UNIT_NAMES
from ttscale.showing import shown

if TYPE_CHECKING:
    from ttscale.analysis.budget.answers import BudgetView

Row = Mapping[str, Any]


def shown_tables(view: "BudgetView") -> list[tuple[str, list[dict[str, Any]]]]:
    """Return (title, rows) of every question that has an answer."""
    unit = unit_name(view)
    rests = f"{view.n_problems} problems, {100 * view.confidence_level:g}% interval over {view.over}"
    tables = [
        ("Arms", [_arm(row) for row in view.arm_rows()]),
        (
            f"What a target costs, in {unit} over all problems: {rests}",
            [_target(row) for row in view.target_rows()],
        ),
        (
            f"What a sum reaches, in {unit} over all problems: {rests}",
            [_spend(row) for row in view.spend_rows()],
        ),
        (f"The best buy by {unit} per problem", [_segment(row) for row in view.segment_rows()]),
        (
            f"Where the better choice changes, in {unit} per problem",
            [_crossing(row) for row in view.crossing_rows()],
        ),
        (
            "What one dear sample must reach to be worth its price",
            [_break_even(row) for row in view.break_even_rows()],
        ),
        (
            "Where the next sample is worth less than its price",
            [_saturation(row) for row in view.saturation_rows()],
        ),
        (
            "The best number of samples where a wrong answer costs",
            [_decision(row) for row in view.decision_rows()],
        ),
        (
            "How large a pilot must be: factor between the number of samples and the ends of its interval",
            [_pilot(row) for row in view.pilot_rows()],
        ),
    ]
    return [(title, rows) for title, rows in tables if rows]


def unit_name(view: "BudgetView") -> str:
    """Return how a person reads the view's unit."""
    return UNIT_NAMES.get(view.unit, view.unit)


def with_interval(value: Any, low: Any, high: Any) -> str:
    """Write a number with its interval."""
    return f"{shown(value)} [{shown(low)}, {shown(high)}]"


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
        "target": row["target"],
        "samples": with_interval(row["k"], row["k_low"], row["k_high"]),
        "total cost": with_interval(row["total_cost"], row["total_cost_low"], row["total_cost_high"]),
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
        "reached": with_interval(row["value"], row["low"], row["high"]),
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
        "samples": f"{row['k_begin']:,.4g} - {row['k_end']:,.4g}",
        "reached": f"{row['value_begin']:.4g} - {row['value_end']:.4g}",
        "chance to be the best": row["chance_best"],
    }


def _crossing(row: Row) -> dict[str, Any]:
    return {
        "metric": row["metric"],
        "from": row["before"],
        "to": row["after"],
        "at": with_interval(row["budget"], row["low"], row["high"]),
        "reached there": row["value"],
    }


def _break_even(row: Row) -> dict[str, Any]:
    return {
        "dear": row["dear"],
        "cheap": row["cheap"],
        "price ratio": row["price_ratio"],
        "must reach": with_interval(row["accuracy"], row["low"], row["high"]),
        "reaches": row["dear_accuracy"],
        "gain": with_interval(row["gain"], row["gain_low"], row["gain_high"]),
    }


def _pilot(row: Row) -> dict[str, Any]:
    return {
        "choice": row["choice"],
        "target": row["target"],
        "problems": row["n_problems"],
        "samples": row["n_samples"],
        "in all": row["total_samples"],
        "factor": row["factor"],
        "enough": row["enough"],
        "how": row["method"],
    }


def _saturation(row: Row) -> dict[str, Any]:
    ends = [f"> {row['k_max']:,}" if row[end] is None else f"{row[end]:,}" for end in ("k", "low", "high")]
    return {
        "choice": row["choice"],
        "samples": f"{ends[0]} [{ends[1]}, {ends[2]}]",
        "least gain worth paying for": row["threshold"],
    }


def _decision(row: Row) -> dict[str, Any]:
    return {
        "choice": row["choice"],
        "samples": with_interval(row["k"], row["low"], row["high"]),
        "worth per problem": with_interval(row["utility"], row["utility_low"], row["utility_high"]),
        "perhaps more": row["at_edge"],
    }
