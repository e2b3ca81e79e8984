"""Costs on the page, from two arms of which everything is known."""

import numpy as np
import pytest

from ttscale.analysis.budget.arms import Arm
from ttscale.analysis.budget.pricing import Pricing
from ttscale.analysis.budget.result import BudgetView
from ttscale.analysis.budget.runs import RunsBudget, TaskBudget
from ttscale.analysis.budget.view import BudgetSettings, view_of_arms
from ttscale.costs.contract import usage
from ttscale.report.budget import BudgetSection, budget_sections, cost_figures

N, P = 64, 30
HOSTILE = "dear\u202e<b>"


def arm(label: str, c: list[int], tokens: float, prompt: float = 0.0) -> Arm:
    return Arm(
        label=label,
        model=label,
        problem_ids=tuple(map(str, range(P))),
        n=np.full(P, N),
        c=np.resize(c, P),
        usage=usage(prompt, tokens, n_problems=P),
    )


CHEAP, DEAR = arm("cheap", [0, 8, 20], 10, prompt=7), arm(HOSTILE, [30, 60, 5], 90)


def view(*arms: Arm) -> BudgetView:
    return view_of_arms(arms, BudgetSettings(pricing=Pricing(cost="tokens"), targets=(0.6,)))


def sections(*views: BudgetView) -> list[BudgetSection]:
    tasks = tuple(TaskBudget(task=f"task {number}", view=one) for number, one in enumerate(views))
    return budget_sections(RunsBudget(tasks=tasks), [])


@pytest.fixture(scope="module")
def both() -> BudgetView:
    return view(CHEAP, DEAR)


def test_what_the_chart_computes_costs_from_gives_the_costs_of_the_curves(both: BudgetView) -> None:
    (section,) = sections(both)
    for line, curve in zip(section.chart["lines"], both.curves, strict=True):
        once, per_sample, per_request, size = line["costs"][section.unit]
        k = np.array(line["k"])
        assert once + per_sample * k + per_request * np.ceil(k / size) == pytest.approx(curve.cost)
        assert line["value"] == pytest.approx(curve.value.tolist(), abs=1e-4)
    prompts = [line["costs"][section.unit][0] for line in section.chart["lines"]]
    assert prompts == [7, 0]  # a prompt is paid once per problem


def test_a_front_of_many_points_is_thinned_but_keeps_both_ends(both: BudgetView) -> None:
    (section,) = sections(both)
    front = both.pareto_rows()
    shown = [(row["choice"], row["samples"]) for row in section.pareto]
    every = [(row["choice"], row["k"]) for row in front]
    assert len(front) > 13 >= len(shown)
    assert (shown[0], shown[-1]) == (every[0], every[-1])
    assert shown == [point for point in every if point in shown]  # in their order


def test_one_arm_alone_is_compared_with_nothing() -> None:
    (section,) = sections(view(CHEAP))
    assert section.targets and section.words
    assert (section.segments, section.crossings, section.pareto, section.break_evens) == ([], [], [], [])
    assert section.words[0].startswith("Solving 60% of the problems costs")


def test_words_name_the_cheapest_and_what_suits_small_and_large_budgets(both: BudgetView) -> None:
    (section,) = sections(both)
    cheapest = next(one for one in both.targets if one.cheapest)
    segments = both.comparisons[0].segments
    words = " ".join(section.words)
    assert cheapest.label == "cheap" and "Solving 60% of the problems is cheapest with cheap: " in words
    assert [one.label for one in segments] == [
        "cheap",
        HOSTILE,
    ] and "For small budgets cheap (the best" in words


def test_a_label_that_turns_text_around_is_made_visible_everywhere(both: BudgetView) -> None:
    (section,) = sections(both)
    assert all("\u202e" not in cell["label"] for cell in section.chart["cells"])
    assert all("\u202e" not in word for word in section.words)


def test_every_task_has_a_section_and_a_figure_of_its_own(both: BudgetView) -> None:
    other = view(CHEAP)
    assert [one.id for one in sections(both, other)] == ["budget-0", "budget-1"]
    found = cost_figures(
        RunsBudget(tasks=(TaskBudget(task="a", view=both), TaskBudget(task="b", view=other)))
    )
    assert {key: figure.name for key, figure in found.items()} == {
        "budget-0": "cost-by-cell",
        "budget-1": "cost-by-cell-2",
    }
    assert len(found["budget-0"].rows) == sum(len(curve.k) for curve in both.curves)
    assert {row["cell"] for row in found["budget-1"].rows} == {"cheap"}
