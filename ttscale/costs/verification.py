"""What it costs that a model judges samples: the tokens that a judge or a reward model read and wrote.

Every verdict is a request of its own, with a prompt that no other shares: the cost model charges it as it charges a
problem of which one sample is drawn. Notation: P problems, S samples.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from ttscale.arrays import FloatArray, IntArray
from ttscale.costs.contract import CostModel, ModelFacts, Usage
from ttscale.errors import InvalidInputError


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class VerifierTokens:
    """Tokens that a verifier which is a model took for its verdicts.

    Attributes:
        names: What the verifier's size and price are looked up by: its own name, then its model's.
        prompt_tokens: Tokens that it read for each sample, shape (S,).
        completion_tokens: Tokens that it wrote, shape (S,).
        facts: What is known of its model.
        times: Verdicts per sample, shape (S,), each of so many tokens; None: one.
        estimated: Whether the tokens are those of the samples it read, because it recorded none.
    """

    names: tuple[str, ...]
    prompt_tokens: FloatArray
    completion_tokens: FloatArray
    facts: ModelFacts = field(default_factory=ModelFacts)
    times: FloatArray | None = None
    estimated: bool = False

    def rows(self, kept: np.ndarray) -> "VerifierTokens":
        """Return those of some samples."""
        return replace(
            self,
            prompt_tokens=self.prompt_tokens[kept],
            completion_tokens=self.completion_tokens[kept],
            times=None if self.times is None else self.times[kept],
        )


def verification_charges(
    model: CostModel, tokens: VerifierTokens, problem: IntArray, n_problems: int
) -> tuple[FloatArray, tuple[str, ...]]:
    """Price the mean verdict on each problem's samples.

    Args:
        model: A cost model that counts tokens; what it needs is known.
        tokens: What the verifier took.
        problem: Problem number of each sample, shape (S,), every problem at least once.
        n_problems: P.

    Returns:
        The charge per sample, shape (P,), and what was assumed.

    Raises:
        InvalidInputError: Charges that are negative or not finite.

    Worked example, in tokens: a judge that reads 300 tokens and writes 20 adds 320 to every sample.

    >>> from ttscale.costs.counted import TokenCost
    >>> judge = VerifierTokens(names=("judge",), prompt_tokens=np.array([300.0]), completion_tokens=np.array([20.0]))
    >>> verification_charges(TokenCost(TokenCost.Options()), judge, np.array([0]), 1)[0].tolist()
    [320.0]
    """
    each = Usage(
        prompt_tokens=tokens.prompt_tokens,
        completion_tokens=tokens.completion_tokens,
        problem=np.arange(len(problem)),
    )
    charges = model.charges(each, tokens.facts)
    verdict = charges.once + charges.per_request + charges.per_sample  # (S,)
    verdict = verdict if tokens.times is None else verdict * tokens.times
    if not np.isfinite(verdict).all() or (verdict < 0).any():
        raise InvalidInputError(
            f"Verdicts of '{tokens.names[0]}' must cost a finite amount of at least 0, but one costs "
            f"{verdict[~(np.isfinite(verdict) & (verdict >= 0))][0]:g} {charges.unit}. Check its tokens and prices."
        )
    total = np.bincount(problem, weights=verdict, minlength=n_problems)
    return np.asarray(total / np.bincount(problem, minlength=n_problems)), (
        _note(tokens, float(verdict.mean()), charges.unit),
        *charges.notes,
    )


def _note(tokens: VerifierTokens, mean: float, unit: str) -> str:
    times = 1.0 if tokens.times is None else tokens.times
    read, wrote = (tokens.prompt_tokens * times).mean(), (tokens.completion_tokens * times).mean()
    how = "as many as its samples have, because it recorded none" if tokens.estimated else "as recorded"
    return (
        f"Verdicts of '{tokens.names[0]}' are counted: {read:,.4g} tokens read and {wrote:,.4g} written per sample, {how}; "
        f"{mean:,.4g} {unit} each."
    )
