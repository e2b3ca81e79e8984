"""What the next sample adds, and when it stops paying."""

import math

import numpy as np

from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.coverage.marginal import marginal_gain, saturation


def test_gains_are_the_steps_of_pass_at_k():
    n, c = np.array([9, 9, 12]), np.array([0, 4, 12])
    steps = np.diff(np.column_stack([np.zeros(3), pass_at_k(n, c, np.arange(1, 10))]), axis=1)
    assert np.allclose(marginal_gain(n, c, np.arange(9)), steps, atol=1e-12)


def test_saturation_tends_to_the_closed_form_of_one_known_rate():
    p, epsilon, n = 0.1, 0.004, 400_000
    found = saturation(np.full(3, n), np.full(3, int(p * n)), epsilon)
    closed_form = math.ceil(math.log(epsilon / p) / math.log(1 - p))
    assert abs(found.k - closed_form) <= 1


def test_what_does_not_saturate_within_the_samples_says_so():
    found = saturation(np.full(30, 5), np.tile([0, 1, 2], 10), 1e-6)
    assert (found.k, found.k_max) == (None, 4)
    assert "k = >4 [>4, >4]" in str(found)
    assert saturation(np.full(30, 5), np.tile([0, 1, 2], 10), 0.99).k == 0
