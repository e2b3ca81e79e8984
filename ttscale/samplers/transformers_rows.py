"""Samples in the making in a batch of the sampler `transformers`."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ttscale.types import STOP_TEXT, CallSample, CallSettings, Sample, SampleRequest, shared

PLAIN = CallSettings()


@dataclass(slots=True)
class Row:
    """One sample in the making.

    Attributes:
        prompt: Tokens of the prompt, and behind it of what a call goes on from.
        before: That as text.
        stop_at: Where the text ends at a stop text.
    """

    request: SampleRequest
    number: int
    prompt: list[int]
    before: str
    generator: Any
    temperature: float
    max_tokens: int
    stop: tuple[str, ...]
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    top_logprobs: list[NDArray[np.float32]] = field(default_factory=list)
    finish_reason: str | None = None
    stop_at: int | None = None

    @property
    def call(self) -> CallSettings:
        """What differs from the run's settings."""
        return self.request.call or PLAIN

    @property
    def problem_id(self) -> str:
        """Whose it is."""
        return self.request.problem.problem_id

    def stop_in(self, text: str) -> int | None:
        """Return where the text ends at one of its stop texts: before it, or behind one of the call's own."""
        found = [(at, stop) for stop in self.stop if (at := text.find(stop)) >= 0]
        if not found:
            return None
        at, stop = min(found)
        return at if self.call.stop is None else at + len(stop)


def call_sample(sample: Sample, row: Row, *, ended: bool) -> CallSample:
    """Add what a strategy's attempt needs to go on."""
    own = shared(sample, Sample)
    if row.call.stop is not None and row.stop_at is not None:
        own["finish_reason"] = STOP_TEXT
    tokens = tuple(row.tokens[:-1] if ended else row.tokens)
    return CallSample(**own, prefix_text=row.before, token_ids=tokens if row.call.keep_tokens else None)


def until_none(rows: Iterable[Row | None]) -> list[Row]:
    """Take rows while there are some now."""
    return [row for row in takewhile(lambda row: row is not None, rows) if row is not None]
