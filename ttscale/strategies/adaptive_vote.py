"""Draw until the vote is safe (Aggarwal et al. 2023, Adaptive-Consistency, https://arxiv.org/abs/2305.11860; Li et al. 2024, ESC, https://arxiv.org/abs/2401.10480)."""

from collections import Counter
from typing import ClassVar

import numpy as np
from pydantic import BaseModel, Field

from ttscale.options import Settings
from ttscale.strategies.contract import Attempt, Completion, Generate, Judge, Need, Steps, VerifierChoice
from ttscale.types import Problem


class AdaptiveVoteOptions(Settings):
    """Options of `adaptive-vote`."""

    classes: VerifierChoice = "numeric"
    """Reads the answers: those that it puts into one class are one answer. It is never shown the key."""
    most: int = Field(default=40, ge=1)
    """Most draws."""
    window: int = Field(default=1, ge=1)
    """Draws between two looks at the vote."""
    threshold: float | None = Field(default=0.95, gt=0.0)
    """Stop when the leading answer beats the next one with this probability (a uniform prior on their shares); above 1:
    never. None: ESC's rule instead, stop when all answers of a window agree."""


class AdaptiveVote:
    """Draw until the vote is safe, and return its winner.

    With a threshold out of reach it is the majority vote of `most` samples.
    """

    Options: ClassVar[type[BaseModel]] = AdaptiveVoteOptions
    needs: ClassVar[frozenset[Need]] = frozenset({"classes"})

    def __init__(self, options: AdaptiveVoteOptions) -> None:
        self._options = options

    def attempt(self, problem: Problem, rng: np.random.Generator) -> Steps:
        """Draw window by window; return the first completion of the leading class, ties broken at random."""
        options = self._options
        votes: Counter[str] = Counter()
        first_of: dict[str, Completion] = {}
        window: list[str | None] = []
        n_drawn = 0
        while n_drawn < options.most and not self._is_safe(votes, window):
            drawn = yield [Generate()] * min(options.window, options.most - n_drawn)
            verdicts = yield [Judge.of(completion, by="classes") for completion in drawn]
            window = [verdict.answer_class for verdict in verdicts]
            n_drawn += len(drawn)
            last = drawn[-1]
            for completion, answer in zip(drawn, window, strict=True):
                if answer is not None:
                    votes[answer] += 1
                    first_of.setdefault(answer, completion)
        leaders = [answer for answer, count in votes.items() if count == max(votes.values())]
        chosen = first_of[leaders[int(rng.integers(len(leaders)))]] if leaders else last
        return Attempt.of(chosen, notes={"draws": n_drawn})

    def _is_safe(self, votes: Counter[str], window: list[str | None]) -> bool:
        threshold = self._options.threshold
        if threshold is None:
            return len(window) == self._options.window and None not in window and len(set(window)) == 1
        counts = [count for _, count in votes.most_common(2)] + [0, 0]
        return bool(votes) and lead_probability(counts[0], counts[1]) >= threshold


def lead_probability(first: int, second: int) -> float:
    """Return the chance that the leader's share is above one half of the two, under a uniform prior.

    >>> round(lead_probability(1, 0), 3), lead_probability(2, 2)
    (0.75, 0.5)
    """
    from scipy.special import betainc

    return float(1 - betainc(first + 1, second + 1, 0.5))
