"""Curves of groups of counts: how far they reach, what pooling asks of its arms, and whose numbers have caveats."""

from dataclasses import replace

import numpy as np
import pytest

from ttscale.analysis.curves import caveats_of, coverage_of, pooled, reliability_of, rounds_of
from ttscale.errors import InvalidInputError
from ttscale.exchange.counts import CountsGroup
from ttscale.stats.counts.pass_at_k import pass_at_k, pass_hat_k
from ttscale.stats.coverage.pooling import split_of

KNOWN = {"over": "problems", "confidence_level": 0.95, "seed": 0}


def group(name: str, n: list[int], c: list[int], ids: tuple[str, ...] | None = None) -> CountsGroup:
    return CountsGroup(labels={"cell": name}, n=np.array(n), c=np.array(c), problem_ids=ids)


WARM, COLD = group("warm", [6, 4], [3, 0]), group("cold", [5, 9], [1, 2])


def test_a_curve_reaches_as_far_as_the_smallest_problem_unless_budgets_are_asked_for() -> None:
    assert coverage_of(WARM, None, **KNOWN).k[-1] == 4
    found = coverage_of(WARM, [1, 3], **KNOWN)
    assert found.value == pytest.approx(pass_at_k([6, 4], [3, 0], [1, 3]).mean(axis=0))
    with pytest.raises(InvalidInputError, match=r"pass@5 needs at least 5 samples.*ask for k <= 4"):
        coverage_of(WARM, [5], **KNOWN)


def test_reliability_is_the_metric_asked_for() -> None:
    by_name = {
        metric: reliability_of(COLD, metric, [2, 4], tau=1.0, confidence_level=0.9)
        for metric in ("pass_hat_k", "g_pass_at_k", "mg_pass_at_k")
    }
    assert [curve.metric for curve in by_name.values()] == list(by_name)
    assert by_name["pass_hat_k"].value == pytest.approx(pass_hat_k(COLD.n, COLD.c, [2, 4]).mean(axis=0))
    assert by_name["g_pass_at_k"].value == pytest.approx(by_name["pass_hat_k"].value)  # τ = 1 is all of them
    assert by_name["mg_pass_at_k"].confidence_level == 0.9
    with pytest.raises(KeyError):
        reliability_of(COLD, "coverage", [2], tau=1.0, confidence_level=0.9)


def test_a_pool_draws_from_its_arms_in_turn_and_misses_where_all_of_them_miss() -> None:
    made, curve = pooled([WARM, COLD], [1, 2, 3], [], confidence_level=0.95)
    assert made.labels == {"pool": "warm + cold"}
    warm, cold = (lambda k: pass_at_k(WARM.n, WARM.c, k)), (lambda k: pass_at_k(COLD.n, COLD.c, k))
    first = warm([1])[:, 0]
    both = 1 - (1 - first) * (1 - cold([1])[:, 0])
    third = 1 - (1 - warm([2])[:, 0]) * (1 - cold([1])[:, 0])
    assert curve.value == pytest.approx([first.mean(), both.mean(), third.mean()])


def test_a_pool_reaches_until_one_of_its_arms_has_no_more_and_says_so() -> None:
    _, curve = pooled([WARM, COLD], None, ["cold=2"], confidence_level=0.95)
    split = split_of(np.arange(1, 20), [1.0, 2.0])
    reach = int(np.flatnonzero((split <= [4, 5]).all(axis=1))[-1]) + 1
    assert curve.k[-1] == reach
    with pytest.raises(
        InvalidInputError, match=f"from arm 'cold', which reaches k = 5. Ask for k <= {reach}"
    ):
        pooled([WARM, COLD], [reach + 2], ["cold=2"], confidence_level=0.95)


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        (["hot=2"], r"there is no arm 'hot'.*Arms: cold, warm"),
        (["warm=much"], "'much' is not a number"),
        (["2"], "there is no arm ''"),
        (["warm=0"], "shares must hold one number above 0"),
    ],
)
def test_shares_that_say_nothing_are_refused(shares: list[str], said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        pooled([WARM, COLD], [1], shares, confidence_level=0.95)


def test_a_pool_needs_several_arms_with_the_same_problems() -> None:
    with pytest.raises(InvalidInputError, match="there is one"):
        pooled([WARM], [1], [], confidence_level=0.95)
    with pytest.raises(InvalidInputError, match="'warm' and 'three' do not"):
        pooled([WARM, group("three", [4, 4, 4], [1, 1, 1])], [1], [], confidence_level=0.95)
    named, other = (replace(one, problem_ids=ids) for one, ids in ((WARM, ("a", "b")), (COLD, ("a", "c"))))
    with pytest.raises(InvalidInputError, match="must answer the same problems"):
        pooled([named, other], [1], [], confidence_level=0.95)
    pooled([named, COLD], [1], [], confidence_level=0.95)  # a table that names none is taken at its word


def test_counts_of_a_table_were_not_chosen_by_verdicts() -> None:
    assert rounds_of(WARM) is None
    assert list(caveats_of([WARM, COLD], of_laws=["log-log"], of_prefixes=True)) == []
