"""Choices: an arm with a way to pick an answer, priced, and its value for every problem at any budget.

Coverage needs nothing but counts. Every other selector needs the arm's samples, and ends at the fewest samples of any
problem: no law for them is trusted beyond.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from ttscale.analysis.budget.arms import Arm, ArmSamples
from ttscale.analysis.budget.pricing import charges_of
from ttscale.analysis.reading.verified import pools_of
from ttscale.analysis.selecting import Way
from ttscale.arrays import FloatArray, IntArray
from ttscale.costs.contract import Charges, CostLine, CostModel
from ttscale.errors import InvalidInputError
from ttscale.stats.counts.curve import Curve, budget_grid
from ttscale.stats.coverage.plateau import doublings
from ttscale.stats.selectors.contract import Picked, SamplePools, counted_pools

Metric = Literal["coverage", "selected accuracy"]
_SEED = 0
"""Of votes that are simulated, whose error is far below every interval."""

_LEARNS = "The ensemble is learnt from the oracle's verdicts on other problems: in use it needs problems with an answer key."
_COVERAGE_POINTS, _SELECTOR_POINTS = 160, 48
"""Budgets at which curves are computed; linear in between. Votes, which are dear to count, are at doublings alone."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Choice:
    """An arm, a way to pick an answer and what its samples cost.

    Attributes:
        arm: The arm.
        way: The way.
        pools: What it picks from.
        charges: Per problem.
        line: Their mean over problems.
        label: Unique among the choices.
        memory: Budget -> values and their errors (2, P) that were computed before: every question asks for some of the same.
        forecasts: How it was made -> coverage beyond the samples, likewise; shared by the choices of an arm.
    """

    arm: Arm
    way: Way
    pools: SamplePools
    charges: Charges
    line: CostLine
    label: str
    memory: dict[int, FloatArray] = field(default_factory=dict, repr=False)
    forecasts: dict[Hashable, Curve] = field(default_factory=dict, repr=False)

    @property
    def metric(self) -> Metric:
        """Return what it is to be judged by: choices of other metrics are not compared with it."""
        return "coverage" if self.way.is_coverage else "selected accuracy"

    @property
    def n_min(self) -> int:
        """Return the fewest samples of any problem."""
        return int(self.arm.n.min())

    @property
    def verification_s(self) -> float | None:
        """Return the seconds of verification that a sample takes."""
        return _verification_s(self.arm, self.way)

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what was assumed of its costs, and whether it selects by what it may not know."""
        known = {} if self.arm.samples is None else self.arm.samples.verifiers
        return (
            *(
                f"'{name}' sees the answer key: what it selects is an upper bound, which no selector in use reaches."
                for name in self.way.verifiers
                if known[name].sees_answer
            ),
            *([_LEARNS] if "features" in self.way.selector.needs else []),
            *self.charges.notes,
        )

    def grid(self) -> IntArray:
        """Return the budgets of the curve."""
        if self.way.selector.effort == "votes":
            return np.union1d(doublings(self.n_min), [self.n_min])
        return budget_grid(self.n_min, _COVERAGE_POINTS if self.way.is_coverage else _SELECTOR_POINTS)

    def values(self, k: IntArray) -> FloatArray:
        """Return each problem's chance of being solved with k samples, shape (P, K)."""
        return self.picked(k).value

    def picked(self, k: IntArray) -> Picked:
        """Return the same with its Monte Carlo error, where it has one."""
        missing = np.array(sorted({int(one) for one in k} - self.memory.keys()), dtype=np.int64)
        if len(missing):
            found = self.way.selector.values(self.pools, missing, rng=_SEED)
            error = np.zeros_like(found.value) if found.standard_error is None else found.standard_error
            both = np.stack([found.value, error])  # (2, P, K)
            self.memory.update((int(one), both[:, :, j]) for j, one in enumerate(missing))
        value, error = np.stack([self.memory[int(one)] for one in k], axis=2)
        return Picked(value, error if error.any() else None)

    def costs(self, k: IntArray) -> FloatArray:
        """Return the mean cost per problem of k samples, shape (K,).

        Where a selector stops early, k is what may be drawn at most.
        """
        return self.costs_by_problem(k).mean(axis=0) if self.way.selector.stops_early else self.line.cost(k)

    def costs_by_problem(self, k: IntArray) -> FloatArray:
        """Return the cost of k samples of each problem, shape (P, K); as `costs`."""
        stops = self.way.selector.stops_early
        draws = (
            self.way.selector.draws(self.pools, k) if stops else np.tile(k, (len(self.arm.n), 1))
        )  # (P, K)
        own = self.charges
        requests = np.ceil(draws / own.request_size)
        cost = draws * own.per_sample[:, None] + requests * own.per_request[:, None]
        return np.asarray(own.once[:, None] + cost)


def priced_choices(arms: Sequence[Arm], ways: Sequence[Way], model: CostModel, cost: str) -> list[Choice]:
    """Price every arm with every way to pick an answer.

    Raises:
        InvalidInputError: An arm cannot be priced, costs nothing, or has no samples to select from.
    """
    forecasts: list[dict[Hashable, Curve]] = [{} for _ in arms]
    choices = []
    for way in ways:
        for arm, ahead in zip(arms, forecasts, strict=True):
            pools = _pools(arm, way)
            charges = charges_of(arm, model, cost, _verification_s(arm, way), way.verifiers)
            choices.append(
                Choice(
                    arm=arm,
                    way=way,
                    pools=pools,
                    charges=charges,
                    line=charges.line(arm.label),
                    label=_label(arm, way, len(arms) > 1, len(ways) > 1),
                    forecasts=ahead,
                )
            )
    return choices


def _label(arm: Arm, way: Way, several_arms: bool, several_ways: bool) -> str:
    if several_ways:
        return f"{arm.label}, {way.label}" if several_arms else way.label
    return arm.label


def _pools(arm: Arm, way: Way) -> SamplePools:
    """Return what a way picks from: counts alone, where they are enough.

    Raises:
        InvalidInputError: The arm lacks what the selector goes by.
    """
    needs = way.selector.needs
    if not needs and way.is_coverage:
        return counted_pools(arm.n, arm.c)
    samples = _samples(arm)
    pools = pools_of(samples.problem, samples.correct, samples.answer_class)
    if "answers" in needs and not pools.has("answers"):
        raise InvalidInputError(
            f"No sample of '{arm.label}' has an extracted answer, so there is nothing to vote on."
        )
    for name in way.verifiers:
        if name not in samples.verifiers:
            raise InvalidInputError(
                f"'{arm.label}' has no verdicts of '{name}'. Run: ttscale verify RUN --verifier {name}"
            )
    if not way.verifiers:
        return pools
    every = [samples.verifiers[name] for name in way.verifiers]
    columns = every[0]
    if "verdicts" in needs and (columns.accepted is None or columns.accepted.all()):
        raise InvalidInputError(
            f"'{way.verifiers[0]}' rejects no sample of '{arm.label}', so the first sample is always taken. Use --selector "
            "best to choose by its score."
        )
    accepted = None if columns.accepted is None else columns.accepted.astype(np.int64)
    features = np.column_stack([one.score for one in every])
    return replace(pools, score=columns.score, accepted=accepted, features=features)


def _samples(arm: Arm) -> ArmSamples:
    if arm.samples is None:
        raise InvalidInputError(
            f"'{arm.label}' is a table of counts: only coverage can be asked of it. Give a run directory for selectors and "
            "token limits."
        )
    return arm.samples


def _verification_s(arm: Arm, way: Way) -> float | None:
    """Return the verification that a way cannot do without: the oracle's for coverage, none for votes."""
    if way.is_coverage:
        return arm.facts.verification_s
    if not way.verifiers or arm.samples is None:
        return None
    seconds = [arm.samples.verifiers[name].seconds for name in way.verifiers]
    known = [one for one in seconds if one is not None]
    return sum(known) if len(known) == len(seconds) else None
