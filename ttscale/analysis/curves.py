"""Curves of groups of counts, whether their samples were drawn all alike or in rounds, alone or pooled."""

from collections.abc import Iterator, Sequence

import numpy as np

from ttscale.analysis.reading.adaptive import CellInRounds
from ttscale.analysis.reading.sources import CellCounts
from ttscale.arrays import IntArray
from ttscale.errors import InvalidInputError, did_you_mean, listed
from ttscale.exchange.counts import CountsGroup
from ttscale.stats.adaptive.rounds import pass_at_k_in_rounds
from ttscale.stats.counts.curve import Curve, Over, budget_grid
from ttscale.stats.coverage.coverage import coverage_curve, g_pass_curve, mg_pass_curve, pass_hat_curve
from ttscale.stats.coverage.pooling import Arm, counted_arm, pooled_curve, split_of
from ttscale.stats.forecast.forecasting import BACKTESTED
from ttscale.stats.forecast.predicting import AVERAGE, PLUG_IN
from ttscale.stats.laws.frame import CurveLaw, named_law


def coverage_of(
    group: CountsGroup, k: Sequence[int] | None, *, over: Over, confidence_level: float, seed: int
) -> Curve:
    """Return a group's coverage at the budgets, by default on a log grid as far as its samples reach."""
    rounds = rounds_of(group)
    if rounds is None:
        budgets = k or budget_grid(int(group.n.min()))
        return coverage_curve(
            group.n, group.c, budgets, confidence_level=confidence_level, over=over, rng=seed
        )
    budgets = np.asarray(k, dtype=np.int64) if k else budget_grid(rounds.k_max)
    return rounds.coverage(budgets, confidence_level=confidence_level, over=over)


def reliability_of(
    group: CountsGroup, metric: str, k: Sequence[int] | None, *, tau: float, confidence_level: float
) -> Curve:
    """Return how reliably k samples are correct; of samples in rounds those drawn before anything was decided.

    Args:
        group: The counts.
        metric: "pass_hat_k", "g_pass_at_k" or "mg_pass_at_k".
        k: Budgets; by default a log grid as far as the samples reach.
        tau: Share of k that must be correct, for G-Pass@k.
        confidence_level: Such as 0.95.
    """
    n, c = _undecided(group)
    budgets = k or budget_grid(int(n.min()))
    if metric == "g_pass_at_k":
        return g_pass_curve(n, c, budgets, tau, confidence_level=confidence_level)
    estimate = {"pass_hat_k": pass_hat_curve, "mg_pass_at_k": mg_pass_curve}[metric]
    return estimate(n, c, budgets, confidence_level=confidence_level)


def pooled(
    groups: Sequence[CountsGroup], k: Sequence[int] | None, shares: Sequence[str], *, confidence_level: float
) -> tuple[CountsGroup, Curve]:
    """Return the coverage of samples pooled from all groups as arms.

    Args:
        groups: The arms.
        k: Samples in all; by default a log grid as far as the arms reach.
        shares: "NAME=WEIGHT" of arms whose weight is not 1.
        confidence_level: Such as 0.95.

    Returns:
        A group that stands for the pool, and its curve.

    Raises:
        InvalidInputError: One arm, arms of other problems, an unknown arm, or more samples than an arm has.
    """
    names = [", ".join(group.labels.values()) or f"group {i}" for i, group in enumerate(groups, start=1)]
    if len(groups) < 2:
        raise InvalidInputError("--pool needs several cells or groups (--by) as arms, but there is one.")
    _refuse_other_problems(groups, names)
    weight = _weights(shares, names)
    budgets = np.asarray(k, dtype=np.int64) if k else budget_grid(_pooled_reach(groups, weight))
    split = split_of(budgets.max(), weight)[0]
    for group, name, own in zip(groups, names, split.tolist(), strict=True):
        if own > _reach(group):
            raise InvalidInputError(
                f"k = {budgets.max()} takes {own} samples from arm '{name}', which reaches k = {_reach(group)}. "
                f"Ask for k <= {_pooled_reach(groups, weight)}, or give it a smaller --share."
            )
    curve = pooled_curve(
        [_arm(group) for group in groups], budgets, shares=weight, confidence_level=confidence_level
    )
    label = " + ".join(
        name if one == 1 else f"{one:g} {name}" for name, one in zip(names, weight.tolist(), strict=True)
    )
    some = groups[int(np.argmin([_reach(group) for group in groups]))]
    return CountsGroup(labels={"pool": label}, n=some.n, c=some.c), curve


def caveats_of(
    groups: Sequence[CountsGroup], *, of_laws: Sequence[str] = (), of_prefixes: bool = False
) -> Iterator[str]:
    """Say what limits the numbers of cells whose samples were drawn in rounds.

    Args:
        groups: The groups.
        of_laws: Laws that are fitted.
        of_prefixes: Whether prefixes of the samples are drawn, as a backtest does.
    """
    named = [law for law in of_laws if law not in (AVERAGE, PLUG_IN, BACKTESTED)]
    biased = [law for law in named if isinstance(named_law(law), CurveLaw)]
    for group in groups:
        if not isinstance(group, CellCounts) or group.rounds is None:
            continue
        name = group.labels["cell"]
        yield f"{name}: {group.caveat}"
        if biased:
            yield (
                f"{name}: {', '.join(biased)} is fitted to a curve that such samples bias. Fit a law by likelihood, "
                "such as beta-binomial, which they do not."
            )
        if of_prefixes:
            yield f"{name}: prefixes of such samples are not what a shorter run would have drawn."


def rounds_of(group: CountsGroup) -> CellInRounds | None:
    """Return how a group's samples were drawn if verdicts decided who got more."""
    return group.rounds if isinstance(group, CellCounts) else None


def _undecided(group: CountsGroup) -> tuple[IntArray, IntArray]:
    rounds = rounds_of(group)
    if rounds is None:
        return group.n, group.c
    return rounds.drawn.verified[:, 0], rounds.drawn.successes[:, 0]


def _reach(group: CountsGroup) -> int:
    """Return the largest budget that a group's samples tell coverage of."""
    rounds = rounds_of(group)
    return int(group.n.min()) if rounds is None else rounds.k_max


def _pooled_reach(groups: Sequence[CountsGroup], weight: np.ndarray) -> int:
    """Return the largest number of samples of which no arm gives more than it reaches."""
    reach = np.array([_reach(group) for group in groups])
    low, high = 1, int(reach.sum())
    while low < high:  # what an arm gives never falls with k
        middle = (low + high + 1) // 2
        fits = (split_of(middle, weight)[0] <= reach).all()
        low, high = (middle, high) if fits else (low, middle - 1)
    return low


def _arm(group: CountsGroup) -> Arm:
    rounds = rounds_of(group)
    if rounds is None:
        return counted_arm(group.n, group.c)
    drawn = rounds.drawn
    return lambda k: pass_at_k_in_rounds(drawn.rounds, drawn.rung, drawn.c, k, verified=drawn.verified)


def _weights(shares: Sequence[str], names: Sequence[str]) -> np.ndarray:
    weight = dict.fromkeys(names, 1.0)
    for text in shares:
        name, _, number = text.rpartition("=")
        if name not in weight:
            raise InvalidInputError(
                f"--share {text}: there is no arm '{name}'.{did_you_mean(name, names)} Arms: {listed(names)}."
            )
        try:
            weight[name] = float(number)
        except ValueError:
            raise InvalidInputError(f"--share {text}: '{number}' is not a number.") from None
    return np.array([weight[name] for name in names])


def _refuse_other_problems(groups: Sequence[CountsGroup], names: Sequence[str]) -> None:
    first = groups[0]
    for group, name in zip(groups, names, strict=True):
        same = len(group.n) == len(first.n)
        if group.problem_ids is not None and first.problem_ids is not None:
            same = group.problem_ids == first.problem_ids
        if not same:
            raise InvalidInputError(
                f"Arms must answer the same problems, but '{names[0]}' and '{name}' do not. Pool cells of one task."
            )
