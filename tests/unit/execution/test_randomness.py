"""Foreign code may draw from the global generators: the same for the same seed, and unseen by everybody else."""

import random

import numpy as np
import pytest

from ttscale.execution.randomness import global_randomness


def draws() -> tuple[float, float]:
    return random.random(), float(np.random.rand())  # noqa: NPY002


def test_the_same_seed_repeats_and_another_differs() -> None:
    found = []
    for seed in ("a", "a", "b"):
        with global_randomness(seed):
            found.append(draws())
    assert found[0] == found[1]
    assert found[0][0] != found[2][0]
    assert found[0][1] != found[2][1]


def test_the_generators_go_on_as_if_nothing_had_been_drawn() -> None:
    with global_randomness("outer"):
        expected = [draws(), draws()]
    with global_randomness("outer"):
        first = draws()
        with pytest.raises(RuntimeError), global_randomness("inner"):
            draws()
            raise RuntimeError
        assert [first, draws()] == expected
