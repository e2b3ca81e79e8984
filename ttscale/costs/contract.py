"""What a cost model is: token counts and what is known of the model in, charges out.

A cost model is a class with an `Options` pydantic model and one method::

    class MyCost:
        Options = MyOptions
        unit = "usd"
        needs = frozenset({"tokens"})

        def __init__(self, options: MyOptions) -> None: ...

        def charges(self, usage: Usage, facts: ModelFacts) -> Charges: ...

Notation: P problems, S samples. Drawing k samples of problem i costs ``once_i + ceil(k / request_size) *
per_request_i + k * per_sample_i``, in the model's unit.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from ttscale.arrays import ArrayLike, FloatArray, IntArray
from ttscale.costs.architecture import Architecture
from ttscale.errors import InvalidInputError

T = TypeVar("T", float, FloatArray)

Need = Literal["tokens", "architecture", "price", "seconds", "joules"]
"""What a cost model cannot do without: token counts, or one of the fields of `ModelFacts`."""

PromptReuse = Literal["problem", "request", "sample"]
"""How often a prompt is paid: once per problem (prefix caching), once per request, or with every sample."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LaterCalls:
    """What the calls of an attempt took, where it made several: sums over its calls j with prompts p_j and l_j generated tokens.

    Later calls are all but the first, whose prompt is the problem's own. Every field has shape (S,).

    Attributes:
        calls: Later calls.
        prompt_tokens: Σ p_j of later calls.
        cached_tokens: Those of them that the engine had in its prefix cache.
        first_tokens: l of the first call.
        squared_tokens: Σ l_j² of all calls.
        crossed_tokens: Σ p_j l_j of later calls.
        attended_read: Tokens that the later prompts' tokens attend to, themselves included, where only what was not cached is read.
        attended_whole: The same where all of a prompt is read.
    """

    calls: FloatArray
    prompt_tokens: FloatArray
    cached_tokens: FloatArray
    first_tokens: FloatArray
    squared_tokens: FloatArray
    crossed_tokens: FloatArray
    attended_read: FloatArray
    attended_whole: FloatArray

    def of(self, which: NDArray[np.bool_] | IntArray) -> "LaterCalls":
        """Return those of some samples."""
        return LaterCalls(**{one.name: getattr(self, one.name)[which] for one in fields(self)})

    def read(self, reuse: PromptReuse) -> FloatArray:
        """Return the prompt tokens that had to be read, (S,): without those in the cache, unless no prompt is reused."""
        return self.prompt_tokens if reuse == "sample" else self.prompt_tokens - self.cached_tokens

    def attended(self, reuse: PromptReuse) -> FloatArray:
        """Return how many tokens those attend to, (S,)."""
        return self.attended_whole if reuse == "sample" else self.attended_read


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Usage:
    """Tokens that the samples of one arm took.

    Attributes:
        prompt_tokens: Tokens of each problem's prompt, shape (P,); 0 where unknown.
        completion_tokens: Tokens generated per sample, shape (S,).
        problem: Problem number of each sample, shape (S,), 0..P-1, every problem at least once.
        request_size: Samples per engine request.
        later: What the calls of a sample took, where a strategy makes several of them.
    """

    prompt_tokens: FloatArray
    completion_tokens: FloatArray
    problem: IntArray
    request_size: int = 1
    later: "LaterCalls | None" = None

    def mean_per_problem(self, values: FloatArray) -> FloatArray:
        """Average values of samples (S,) within each problem: (P,)."""
        n_problems = len(self.prompt_tokens)
        total = np.bincount(self.problem, weights=values, minlength=n_problems)
        return np.asarray(total / np.bincount(self.problem, minlength=n_problems))

    def rows(self, kept: IntArray) -> "Usage":
        """Return the usage of some samples of the same problems."""
        return replace(
            self,
            completion_tokens=self.completion_tokens[kept],
            problem=self.problem[kept],
            later=None if self.later is None else self.later.of(kept),
        )

    def for_problems(self, which: IntArray) -> "Usage":
        """Return the usage of some problems only, in the order given; samples stand in the order of their problems."""
        position = np.full(len(self.prompt_tokens), -1)
        position[which] = np.arange(len(which))
        at = position[self.problem]
        kept = np.flatnonzero(at >= 0)
        kept = kept[np.argsort(at[kept], kind="stable")]
        return replace(self.rows(kept), prompt_tokens=self.prompt_tokens[which], problem=at[kept])


def usage(
    prompt_tokens: ArrayLike, completion_tokens: ArrayLike, *, n_problems: int = 1, request_size: int = 1
) -> Usage:
    """Build a usage from typical lengths, where the tokens of single samples are not known.

    Terms that grow with the square of a length are then too small, by the relative variance of the lengths.

    Args:
        prompt_tokens: Of each prompt, shape (P,), or one number for all.
        completion_tokens: Mean per sample of each problem, shape (P,), or one number for all.
        n_problems: P where both are single numbers.
        request_size: Samples per engine request.

    >>> usage(100, [20, 40]).mean_per_problem(np.array([20.0, 40.0])).tolist()
    [20.0, 40.0]
    """
    shape = np.broadcast_shapes(np.shape(prompt_tokens), np.shape(completion_tokens), (n_problems,))
    prompt = np.broadcast_to(np.asarray(prompt_tokens, dtype=np.float64), shape)
    completion = np.broadcast_to(np.asarray(completion_tokens, dtype=np.float64), shape)
    if (prompt < 0).any() or (completion < 0).any():
        raise InvalidInputError(
            f"Token counts are at least 0, but the smallest is {min(prompt.min(), completion.min()):g}."
        )
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        problem=np.arange(shape[0]),
        request_size=request_size,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Prices of a model behind an API, in US dollars per million tokens.

    Attributes:
        name: The model's name in the price file.
        prompt: Per million prompt tokens.
        completion: Per million generated tokens.
        cached_prompt: Per million prompt tokens that were sent before; None: as `prompt`.
        verification_hour: Per hour of verification; None: verification is free of charge.
        source: Where the prices stand, and of which day.
    """

    name: str
    prompt: float
    completion: float
    cached_prompt: float | None = None
    verification_hour: float | None = None
    source: str = "given"

    def usd(self, prompt_tokens: T, completion_tokens: T, cached_tokens: T | float = 0.0) -> T:
        """Return the US dollars of tokens, numbers or arrays; `cached_tokens` are those of the prompt that were sent before.

        >>> Price(name="m", prompt=3.0, completion=15.0, cached_prompt=0.3).usd(2000, 1000, 1000)
        0.0183
        """
        cached = self.prompt if self.cached_prompt is None else self.cached_prompt
        read = (prompt_tokens - cached_tokens) * self.prompt + cached_tokens * cached
        return (read + completion_tokens * self.completion) / 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What is known of the model of one arm and of the machine that sampled it; None where nothing is.

    Attributes:
        architecture: Sizes of the network.
        price: Prices of its tokens.
        seconds_per_token: Device-seconds per generated token, measured in the run itself, prompts included.
        joules_per_token: Joules per generated token, measured in the run itself.
        verification_s: Seconds that verifying one sample took.
        batch: Sequences that the engine ran side by side.
        device: What was measured, such as "cpu".
    """

    architecture: Architecture | None = None
    price: Price | None = None
    seconds_per_token: float | None = None
    joules_per_token: float | None = None
    verification_s: float | None = None
    batch: int | None = None
    device: str | None = None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Charges:
    """What samples of each problem cost, in one unit.

    Attributes:
        unit: Such as "flops".
        per_sample: With every sample, the mean over the problem's samples, shape (P,).
        once: However many samples are drawn, shape (P,).
        per_request: With every request, shape (P,).
        request_size: Samples per request.
        notes: What was assumed, in plain sentences.
    """

    unit: str
    per_sample: FloatArray
    once: FloatArray
    per_request: FloatArray
    request_size: int = 1
    notes: tuple[str, ...] = field(default=())

    def line(self, label: str = "this arm") -> "CostLine":
        """Average over problems: the cost of k samples of a typical problem.

        Raises:
            InvalidInputError: A sample costs nothing, or a charge is negative or not a number.
        """
        once, request, sample = (
            float(part.mean()) for part in (self.once, self.per_request, self.per_sample)
        )
        if not np.isfinite([once, request, sample]).all() or min(once, request, sample) < 0:
            raise InvalidInputError(
                f"Costs of '{label}' must be finite and at least 0, but are {once:g} once, {request:g} per request "
                f"and {sample:g} per sample ({self.unit}). Check its tokens and prices."
            )
        if sample == 0 and request == 0:
            raise InvalidInputError(
                f"A sample of '{label}' costs 0 {self.unit}, so every budget buys endlessly many. Check its tokens and "
                "prices, or choose another cost model with --cost."
            )
        return CostLine(
            unit=self.unit, once=once, per_request=request, per_sample=sample, request_size=self.request_size
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CostLine:
    """The mean cost over problems of drawing k samples from each: once + ⌈k/r⌉ per_request + k per_sample.

    Attributes:
        unit: Such as "flops".
        once: Paid with the first sample of a problem.
        per_request: Paid with every request of r samples.
        per_sample: Paid with every sample.
        request_size: r.
    """

    unit: str
    once: float
    per_request: float
    per_sample: float
    request_size: int = 1

    def cost(self, k: ArrayLike) -> FloatArray:
        """Return the cost per problem of k samples, shape of k; nothing for k = 0.

        >>> CostLine(unit="tokens", once=10, per_request=0, per_sample=5).cost([0, 1, 2]).tolist()
        [0.0, 15.0, 20.0]
        """
        ks = np.asarray(k, dtype=np.float64)
        requests = np.ceil(ks / self.request_size)
        return np.where(ks > 0, self.once + requests * self.per_request + ks * self.per_sample, 0.0)

    def affordable(self, budget: ArrayLike) -> IntArray:
        """Return the most samples per problem whose cost is within each budget per problem.

        >>> CostLine(unit="tokens", once=10, per_request=0, per_sample=5).affordable([9, 15, 24, 25]).tolist()
        [0, 1, 2, 3]
        """
        r, within = self.request_size, (np.asarray(budget, dtype=np.float64) - self.once) * (1 + 1e-12)
        block = self.per_request + r * self.per_sample
        blocks = np.floor(within / block)
        rest = within - blocks * block - self.per_request
        more = np.floor(rest / self.per_sample) if self.per_sample else np.where(rest >= 0, np.inf, -1.0)
        samples = np.maximum(blocks, 0) * r + np.where(blocks >= 0, np.clip(more, 0, r - 1), 0)
        return np.asarray(np.minimum(samples, 2.0**62).astype(np.int64))


_MEASURED = frozenset({"seconds", "joules"})
"""Needs of cost models that measure the machine: they count verification by its time, not by its tokens."""


class CostModel(Protocol):
    """Turns token counts into charges."""

    Options: ClassVar[type[BaseModel]]
    unit: ClassVar[str]
    """Such as "flops"; costs of different units are never compared."""
    needs: ClassVar[frozenset[Need]]
    """What must be known; the caller checks it and says what is missing."""

    def __init__(self, options: Any) -> None:
        """Keep the options."""

    def charges(self, usage: Usage, facts: ModelFacts) -> Charges:
        """Return what samples cost.

        Args:
            usage: Tokens.
            facts: What is known of the model; everything that `needs` names is there.
        """


def split_prompt(
    prompt: FloatArray, reuse: PromptReuse, per_sample: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return (once, per_request, per_sample) with the prompt's charge (P,) put where it is paid."""
    nothing = np.zeros_like(prompt)
    if reuse == "problem":
        return prompt, nothing, per_sample
    if reuse == "request":
        return nothing, prompt, per_sample
    return nothing, nothing, per_sample + prompt


def missing_needs(needs: Iterable[Need], facts: ModelFacts, *, has_tokens: bool) -> list[Need]:
    """Return what a cost model needs and is not known, sorted."""
    known: dict[Need, bool] = {
        "tokens": has_tokens,
        "architecture": facts.architecture is not None,
        "price": facts.price is not None,
        "seconds": facts.seconds_per_token is not None,
        "joules": facts.joules_per_token is not None,
    }
    return sorted(need for need in needs if not known[need])


def counts_tokens(model: CostModel) -> bool:
    """Tell whether a cost model counts a verifier's tokens.

    >>> from ttscale.costs.counted import TokenCost
    >>> counts_tokens(TokenCost(TokenCost.Options()))
    True
    """
    return "tokens" in model.needs and not _MEASURED & model.needs
