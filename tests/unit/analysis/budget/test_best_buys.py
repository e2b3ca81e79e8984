"""Two arms compared at equal cost, with everything worked out by hand."""

from itertools import pairwise

import numpy as np
import pytest

from ttscale.analysis.budget.arms import Arm
from ttscale.analysis.budget.pricing import Pricing
from ttscale.analysis.budget.result import BudgetView
from ttscale.analysis.budget.view import BudgetSettings, Target, view_of_arms
from ttscale.costs.amounts import parse_amount
from ttscale.costs.contract import usage
from ttscale.errors import InvalidInputError
from ttscale.stats.counts.pass_at_k import pass_at_k

N, P = 20, 40
CHEAP = np.resize([2, 5, 0, 10], P)
DEAR = np.resize([14, 16, 8, 18], P)


def arm(label: str, c: np.ndarray, tokens: float, n: int = N) -> Arm:
    return Arm(
        label=label,
        model=label,
        problem_ids=tuple(map(str, range(P))),
        n=np.full(P, n),
        c=c,
        usage=usage(0.0, tokens, n_problems=P),
    )


def asked(*arms: Arm, **more: object) -> BudgetView:
    return view_of_arms(arms, BudgetSettings(pricing=Pricing(cost="tokens"), **more))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def view() -> BudgetView:
    return asked(arm("cheap", CHEAP, 10), arm("dear", DEAR, 80))


def test_one_dear_sample_must_beat_what_its_price_buys_of_the_cheap_arm(view: BudgetView) -> None:
    (even,) = view.break_evens
    assert (even.cheap, even.dear, even.price_ratio) == ("cheap", "dear", 8)
    assert even.accuracy == pytest.approx(pass_at_k(N, CHEAP, [8]).mean())
    assert even.dear_accuracy == pytest.approx(DEAR.mean() / N)
    assert even.gain == pytest.approx(even.dear_accuracy - even.accuracy)
    assert even.low < even.accuracy < even.high and even.gain_low < even.gain < even.gain_high


def test_segments_follow_each_other_from_the_cheapest_sample_to_the_last(view: BudgetView) -> None:
    (group,) = view.comparisons
    assert group.segments[0].label == "cheap"  # below the price of a dear sample it buys more
    for before, after in pairwise(group.segments):
        assert before.end == after.begin and before.label != after.label
    assert group.segments[0].begin == 10
    assert group.segments[-1].end == pytest.approx(80 * N)
    assert all(
        0 <= one.chance_best <= 1 and one.value_begin <= one.value_end + 1e-12 for one in group.segments
    )


def test_no_point_of_the_front_is_beaten_by_any_point(view: BudgetView) -> None:
    (group,) = view.comparisons
    points = [
        (float(curve.cost[j]), float(curve.value[j]), i, int(k))
        for i, curve in enumerate(view.curves)
        for j, k in enumerate(curve.k)
    ]
    front = {(i, k) for i, k in group.pareto}
    for cost, value, i, k in points:
        beaten = any(c <= cost and v >= value and (c < cost or v > value) for c, v, _, _ in points)
        assert ((i, k) in front) == (not beaten)


def test_a_sum_buys_as_many_samples_as_it_pays_for_and_the_best_is_the_higher(view: BudgetView) -> None:
    found = asked(
        arm("cheap", CHEAP, 10), arm("dear", DEAR, 80), spends=(parse_amount(f"{170 * P}tokens"),)
    ).spends
    assert [(one.label, one.k, one.spent) for one in found] == [
        ("cheap", 17, 170.0 * P),
        ("dear", 2, 160.0 * P),
    ]
    values = [float(pass_at_k(N, c, [k]).mean()) for c, k in ((CHEAP, 17), (DEAR, 2))]
    assert [one.value for one in found] == pytest.approx(values)
    assert [one.best for one in found] == [value == max(values) for value in values]


def test_a_sum_that_buys_no_sample_reaches_nothing_and_says_so() -> None:
    (one,) = asked(arm("dear", DEAR, 80), spends=(parse_amount(f"{79 * P}tokens"),)).spends
    assert (one.k, one.spent, one.value, one.best) == (0, 0.0, 0.0, False)
    assert one.method == "the sum does not buy one sample of every problem"


def test_the_cheapest_answer_to_a_target_is_marked_and_priced_over_all_problems() -> None:
    found = asked(arm("cheap", CHEAP, 10), arm("dear", DEAR, 80), targets=(0.6,)).targets
    curves = {
        "cheap": pass_at_k(N, CHEAP, np.arange(1, N + 1)),
        "dear": pass_at_k(N, DEAR, np.arange(1, N + 1)),
    }
    expected = {name: int(np.argmax(table.mean(axis=0) >= 0.6)) + 1 for name, table in curves.items()}
    assert {one.label: one.reached.k for one in found} == expected
    costs = {"cheap": expected["cheap"] * 10 * P, "dear": expected["dear"] * 80 * P}
    assert {one.label: one.cost for one in found} == costs
    assert [one.label for one in found if one.cheapest] == [min(costs, key=lambda name: costs[name])]


def test_a_curve_that_ends_early_is_said_to_be_taken_as_flat() -> None:
    short = asked(arm("cheap", CHEAP, 10), arm("dear", DEAR, 80))
    assert any("'cheap' at 200 tokens per problem" in note for note in short.notes)
    alike = asked(arm("one", CHEAP, 10), arm("two", DEAR, 10))
    assert not any("end where their samples do" in note for note in alike.notes)


def test_an_arm_is_never_crossed_by_itself() -> None:
    found = asked(arm("one", CHEAP, 10), arm("two", CHEAP, 10))
    (group,) = found.comparisons
    assert group.crossings == ()
    assert [one.label for one in group.segments] == ["one"]  # ties go to the arm named first


def test_questions_that_lack_another_are_refused() -> None:
    one = arm("one", CHEAP, 10)
    with pytest.raises(InvalidInputError, match="give --target"):
        asked(one, within=2.0)
    with pytest.raises(InvalidInputError, match="give --worth and --selector first"):
        asked(one, wrong=parse_amount("5tokens"))
    with pytest.raises(InvalidInputError, match="is a target of what a selector picks"):
        asked(one, targets=(Target(0.5, "selected accuracy"),))
    with pytest.raises(InvalidInputError, match=r"tokens and usd"):
        asked(one, spends=(parse_amount("5tokens"), parse_amount("5usd")))
