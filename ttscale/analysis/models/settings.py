"""What to compare models by."""

from dataclasses import dataclass, field

from ttscale.analysis.budget.pricing import Pricing
from ttscale.stats.decide.settling import POWER
from ttscale.stats.selectors.contract import Selector
from ttscale.types import CONFIDENCE_LEVEL


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelComparisonSettings:
    """How to compare.

    Attributes:
        cells: Labels of those to compare; all by default.
        against: Compare every other one with this one alone; by default all pairs.
        k: Budgets; powers of ten and the largest that all reach by default, where more than three pairs are compared at
            the largest alone.
        selectors: Curves to compare: "coverage", "majority", "best", "first", ..., or selectors.
        verifiers: Whose scores or verdicts they go by; "logprob" for the samples' own.
        oracle: What defines *correct*; by default each run's own.
        at: Costs per problem to compare at; by default three within what all reach.
        pricing: What is known of costs.
        power: Chance with which more problems or samples shall settle a comparison.
        confidence_level: Of all intervals of one curve together.
        seed: Of everything simulated.
    """

    cells: tuple[str, ...] = ()
    against: str | None = None
    k: tuple[int, ...] | None = None
    selectors: tuple[str | Selector, ...] = ("coverage",)
    verifiers: tuple[str, ...] = ()
    oracle: str | None = None
    at: tuple[float, ...] = ()
    pricing: Pricing = field(default_factory=Pricing)
    power: float = POWER
    confidence_level: float = CONFIDENCE_LEVEL
    seed: int = 0
