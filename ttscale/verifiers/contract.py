"""What a verifier plugin is.

A verifier is a class with an `Options` pydantic model (``extra="forbid"``, frozen), constructed from an
instance of it, and three class attributes that say what it is::

    class MyVerifier:
        Options = MyOptions
        version = "1"
        sees_answer = False
        deterministic = True

        def __init__(self, options: MyOptions) -> None: ...

        def verify(self, batch: Sequence[Candidate]) -> Sequence[Verdict]: ...

A verifier with ``sees_answer = False`` is handed problems whose `answer` is None and
whose `hidden` is empty: it cannot peek. Equal
completions of one problem reach a deterministic verifier once.

Verifiers of others run in a process of their own that can be killed (`ttscale.verifiers.isolation`). A class
attribute `isolated` (true, false or `IsolationSettings`) says otherwise, and the user's key `isolation` beside
the verifier's name has the last word.

A verifier that only scores returns ``Outcome.SCORED`` (see `by_threshold`); an oracle may not.

Batches are sized to take about a second. A verifier that needs more at a time to be efficient, because it keeps a
server or a GPU busy, says so in an attribute `min_batch`; one whose `verify` may be called from several threads at once, in
`batches_at_once`: how many, so that one slow candidate does not hold up the others. One that compares the candidates of a problem with each other sets `by_problem`:
candidates of one problem then stand together in a batch, as far as they are verified at one time. One that reads
`Sample.top_logprobs`, the largest of all that a sample may hold, sets `reads_top_logprobs`: without it they are None.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel

from ttscale.types import Outcome, Problem, Sample, Verdict


@dataclass(frozen=True, slots=True)
class Candidate:
    """One sample with the problem it answers."""

    problem: Problem
    sample: Sample


class Verifier(Protocol):
    """Judges or scores samples.

    Attributes:
        version: Raised whenever the same options could give another verdict; part of the verdicts' identity.
        sees_answer: True marks an oracle, which defines *correct*.
        deterministic: Whether equal candidates always get equal verdicts; if so, duplicates are verified once.
    """

    Options: ClassVar[type[BaseModel]]
    version: ClassVar[str]
    sees_answer: ClassVar[bool]
    deterministic: ClassVar[bool]

    def __init__(self, options: Any) -> None:
        """Keep the options. Expensive set-up belongs into the first `verify`."""

    def verify(self, batch: Sequence[Candidate]) -> Sequence[Verdict]:
        """Return one verdict per candidate, in order. Candidates of several problems may be mixed.

        A failure on one candidate is ``Outcome.ERROR`` with the reason in `detail`, not an exception.

        Raises:
            VerifierError: Nothing can be verified at all (no sandbox, no server); the message says the fix.
        """


def failed(detail: str | None, *, seconds: float | None = None, answer: str | None = None) -> Verdict:
    """Return the verdict of a verifier that failed on a sample: neither right nor wrong.

    >>> failed("no server").outcome
    <Outcome.ERROR: 'error'>
    """
    return Verdict(outcome=Outcome.ERROR, detail=detail, seconds=seconds, answer=answer)


def by_threshold(score: float, accept_at: float | None) -> Outcome:
    """Return the outcome of a verifier that accepts from a score on, or only scores.

    >>> by_threshold(0.7, 0.5), by_threshold(0.7, None)
    (<Outcome.CORRECT: 'correct'>, <Outcome.SCORED: 'scored'>)
    """
    if accept_at is None:
        return Outcome.SCORED
    return Outcome.CORRECT if score >= accept_at else Outcome.INCORRECT
