"""From logits to a reward, and from the rewards of steps to a score, worked out by hand."""

import math
from typing import Any

import pytest

from ttscale.verifiers.reward_model.options import RewardModelOptions
from ttscale.verifiers.reward_model.reducing import joined, reduced, reward_of, too_long


@pytest.mark.parametrize(
    ("options", "logits", "reward"),
    [
        ({}, [2.0], 2.0),
        ({}, [0.0, math.log(3.0)], 0.75),  # softmax, the last label is the good one
        ({"label": 0}, [0.0, math.log(3.0)], 0.25),
        ({"rewards": "steps"}, [0.0], 0.5),
        ({"rewards": "steps"}, [-1000.0], 0.0),
        ({"rewards": "steps"}, [1000.0], 1.0),
        ({"activation": "sigmoid"}, [math.log(3.0)], 0.75),
        ({"activation": "none"}, [5.0, 7.0], 7.0),
        ({"activation": "softmax"}, [1000.0, 1000.0], 0.5),
    ],
)
def test_a_reward_is_the_good_labels_share(
    options: dict[str, Any], logits: list[float], reward: float
) -> None:
    assert reward_of(logits, RewardModelOptions(path="m", **options)) == pytest.approx(reward)


def test_a_label_that_the_head_lacks_is_refused() -> None:
    with pytest.raises(IndexError, match="the head has 2 labels, and 'label' is 2"):
        reward_of([0.0, 1.0], RewardModelOptions(path="m", label=2))


@pytest.mark.parametrize(
    ("how", "score"), [("min", 0.25), ("prod", 0.125), ("last", 1.0), ("mean", 1.75 / 3)]
)
def test_steps_become_one_score(how: str, score: float) -> None:
    assert reduced([0.5, 0.25, 1.0], how) == pytest.approx(score)
    assert reduced([0.5], how) == 0.5


def test_one_text_that_failed_fails_its_passage() -> None:
    assert joined([(0.5,), (0.25, 1.0)]) == (0.5, 0.25, 1.0)
    assert joined([(0.5,), "too long", (1.0,)]) == "too long"
    assert joined([]) == ()
    assert too_long(4097, 4096) == "The text has 4,097 tokens; the model reads 4,096."
