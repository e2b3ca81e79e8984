"""The nouns every layer shares: frozen, without behaviour.

A *cell* is one point of a sweep: model x task x prompt x sampling parameters. A sample's key is
(cell, problem_id, sample_index); a verdict's key is the sample's plus the verifier.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


CONFIDENCE_LEVEL = 0.95
"""Of intervals, where nobody asks for another."""

PREDICTIVE_LEVEL = 0.9
"""Of forecasts and of samples needed, likewise: their ends are less well known, and 95 % of them would promise more."""

TRUNCATED = frozenset(
    word
    for name in (
        "length",
        "max_tokens",
        "max_output_tokens",
        "max_new_tokens",
        "max_length",
        "model_length",
        "token_limit",
    )
    for word in (name, name.upper())
) | {"model_context_window_exceeded"}
"""Finish reasons that say that a limit on tokens cut a sample off, in the words of servers and harnesses."""

STOP_TEXT = "stop_text"
"""Finish reason of a strategy's call that one of its own stop texts ended: the model could go on."""


class Outcome(StrEnum):
    """What a verifier says of one sample. Unknown is not wrong: only the first two are judgements.

    A verifier that has a score but no threshold does not judge: its samples are SCORED, and whoever compares verifiers
    reads the score, not the outcome. An oracle always judges.
    """

    CORRECT = "correct"
    INCORRECT = "incorrect"
    NO_ANSWER = "no_answer"
    """No answer could be extracted; counted as not correct, and never wins a vote."""
    TIMEOUT = "timeout"
    """The candidate ran out of its own limits; counted as not correct."""
    SCORED = "scored"
    """There is a score and no judgement: neither accepted nor rejected."""
    ERROR = "error"
    """The verifier failed; neither right nor wrong."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat prompt."""

    role: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One benchmark item.

    Attributes:
        problem_id: Unique within the task.
        prompt: The text given to the model as it is, or the user's turn where a chat template is used.
        messages: A whole conversation instead of `prompt`; exactly one of the two is set.
        answer: The answer key. None for a verifier that must not see it.
        metadata: Whatever else the task knows and anyone may see (level, subject, operands).
        hidden: What only an oracle may see beside `answer`: tests, reference solutions. Empty for the others.
    """

    problem_id: str
    prompt: str | None = None
    messages: tuple[Message, ...] | None = None
    answer: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    hidden: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSettings:
    """What one call of a strategy asks of the engine beside the run's own settings; None: as the run does.

    Attributes:
        prefix: What the completion goes on from, behind the prompt: token ids that the engine generated before, and
            texts, which it encodes without special tokens.
        max_tokens: Most tokens of this completion.
        stop: Texts at which it ends. They are part of it then, and its finish reason is "stop_text".
        temperature: 0 is greedy.
        keep_tokens: Whether the sample shall carry its `token_ids`.
        keep_logprobs: Whether it shall carry its `token_logprobs`.
    """

    prefix: tuple[tuple[int, ...] | str, ...] = ()
    max_tokens: int | None = None
    stop: tuple[str, ...] | None = None
    temperature: float | None = None
    keep_tokens: bool = False
    keep_logprobs: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRequest:
    """A small unit of sampling work: the samples [first_index, first_index + n) of one problem.

    Attributes:
        problem: Whose prompt is sampled.
        first_index: Index of the first sample.
        n: How many samples, at least 1.
        seed: Seed of the first sample; sample ``first_index + j`` uses ``seed + j`` wherever the engine
            allows it, so that a sample does not depend on how the work was cut.
        call: What differs from the run's own settings, in a call of a strategy; it is answered by a `CallSample`.
    """

    problem: Problem
    first_index: int
    n: int
    seed: int
    call: CallSettings | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One model output.

    Attributes:
        problem_id: The problem it answers.
        sample_index: 0-based index within the problem.
        completion: The generated text, without the prompt.
        finish_reason: "stop", "length" (truncated) or the engine's own word; those of `TRUNCATED` mean truncated, too.
        prompt_tokens: Tokens of the prompt; None where nobody counted them (imports, some servers).
        completion_tokens: Tokens generated, the end token included where the engine counts it; None as above. Of an attempt
            of a strategy: those of all its calls, discarded branches included.
        cumulative_logprob: Sum of the log-probabilities of the generated tokens (nats), or None.
        token_logprobs: Log-probability of every generated token (nats), only when asked for
            (``sampling.token_logprobs: true``).
        top_logprobs: Float32 array of shape (T, k), only when asked for (``sampling.top_logprobs: k``): row t holds the log-probabilities
            (nats) of the k most probable tokens where generated token t stands, the greatest first; which tokens
            those are is not kept. They are of the distribution that `token_logprobs` is of, the model's own before
            temperature and truncation wherever the engine gives that. T counts the tokens as `token_logprobs` does,
            the end token included where the engine counts it. k is less than asked where the vocabulary is smaller,
            and NaN fills up a row for which a server listed fewer. 16-bit precision once stored: off by at most
            0.05 %. No part of equality.
        seed: The seed that draws this sample again, or None where the engine has no such thing.
    """

    problem_id: str
    sample_index: int
    completion: str
    finish_reason: str
    prompt_tokens: int | None
    completion_tokens: int | None
    cumulative_logprob: float | None = None
    token_logprobs: tuple[float, ...] | None = None
    top_logprobs: "NDArray[np.float32] | None" = field(default=None, compare=False)
    seed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSample(Sample):
    """The answer to a call of a strategy: a sample with what the attempt needs to go on, and is never stored as a sample.

    Attributes:
        prefix_text: The prefix of its call as text.
        token_ids: The generated tokens without the model's end token, where the call asks for them.
        cached_tokens: Prompt tokens found in the engine's prefix cache, where it says.
        refused: Why the engine cannot serve the call, such as a prompt beyond its context; the rest says nothing then.
    """

    prefix_text: str = ""
    token_ids: tuple[int, ...] | None = None
    cached_tokens: int | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a verifier found in one sample.

    Attributes:
        outcome: The judgement, or that there is none.
        score: Higher is better; None where the verifier has no score. Never None with ``Outcome.SCORED``.
        answer: The extracted answer as written, or None.
        answer_class: Answers of one class are the same answer in a vote; None abstains.
        seconds: Time spent on it, where measured.
        prompt_tokens: Tokens of the prompts that were sent to a model to judge it, where known.
        completion_tokens: Tokens that the model generated for it, where known.
        detail: A short reason for a person, such as a traceback for an error.
    """

    outcome: Outcome
    score: float | None = None
    answer: str | None = None
    answer_class: str | None = None
    seconds: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    detail: str | None = None


@cache
def _common(one: Any, other: Any) -> tuple[str, ...]:
    names = {known.name for known in fields(other)}
    return tuple(known.name for known in fields(one) if known.name in names)


def shared(source: Any, kind: Any) -> dict[str, Any]:
    """Return the fields of a dataclass object that another dataclass has, too: to make one of the other.

    >>> shared(Verdict(outcome=Outcome.CORRECT, completion_tokens=3), Sample)
    {'prompt_tokens': None, 'completion_tokens': 3}
    """
    return {name: getattr(source, name) for name in _common(source.__class__, kind)}
