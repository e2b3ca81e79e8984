"""The names `vote` and `ensemble`: verdicts that no single sample has.

Agreement with the other samples changes whenever a problem gets more of them, so a stored vote would be stale after
the next extension; and an ensemble is learnt from the oracle's verdicts, which no verifier may see. Both are
therefore computed where verifiers are compared, from what is stored (`ttscale.analysis.comparison.compare`). The classes here
make the names known, and say so when a configuration asks for them.
"""

from collections.abc import Sequence
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from ttscale.errors import ConfigError
from ttscale.types import Verdict
from ttscale.verifiers.contract import Candidate


class NoOptions(BaseModel):
    """A verifier without options."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DerivedVerifier:
    """Refuse to verify sample by sample, and name the command that knows how."""

    Options: ClassVar[type[BaseModel]] = NoOptions
    version: ClassVar[str] = "1"
    sees_answer: ClassVar[bool] = False
    deterministic: ClassVar[bool] = True
    name: ClassVar[str]
    reason: ClassVar[str]

    def __init__(self, options: NoOptions) -> None:
        raise ConfigError(
            f"'{self.name}' {self.reason}, so it has no verdicts of its own to store. Leave it out of the verifiers; "
            f"`ttscale compare RUN --verifiers {self.name},...` computes it from those that are stored."
        )

    def verify(self, batch: Sequence[Candidate]) -> list[Verdict]:
        """Never called: it cannot be constructed."""
        raise NotImplementedError


class VoteVerifier(DerivedVerifier):
    """Agreement with the problem's other samples; in `ttscale compare` only."""

    name: ClassVar[str] = "vote"
    reason: ClassVar[str] = "depends on all samples of a problem"


class EnsembleVerifier(DerivedVerifier):
    """The other verifiers' scores, combined by cross-fitted logistic regression; in `ttscale compare` only."""

    name: ClassVar[str] = "ensemble"
    reason: ClassVar[str] = "is learnt from the oracle's verdicts"
