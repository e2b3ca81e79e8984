"""How large a pilot must be."""

import numpy as np

from ttscale.stats.adaptive.piloting import plan_pilot

RNG = np.random.default_rng(5)


def test_a_pilot_plan_grows_the_pilot_until_it_is_good_enough():
    n, c = np.full(40, 20), RNG.binomial(20, RNG.beta(0.4, 4, 40))
    plan = plan_pilot(n, c, 0.6, 1.5, over="samples", sizes=((2, 2),), n_simulations=1, largest=2000)
    assert plan.tried[0].simulated is False
    assert (plan.tried[0].n_problems, plan.tried[0].n_samples) == (40, 20)
    assert [(one.n_problems, one.n_samples) for one in plan.tried[1:]] == [(80, 40)]
    rows = list(plan.to_rows())
    assert [row["enough"] for row in rows] == [one.factor <= 1.5 for one in plan.tried]
