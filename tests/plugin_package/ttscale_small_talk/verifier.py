"""A verifier that sees no answer key: short answers score high, and long ones are refused."""

from collections.abc import Sequence
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from ttscale.types import Outcome, Verdict
from ttscale.verifiers.contract import Candidate


class BrevityOptions(BaseModel):
    """Options of `brevity`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    most_characters: int = Field(default=20, ge=1)
    """A longer completion is not accepted."""


class BrevityVerifier:
    """Accept short completions; the shorter, the higher the score."""

    Options: ClassVar[type[BaseModel]] = BrevityOptions
    version: ClassVar[str] = "1"
    sees_answer: ClassVar[bool] = False
    deterministic: ClassVar[bool] = True

    def __init__(self, options: BrevityOptions) -> None:
        self._most = options.most_characters

    def verify(self, batch: Sequence[Candidate]) -> list[Verdict]:
        """Return one verdict per candidate, in order."""
        return [self._verify_one(candidate.sample.completion.strip()) for candidate in batch]

    def _verify_one(self, text: str) -> Verdict:
        if not text:
            return Verdict(outcome=Outcome.NO_ANSWER)
        outcome = Outcome.CORRECT if len(text) <= self._most else Outcome.INCORRECT
        return Verdict(outcome=outcome, score=-float(len(text)), answer=text, answer_class=text.lower())
