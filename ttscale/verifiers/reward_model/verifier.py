"""The verifier `reward-model`: scores samples with a trained model that does not see the answer key.

Scores of different models, or of one with another activation, are not comparable. Raw logits can be negative; a
weighted vote needs weights that are not.
"""

import math
from collections.abc import Sequence
from typing import ClassVar

from ttscale.types import Message, Outcome, Problem, Verdict
from ttscale.verifiers.contract import Candidate, by_threshold, failed
from ttscale.verifiers.reasoning import ReadingVerifier
from ttscale.verifiers.reward_model.options import Backend, Passage, RewardModelOptions, Rewards
from ttscale.verifiers.reward_model.reducing import reduced
from ttscale.yaml_text import LONE_SURROGATE


class RewardModelVerifier(ReadingVerifier):
    """Score samples with a reward model: outcome or step rewards."""

    Options: ClassVar[type[RewardModelOptions]] = RewardModelOptions
    version: ClassVar[str] = "3"
    sees_answer: ClassVar[bool] = False
    min_batch: ClassVar[int] = 32  # texts of like length can only be batched if there are some

    def __init__(self, options: RewardModelOptions) -> None:
        super().__init__(options)
        self._backend: Backend | None = None

    def _verify(self, batch: Sequence[Candidate]) -> list[Verdict]:
        if self._backend is None:
            self._backend = backend_of(self.options)
        passages = [self._passage(candidate) for candidate in batch]
        scored = iter(self._backend.rewards([passage for passage in passages if passage.steps]))
        return [
            self._verdict(next(scored)) if passage.steps else Verdict(outcome=Outcome.NO_ANSWER)
            for passage in passages
        ]

    def close(self) -> None:
        """Free the model; safe to call twice."""
        if self._backend is not None:
            self._backend.close()
            self._backend = None

    def _passage(self, candidate: Candidate) -> Passage:
        text = LONE_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", candidate.sample.completion)
        parts = text.split(self.options.separator) if self.options.rewards == "steps" else [text]
        return Passage(_turns(candidate.problem), tuple(part for part in parts if part.strip()))

    def _verdict(self, rewards: Rewards | str) -> Verdict:
        if isinstance(rewards, str):
            return failed(rewards)
        score = reduced(rewards, self.options.reduction)
        if not math.isfinite(score):
            return failed(f"The model's reward is {score}.")
        detail = None if self.options.rewards == "outcome" else f"steps: {_shown(rewards)}"
        return Verdict(outcome=by_threshold(score, self.options.accept_at), score=score, detail=detail)


def backend_of(options: RewardModelOptions) -> Backend:
    """Return what runs the model; loads nothing yet."""
    if options.endpoint is not None:
        from ttscale.verifiers.reward_model.served import ServedBackend

        return ServedBackend(options, options.endpoint)
    from ttscale.verifiers.reward_model.choosing import local_backend

    return local_backend(options)


def _turns(problem: Problem) -> tuple[Message, ...]:
    return problem.messages or (Message("user", problem.prompt or ""),)


def _shown(rewards: Rewards) -> str:
    return " ".join(f"{reward:.4g}" for reward in rewards[:50]) + (" ..." if len(rewards) > 50 else "")
