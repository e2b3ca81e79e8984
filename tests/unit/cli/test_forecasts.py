"""Whom a forecast learns from: other models, on the same problems where those are split."""

import numpy as np

from ttscale.cli.forecasts import _others
from ttscale.exchange.counts import CountsGroup


def group(c: list[int], ids: str | None, **labels: str) -> CountsGroup:
    return CountsGroup(
        labels=labels, n=np.full(len(c), 9), c=np.array(c), problem_ids=None if ids is None else tuple(ids)
    )


def test_other_models_are_learned_from_and_not_the_same_counts() -> None:
    own, other = group([1, 2], "ab", model="x"), group([3, 4], "ab", model="y")
    assert [c.tolist() for _, c in _others(own, [own, other])] == [[3, 4]]


def test_of_split_problems_each_part_learns_from_the_same_part() -> None:
    easy, hard = group([8, 9], "ab", level="1"), group([0, 1], "cd", level="2")
    assert [c.tolist() for _, c in _others(group([7, 9], "ab", level="1"), [easy, hard])] == [[8, 9]]


def test_counts_under_other_names_or_none_are_learned_from_all_the_same() -> None:
    others = [group([3, 4], "yz"), group([5, 6], None)]
    assert len(_others(group([1, 2], "ab"), others)) == 2
