"""Choices: an arm with a way to pick an answer, priced, and its value for every problem at any budget.

Coverage needs nothing but counts. Majority vote, best of k and first accepted need the arm's samples, and end at the
fewest samples of any problem: no law for them is trusted beyond.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from ttscale.analysis.budget.arms import Arm, ArmSamples
from ttscale.analysis.budget.pricing import charges_of
from ttscale.costs.contract import Charges, CostLine, CostModel
from ttscale.errors import InvalidInputError
from ttscale.stats.counts.curve import Curve, FloatArray, IntArray, budget_grid
from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.coverage.plateau import doublings
from ttscale.stats.selectors.accepting import expected_draws, first_accepted
from ttscale.stats.selectors.selection import best_of_k
from ttscale.stats.selectors.voting import maj_at_k

Kind = Literal["coverage", "majority", "best", "first"]
KINDS: tuple[Kind, ...] = ("coverage", "majority", "best", "first")
Metric = Literal["coverage", "selected accuracy"]
_COVERAGE_POINTS, _SELECTOR_POINTS = 160, 48
"""Budgets at which curves are computed; linear in between. Votes, which are dear to count, are at doublings alone."""


@dataclass(frozen=True, slots=True)
class Selector:
    """A way to turn k samples into a solved problem.

    Attributes:
        kind: "coverage" (any sample is correct), "majority", "best" (highest score) or "first" (accepted).
        verifier: Whose scores or verdicts; None for the first two.
    """

    kind: Kind
    verifier: str | None = None

    @property
    def label(self) -> str:
        """Return what a table calls it."""
        names = {
            "coverage": "coverage",
            "majority": "majority vote",
            "best": "best by",
            "first": "first accepted by",
        }
        return f"{names[self.kind]} {self.verifier}" if self.verifier else names[self.kind]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Choice:
    """An arm, a selector and what its samples cost.

    Attributes:
        arm: The arm.
        selector: The selector.
        charges: Per problem.
        line: Their mean over problems.
        label: Unique among the choices.
        memory: Budget -> values (P,) that were computed before: every question asks for some of the same.
        forecasts: How it was made -> coverage beyond the samples, likewise; shared by the choices of an arm.
    """

    arm: Arm
    selector: Selector
    charges: Charges
    line: CostLine
    label: str
    memory: dict[int, FloatArray] = field(default_factory=dict, repr=False)
    forecasts: dict[Hashable, Curve] = field(default_factory=dict, repr=False)

    @property
    def metric(self) -> Metric:
        """Return what it is to be judged by: choices of other metrics are not compared with it."""
        return "coverage" if self.selector.kind == "coverage" else "selected accuracy"

    @property
    def n_min(self) -> int:
        """Return the fewest samples of any problem."""
        return int(self.arm.n.min())

    @property
    def verification_s(self) -> float | None:
        """Return the seconds of verification that a sample takes."""
        return _verification_s(self.arm, self.selector)

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what was assumed of its costs, and whether it selects by what it may not know."""
        samples, verifier = self.arm.samples, self.selector.verifier
        if samples is None or verifier is None or not samples.verifiers[verifier].sees_answer:
            return self.charges.notes
        return (
            f"'{verifier}' sees the answer key: what it selects is an upper bound, which no selector in use reaches.",
            *self.charges.notes,
        )

    def grid(self) -> IntArray:
        """Return the budgets of the curve."""
        if self.selector.kind == "majority":
            return np.union1d(doublings(self.n_min), [self.n_min])
        points = _COVERAGE_POINTS if self.selector.kind == "coverage" else _SELECTOR_POINTS
        return budget_grid(self.n_min, points)

    def values(self, k: IntArray) -> FloatArray:
        """Return each problem's chance of being solved with k samples, shape (P, K)."""
        missing = np.array(sorted({int(one) for one in k} - self.memory.keys()), dtype=np.int64)
        if len(missing):
            self.memory.update(zip(missing.tolist(), self._computed(missing).T, strict=True))
        return np.stack([self.memory[int(one)] for one in k], axis=1)

    def _computed(self, k: IntArray) -> FloatArray:
        """Compute what `values` returns, exactly, for budgets that increase."""
        if self.selector.kind == "coverage":
            return pass_at_k(self.arm.n, self.arm.c, k)
        samples = _samples(self.arm)
        if self.selector.kind == "majority":
            return maj_at_k(samples.problem, samples.answer_class, samples.correct, k)
        columns = samples.verifiers[self.selector.verifier or ""]
        if self.selector.kind == "best":
            return best_of_k(samples.problem, columns.score, samples.correct, k)
        return first_accepted(*self.acceptance(), k)

    def costs(self, k: IntArray) -> FloatArray:
        """Return the mean cost per problem of k samples, shape (K,).

        The first accepted sample ends the drawing, so that k is what may be drawn at most.
        """
        if self.selector.kind != "first":
            return self.line.cost(k)
        n, accepted, _ = self.acceptance()
        draws = expected_draws(n, accepted, k)  # (P, K)
        requests = np.ceil(draws / self.charges.request_size)
        cost = draws * self.charges.per_sample[:, None] + requests * self.charges.per_request[:, None]
        return np.asarray(self.charges.once.mean() + cost.mean(axis=0))

    def acceptance(self) -> tuple[IntArray, IntArray, IntArray]:
        """Return samples, accepted ones and accepted correct ones of each problem, each of shape (P,)."""
        samples = _samples(self.arm)
        yes = samples.verifiers[self.selector.verifier or ""].accepted
        n_problems = len(self.arm.n)
        accepted = np.bincount(samples.problem, weights=yes, minlength=n_problems)
        right = np.bincount(samples.problem, weights=yes & samples.correct, minlength=n_problems)
        return self.arm.n, accepted.astype(np.int64), right.astype(np.int64)


def selectors_of(kinds: Sequence[str], verifiers: Sequence[str]) -> list[Selector]:
    """Combine the selectors asked for with the verifiers they need.

    Raises:
        InvalidInputError: A selector without its verifier, or a verifier that no selector uses.

    >>> [one.label for one in selectors_of(["coverage", "best"], ["logprob"])]
    ['coverage', 'best by logprob']
    """
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise InvalidInputError(f"Unknown selector '{unknown[0]}'. Known: {', '.join(KINDS)}.")
    needy = [kind for kind in kinds if kind in ("best", "first")]
    if needy and not verifiers:
        raise InvalidInputError(
            f"Selector '{needy[0]}' needs a verifier to go by: give --verifier NAME, or 'logprob' for the samples' own "
            "log-probability."
        )
    if verifiers and not needy:
        raise InvalidInputError(
            f"--verifier {verifiers[0]} is used by no selector: add --selector best (highest score) or first (first accepted)."
        )
    chosen = []
    for kind in KINDS:
        if kind in kinds:
            chosen += [Selector(kind, name) for name in (verifiers if kind in needy else [None])]
    return chosen


def priced_choices(
    arms: Sequence[Arm], selectors: Sequence[Selector], model: CostModel, cost: str
) -> list[Choice]:
    """Price every arm with every selector.

    Raises:
        InvalidInputError: An arm cannot be priced, costs nothing, or has no samples to select from.
    """
    forecasts: list[dict[Hashable, Curve]] = [{} for _ in arms]
    choices = []
    for selector in selectors:
        for arm, ahead in zip(arms, forecasts, strict=True):
            _refuse_unusable(arm, selector)
            charges = charges_of(arm, model, cost, _verification_s(arm, selector), selector.verifier)
            choices.append(
                Choice(
                    arm=arm,
                    selector=selector,
                    charges=charges,
                    line=charges.line(arm.label),
                    label=_label(arm, selector, len(arms) > 1, len(selectors) > 1),
                    forecasts=ahead,
                )
            )
    return choices


def _label(arm: Arm, selector: Selector, several_arms: bool, several_selectors: bool) -> str:
    if several_selectors:
        return f"{arm.label}, {selector.label}" if several_arms else selector.label
    return arm.label


def _refuse_unusable(arm: Arm, selector: Selector) -> None:
    if selector.kind == "coverage":
        return
    samples = _samples(arm)
    if selector.kind == "majority" and not (samples.answer_class >= 0).any():
        raise InvalidInputError(
            f"No sample of '{arm.label}' has an extracted answer, so there is nothing to vote on."
        )
    if selector.verifier and selector.verifier not in samples.verifiers:
        raise InvalidInputError(
            f"'{arm.label}' has no verdicts of '{selector.verifier}'. Run: ttscale verify RUN --verifier {selector.verifier}"
        )
    if selector.kind == "first" and samples.verifiers[selector.verifier or ""].accepted.all():
        raise InvalidInputError(
            f"'{selector.verifier}' rejects no sample of '{arm.label}', so the first sample is always taken. Use --selector "
            "best to choose by its score."
        )


def _samples(arm: Arm) -> ArmSamples:
    if arm.samples is None:
        raise InvalidInputError(
            f"'{arm.label}' is a table of counts: only coverage can be asked of it. Give a run directory for selectors and "
            "token limits."
        )
    return arm.samples


def _verification_s(arm: Arm, selector: Selector) -> float | None:
    """Return the verification that the selector cannot do without: the oracle's for coverage, none for votes."""
    if selector.kind == "coverage":
        return arm.facts.verification_s
    if selector.verifier is None or arm.samples is None:
        return None
    return arm.samples.verifiers[selector.verifier].seconds
