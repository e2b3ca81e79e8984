"""When to stop sampling before `sampling.n`: the settings of ``sampling.until``."""

from typing import Literal, Self

from pydantic import Field, model_validator

from ttscale.options import Settings
from ttscale.types import CONFIDENCE_LEVEL

Quantity = Literal["coverage", "forecast", "difference"]


class UntilSettings(Settings):
    """Stop a problem at so many successes, or a cell when an interval is narrow enough. No part of a sample's identity.

    Samples are drawn in rounds; the oracle verifies each before the next one is decided.
    """

    successes: int | None = Field(default=None, ge=1)
    """Stop a problem once so many of its samples are correct."""
    quantity: Quantity | None = None
    """Stop the cell when the interval of this is narrow: "coverage" at k, "forecast" of coverage at k samples
    per problem, or "difference" in coverage at k to the cell named by `to`."""
    k: int | None = Field(default=None, ge=1)
    width: float | None = Field(default=None, gt=0.0, lt=1.0)
    """Upper less lower end that is narrow enough."""
    to: str | None = None
    """The other cell of a difference. It draws its `n` in full, before this one."""
    over: Literal["samples", "problems"] = "samples"
    """What the interval generalises over: other samples of these problems, which more samples can tell; or other
    problems, too, whose share of the width only more problems can shrink."""
    confidence_level: float = Field(default=CONFIDENCE_LEVEL, gt=0.0, lt=1.0)
    allocation: Literal["adaptive", "uniform"] = "adaptive"
    """Whether the next samples go where they shrink the interval most, or to all problems alike."""
    first: int = Field(default=16, ge=1)
    """Samples of every problem before anything is decided."""
    growth: float = Field(default=1.5, ge=1.05, le=10.0)
    """How many times as many samples a problem has after a round as before it."""
    round_size: int | None = Field(default=None, ge=1)
    """Fewest samples of a round. None: four times as many as the engines draw at a time, at least 1,024: a round of no more than that
    would keep a fifth of them busy."""

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if (self.successes is None) == (self.quantity is None):
            raise ValueError(
                "one rule is needed: {successes: 1}, or {quantity: coverage, k: 100, width: 0.05}"
            )
        if self.quantity is None:
            given = [name for name in ("k", "width", "to") if getattr(self, name) is not None]
            if given:
                raise ValueError(f"'{given[0]}' belongs to a quantity, not to successes")
        elif self.k is None or self.width is None:
            raise ValueError(f"a {self.quantity} needs both k and width, such as k: 100, width: 0.05")
        if (self.quantity == "difference") != (self.to is not None):
            raise ValueError("'to' names the other cell of quantity: difference, and of nothing else")
        return self

    @property
    def short(self) -> str:
        """The rule as it stands in a table."""
        if self.successes is not None:
            return f"{self.successes} success{'es' * (self.successes > 1)}"
        to = f" to {self.to}" if self.to else ""
        return f"{self.quantity}@{self.k}{to} width {self.width:g}"

    def __str__(self) -> str:
        """Return the rule as the end of a sentence: samples are drawn until ..."""
        if self.successes is not None:
            return f"a problem has {self.successes} success{'es' * (self.successes > 1)}"
        to = f" to {self.to}" if self.to else ""
        over = "" if self.quantity == "forecast" else f", over {self.over}"
        return f"the {self.quantity} at k = {self.k}{to} has an interval narrower than {self.width:g}{over}"
