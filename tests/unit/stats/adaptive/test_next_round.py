"""Who gets the next samples, decided by hand for a few problems."""

import numpy as np
import pytest

from ttscale.stats.adaptive.next_round import Standing, below, everyone, hardest, where_it_counts
from ttscale.stats.adaptive.rounds import Climb, Rounds, climbs_now

LADDER = Rounds((4, 8, 16))


def standing(rung: list[int], c: list[int]) -> Standing:
    return Standing(LADDER, np.array(rung), np.array(c))


def who(where: Standing, climb: Climb) -> list[int]:
    return np.flatnonzero(climbs_now(climb, where.rung, where.c)).tolist()


def test_a_problem_at_the_top_has_all_its_samples_and_costs_no_more() -> None:
    where = standing([0, 1, 2], [1, 1, 1])
    assert where.n.tolist() == [4, 8, 16]
    assert where.cost().tolist() == [4, 8, 0]
    assert where.can_climb.tolist() == [True, True, False]


def test_below_a_number_of_successes_everybody_climbs_and_nobody_else() -> None:
    where = standing([0, 0, 1, 2], [0, 2, 1, 0])
    assert who(where, below(where, 2)) == [0, 2]
    assert who(where, below(where, 99)) == [0, 1, 2]


def test_everyone_climbs_but_those_at_the_top() -> None:
    where = standing([0, 1, 2], [4, 8, 16])
    assert who(where, everyone(where)) == [0, 1]


@pytest.mark.parametrize(
    ("at_least", "climbers"),
    [(1, [3]), (4, [3]), (5, [2, 3]), (12, [2, 3]), (13, [0, 2, 3]), (10**6, [0, 1, 2, 3])],
)
def test_the_fewest_successes_climb_first_and_of_these_the_fewest_samples(
    at_least: int, climbers: list[int]
) -> None:
    where = standing([0, 0, 1, 0, 2], [1, 3, 0, 0, 0])
    assert who(where, hardest(where, at_least)) == climbers


def test_problems_that_stand_alike_climb_together() -> None:
    where = standing([0, 0, 0], [1, 1, 2])
    assert who(where, hardest(where, 1)) == [0, 1]


def test_nobody_climbs_where_all_are_at_the_top() -> None:
    where = standing([2, 2], [0, 5])
    for climb in (below(where, 9), everyone(where), hardest(where, 1)):
        assert who(where, climb) == []
    assert where_it_counts(where, 4, shrink=0.5, at_least=1) == {}


def test_samples_go_where_success_is_rare_at_the_budget_not_where_it_is_sure() -> None:
    where = standing([0] * 40, [0] * 15 + [1] * 10 + [4] * 15)
    climb = where_it_counts(where, 4, shrink=0.9, at_least=1)
    found = who(where, climb)
    assert found and all(where.c[i] < 4 for i in found)
    assert set(range(15)) <= set(found)  # whoever climbs takes those with fewer successes along
    assert len(who(where, where_it_counts(where, 4, shrink=0.01, at_least=1))) >= len(found)


def test_a_round_is_never_smaller_than_asked_for() -> None:
    where = standing([0] * 40, [0] * 15 + [1] * 10 + [4] * 15)
    for at_least in (1, 60, 100, 160):
        climb = where_it_counts(where, 4, shrink=0.999, at_least=at_least)
        assert where.cost()[who(where, climb)].sum() >= at_least
