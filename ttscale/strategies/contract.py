"""What a strategy plugin is: a way to spend compute on one attempt at a problem.

**One attempt is one sample.** It may take one call of the model or five hundred; k attempts are k independent draws of
the strategy, so every estimator, law and budget holds for them as it does for plain samples. What an attempt throws away
belongs to its trace and its cost, and is never counted as a sample.

A strategy is a class with an `Options` pydantic model and a generator that reads like its paper's algorithm. It yields
what it wants next, one ask or a list of them, is sent the answers in the order asked, and returns the attempt::

    class BestOfTwo:
        Options = BestOfTwoOptions
        needs = frozenset({"verifier"})

        def __init__(self, options: BestOfTwoOptions) -> None: ...

        def attempt(self, problem: Problem, rng: np.random.Generator) -> Steps:
            drafts = yield [Generate(), Generate()]
            verdicts = yield [Judge.of(draft) for draft in drafts]
            best = max(range(2), key=lambda j: verdicts[j].score)
            return Attempt.of(drafts[best])

It has no engine, no store, no clock and no state of its own: all randomness comes from `rng`. An interrupted attempt is
begun again with the same `rng` and sent the recorded answers, so it must ask the same things given the same answers.
A class attribute ``answers_in_turns = True`` says that the calls of each step are whole answers, at which an attempt could
have stopped: accuracy by turn is then read off one run.
The attribute ``uses_rng = False`` says that it draws no lots: no generator is made
then, which costs as much as all else that is done for a plain attempt. The problem carries no key and no hidden tests. Options named `verifier` and `classes` name verifiers; see `Judge`. One named
`target` names another model, as ``model`` does: `Generate(model="target")` asks it.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from pydantic import BaseModel

from ttscale.errors import StrategyError
from ttscale.types import STOP_TEXT, TRUNCATED, Message, Problem

Need = Literal["prefix", "tokens", "stop", "logprobs", "verifier", "classes", "second-model"]
"""What a strategy cannot do without: an engine that goes on from whole completions and texts ("prefix"), from any of the tokens
that it generated ("tokens"), that says which text ended a call ("stop") or returns log-probabilities; a verifier that
sees no key, answer classes for a vote, or another model beside the run's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """The model's answer to a `Generate`.

    Attributes:
        path: Names the call inside its attempt, such as "0" or "2.3": the step, and the number within it.
        text: What was generated, without prompt and prefix.
        before: The prefix that it goes on from, as text.
        finish_reason: "stop" (the model ended it), "stop_text" (one of the call's `stop` texts did, and is its end),
            "length" (truncated) or the engine's own word.
        tokens: Generated token ids without the model's end token, where the call asked for them; else empty.
        logprobs: Log-probability of each under the model (nats), where asked for; else empty. One more than `tokens`
            where the model ended the text: the end token's.
        prompt_tokens: Tokens of the prompt and the prefix; None where nobody counted them.
        cached_tokens: Those of them found in the prefix cache; None where the engine does not say.
        completion_tokens: Tokens generated, the end token included; None as above.
        cumulative_logprob: Sum of the log-probabilities, or None.
    """

    path: str
    text: str
    finish_reason: str
    before: str = ""
    tokens: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    completion_tokens: int | None = None
    cumulative_logprob: float | None = None

    @property
    def is_truncated(self) -> bool:
        """Whether it ended because its tokens ran out."""
        return self.finish_reason in TRUNCATED

    @property
    def is_open(self) -> bool:
        """Whether the model did not end it: it could go on."""
        return self.is_truncated or self.finish_reason == STOP_TEXT

    @property
    def n_tokens(self) -> int:
        """How many tokens its text has, the end token not counted; as good as the engine's count where it gives no ids."""
        if self.tokens or self.completion_tokens is None:
            return len(self.tokens)
        return max(0, self.completion_tokens - (self.finish_reason == "stop"))

    def first(self, n_tokens: int) -> "Tokens":
        """Return its first tokens, to continue from. Needs "tokens".

        Raises:
            StrategyError: Its tokens are not there.
        """
        if self.text and not self.tokens:
            raise StrategyError(
                f"The tokens of call {self.path} are not there to go on from: ask for them with Generate(tokens=True), and "
                "name 'tokens' among the strategy's needs."
            )
        return Tokens(self.tokens[:n_tokens], self.path)

    def whole(self) -> "Tokens":
        """Return all of it, to continue from: its tokens, or its text where the engine gives none."""
        return Tokens(self.tokens, self.path, self.text)


def plain_reason(finish_reason: str) -> str:
    """Name a call's finish reason as plain samples do: which text ended it matters inside its attempt alone.

    >>> plain_reason("stop_text"), plain_reason("length")
    ('stop', 'length')
    """
    return "stop" if finish_reason == STOP_TEXT else finish_reason


@dataclass(frozen=True, slots=True)
class Tokens:
    """What was generated, to continue from: token ids, the path of the call, and its text if that is all there is of it."""

    ids: tuple[int, ...]
    path: str | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generate:
    """Ask for one completion.

    Attributes:
        prompt: A prompt other than the problem's own.
        messages: A conversation instead of `prompt`; with neither, the problem's own.
        prefix: What the completion goes on from behind the prompt: earlier tokens and texts. Needs "prefix".
        max_tokens: Most tokens; None: ``sampling.max_tokens``.
        stop: Texts at which it ends, the text included; None: ``sampling.stop``.
        temperature: None: ``sampling.temperature``.
        model: Name of another model of the strategy; None: the run's. Needs "second-model".
        tokens: Whether `Completion.tokens` are wanted.
        logprobs: Whether `Completion.logprobs` are wanted. Needs "logprobs".
        parents: Completions that the prompt was made of, for the trace.
        role: What the call is for, for the trace.
    """

    prompt: str | None = None
    messages: tuple[Message, ...] | None = None
    prefix: tuple[Tokens | str, ...] = ()
    max_tokens: int | None = None
    stop: tuple[str, ...] | None = None
    temperature: float | None = None
    model: str | None = None
    tokens: bool = False
    logprobs: bool = False
    parents: tuple[str, ...] = ()
    role: str = "answer"


@dataclass(frozen=True, slots=True)
class Judge:
    """Ask the strategy's verifier, which sees no key, what it thinks of a text. The answer is a `Verdict`.

    Attributes:
        text: A whole completion, or as much of it as there is.
        completion: The call that ended it, where there is one: its counts and log-probabilities reach the verifier.
        by: "verifier", or "classes": the verifier whose ``answer_class`` is wanted, for a vote.
        role: What the judgement is for, for the trace.
    """

    text: str
    completion: Completion | None = None
    by: Literal["verifier", "classes"] = "verifier"
    role: str = "judge"

    @staticmethod
    def of(completion: Completion, *, by: Literal["verifier", "classes"] = "verifier") -> "Judge":
        """Ask about a completion that stands alone."""
        return Judge(completion.text, completion, by)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What an attempt came to.

    Attributes:
        text: The answer, as a sample's completion.
        last: The call that it ends with; its finish reason becomes the sample's. None: the answer is put together.
        notes: Numbers worth keeping in the trace, such as an estimate of a normalizing constant.
    """

    text: str
    last: Completion | None = None
    notes: Mapping[str, float] = field(default_factory=dict)

    @staticmethod
    def of(completion: Completion, before: str = "", notes: Mapping[str, float] | None = None) -> "Attempt":
        """Answer with a completion, behind a text that it continued."""
        return Attempt(text=before + completion.text, last=completion, notes=notes or {})


VerifierChoice = str | dict[str, Any]
"""A verifier in a strategy's options: its name, or ``{name: ..., option: value}``."""

Ask = Generate | Judge
Steps = Generator[Ask | Sequence[Ask], Any, Attempt]
"""A strategy at work: yields asks, is sent answers (`Completion` or `Verdict`; a list for a list), returns the attempt."""


class Strategy(Protocol):
    """A way to spend compute on one attempt.

    Attributes:
        needs: What it cannot do without; said before anything is drawn.
    """

    Options: ClassVar[type[BaseModel]]
    needs: ClassVar[frozenset[Need]]

    def __init__(self, options: Any) -> None:
        """Keep the options."""

    def attempt(self, problem: Problem, rng: np.random.Generator) -> Steps:
        """Make one attempt at a problem.

        Args:
            problem: Without key and hidden tests.
            rng: All the randomness there is; the same for the same attempt, however often it is begun again.
        """
