"""Texts that grow step by step: what particles and beams are made of."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field

from ttscale.options import Settings
from ttscale.strategies.contract import Attempt, Completion, Generate, Judge, Need, Tokens, VerifierChoice


class StepOptions(Settings):
    """What a step is, and who scores it."""

    verifier: VerifierChoice
    """Scores unfinished texts: a process reward model, or any check that needs no key."""
    step_tokens: int | None = Field(default=None, ge=1)
    """Most tokens of a step; None: ``sampling.max_tokens``."""
    step_stop: tuple[str, ...] = ("\n\n",)
    """Texts that end a step; none for steps of exactly `step_tokens`."""
    steps: int = Field(default=40, ge=1)
    """Most steps of a text."""

    @property
    def needs(self) -> frozenset[Need]:
        """What growing texts needs of an engine."""
        own: frozenset[Need] = frozenset({"prefix", "verifier"})
        return own | {"stop"} if self.step_stop else own


@dataclass(frozen=True, slots=True)
class Partial:
    """A text under way.

    Attributes:
        pieces: What was generated so far, to go on from.
        text: The same as text.
        last: The call that ended it.
        score: What the verifier says of it.
        earlier: The texts that it grew from, shortest first.
    """

    pieces: tuple[Tokens, ...] = ()
    text: str = ""
    last: Completion | None = None
    score: float | None = None
    earlier: tuple["Partial", ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether it can grow."""
        return self.last is None or (self.last.is_open and self.last.n_tokens > 0)

    def step(self, options: StepOptions, number: int) -> Generate:
        """Ask for its next step."""
        return Generate(
            prefix=self.pieces,
            max_tokens=options.step_tokens,
            stop=options.step_stop or None,
            tokens=True,
            role=f"step {number}",
        )

    def grown(self, more: Completion) -> "Partial":
        """Return the text with one more step, not scored yet."""
        text = (
            more.before + more.text
        )  # as decoded together: a token may reach beyond the text that ended a step
        return Partial((*self.pieces, more.whole()), text, more, None, (*self.earlier, self))

    def judged(self) -> Judge:
        """Ask what it is worth."""
        return Judge(self.text, self.last, role="score")

    def finished(self, notes: dict[str, float] | None = None) -> Attempt:
        """Make it the attempt's answer."""
        return Attempt(text=self.text, last=self.last, notes=notes or {})


def open_ones(texts: Sequence[Partial]) -> list[int]:
    """Return the positions of the texts that can grow."""
    return [j for j, text in enumerate(texts) if text.is_open]
