r"""Where the answer of a completion begins: reasoning is not the answer.

A model that thinks first writes tags (``<think>...</think>``, ``[THINK]...[/THINK]``, ...) or channels (gpt-oss) around its
thoughts. `answer_part` takes them out, and every verifier reads what is left:

* a closed thought is left out wherever it stands; so is everything before a closing tag without an opening one, since
  chat templates open the tag in the prompt;
* a thought that never ends has no answer, nor has one with nothing behind it;
* an opening tag counts at the beginning of a line, and no tag counts in quotation marks: a text about tags is not reasoning.

A sampler whose server hands the reasoning over apart from the answer puts it into the completion between ``<think>`` and
``</think>``, and leaves the thought open where no answer came (`ttscale.samplers.openai`).
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, ClassVar, Literal

from pydantic import Field

from ttscale.options import Settings
from ttscale.types import TRUNCATED, Outcome, Problem, Sample, Verdict
from ttscale.verifiers.contract import Candidate

TAGS: tuple[tuple[str, str], ...] = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<thoughts>", "</thoughts>"),
    ("<reasoning>", "</reasoning>"),
    ("<scratchpad>", "</scratchpad>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
)
"""What opens a thought and what closes it; upper and lower case are the same."""

_FINAL_CHANNEL = re.compile(
    r"<\|channel\|>\s*final[^\n]*?<\|message\|>(.*?)(?:<\|(?:end|return|call|start)\|>|\Z)", re.DOTALL
)
_ANY_CHANNEL = re.compile(r"<\|channel\|>|<\|message\|>")
_BARE_CHANNELS = re.compile(r"\s*analysis(?=[A-Z])")
"""Channels whose special tokens were left out when the text was decoded: ``analysisWe need ...assistantfinalIt is 5.``"""
_BARE_FINAL = "assistantfinal"

_END_TOKENS = re.compile(
    r"(?:\s*(?:<\|(?:im_end|eot_id|end|endoftext|end_of_text|return|eom_id|user|END_RESPONSE)\|>|</s>|<end_of_turn>"
    r"|<eos>|<｜end▁of▁sentence｜>|\[EOS\]))+\s*\Z"
)


class ThoughtTags(Settings):
    """Tags of the user's own."""

    open: str = Field(min_length=1)
    close: str = Field(min_length=1)
    opened_in_prompt: bool = False
    """The completion begins inside a thought."""


class ReadingOptions(Settings):
    """Options of every verifier that reads text."""

    reasoning: Literal["auto", "opened-in-prompt", "keep"] | ThoughtTags = "auto"
    """What of a completion is reasoning and no answer. "auto": what the usual tags and channels enclose.
    "opened-in-prompt": the same, for a template that opens the tag in the prompt, so that a completion without a
    closing tag is all reasoning. "keep": nothing is. Or tags of your own: ``{open: "<plan>", close: "</plan>"}``."""
    truncated: Literal["as-is", "no-answer"] = "as-is"
    """What a sample that the token limit cut off is worth: read like any other ("as-is"), or no answer."""


class StatedOptions(ReadingOptions):
    """Options of the verifiers that find a short answer in a text."""

    truncated: Literal["stated", "as-is", "no-answer"] = "stated"  # type: ignore[assignment]
    """What a sample that the token limit cut off is worth. "stated": an answer counts if it was given before the cut in
    a form that says so (a box, ``####``, "the answer is", answer tags, a pattern of your own), never a bare last number
    or line. "no-answer": nothing. "as-is": it is read like any other."""


class ReadingVerifier(ABC):
    """A verifier of what completions answer: it never sees their reasoning.

    Args:
        options: What is reasoning, what a truncated sample is worth, and the verifier's own.
    """

    deterministic: ClassVar[bool] = True

    def __init__(self, options: Any) -> None:
        self.options = options

    def verify(self, batch: Sequence[Candidate]) -> list[Verdict]:
        """Return one verdict per candidate, in order; see `ttscale.verifiers.contract`."""
        return over_answers(batch, self.options, self._verify)

    @abstractmethod
    def _verify(self, batch: Sequence[Candidate]) -> list[Verdict]:
        """Judge candidates whose completions are the answer parts."""


def is_truncated(sample: Sample) -> bool:
    """Return whether the token limit cut a sample off."""
    return sample.finish_reason in TRUNCATED


def over_answers(
    batch: Sequence[Candidate],
    options: ReadingOptions,
    verify: Callable[[Sequence[Candidate]], Sequence[Verdict]],
) -> list[Verdict]:
    """Verify the answer parts of a batch; a candidate that has none is ``Outcome.NO_ANSWER``.

    Args:
        batch: The candidates, their completions as sampled.
        options: What is reasoning, and what a truncated sample is worth.
        verify: Judges candidates whose completions are the answer parts.
    """
    read = [_answering(candidate, options) for candidate in batch]
    verdicts = iter(verify([each for each in read if isinstance(each, Candidate)]))
    return [next(verdicts) if isinstance(each, Candidate) else each for each in read]


def _answering(candidate: Candidate, options: ReadingOptions) -> Candidate | Verdict:
    """Return the candidate with its answer part as its completion, or why it has none."""
    sample = candidate.sample
    if options.truncated == "no-answer" and is_truncated(sample):
        return Verdict(outcome=Outcome.NO_ANSWER, detail="cut off by the token limit")
    if options.reasoning == "keep":
        return candidate
    answer = answer_part(
        sample.completion,
        tags=_tags(options.reasoning),
        opened_in_prompt=_opens_inside(candidate.problem, options.reasoning),
    )
    if answer is None:
        return Verdict(outcome=Outcome.NO_ANSWER, detail="the reasoning never ends")
    return (
        candidate
        if answer is sample.completion
        else Candidate(candidate.problem, replace(sample, completion=answer))
    )


_HINT = re.compile(r"[<\[][TtRrSsEe/|｜]|◁")
"""Stands in every text with tags or end tokens; `analysis` in one with bare channels."""


def _may_hold_reasoning(text: str) -> bool:
    if not ("<" in text or "[" in text or "◁" in text or "analysis" in text):
        return False  # as most do not, at no cost
    return _HINT.search(text) is not None or "analysis" in text


def answer_part(
    completion: str, *, tags: Sequence[tuple[str, str]] = TAGS, opened_in_prompt: bool = False
) -> str | None:
    r"""Return a completion without its reasoning and end tokens, or None where the reasoning never ends.

    Args:
        completion: The model's text.
        tags: What opens and closes a thought.
        opened_in_prompt: Whether the completion begins inside a thought.

    >>> answer_part("<think>\nIs it 40?\n</think>\nIt is 41."), answer_part("Is it 40?</think>It is 41.")
    ('\nIt is 41.', 'It is 41.')
    >>> answer_part("<think>It is 4"), answer_part("It is 41.<|im_end|>")
    (None, 'It is 41.')
    """
    if tags is TAGS and not opened_in_prompt and not _may_hold_reasoning(completion):
        return completion
    if _ANY_CHANNEL.search(completion):
        finals = _FINAL_CHANNEL.findall(completion)
        return str(finals[-1]) if finals else None
    if _BARE_CHANNELS.match(completion):
        _, found, answer = completion.rpartition(_BARE_FINAL)
        return answer if found else None
    rest = _without_thoughts(completion, tags, opened_in_prompt)
    return None if rest is None else _END_TOKENS.sub("", rest)


def _without_thoughts(text: str, tags: Sequence[tuple[str, str]], inside: bool) -> str | None:
    """Cut out what the tags enclose; None where the last thought does not end."""
    kept: list[str] = []
    start, open_tag = 0, tags[0][0].lower() if inside else None
    for mark in _marks(tuple(tags)).finditer(text):
        name = mark.group().strip().lower()
        opens = mark.group("open") is not None
        if open_tag is None and opens:
            kept.append(text[start : mark.start()])
            open_tag = name
        elif not opens and (open_tag is None or inside or _closes(tags, open_tag, name)):
            if open_tag is None:
                kept.clear()  # all before it was thought: the prompt opened it
            start, open_tag, inside = mark.end(), None, False
    return None if open_tag is not None else "".join([*kept, text[start:]]) if start or kept else text


@lru_cache
def _marks(tags: tuple[tuple[str, str], ...]) -> re.Pattern[str]:
    opening = "|".join(re.escape(open_tag) for open_tag, _ in tags)
    closing = "|".join(re.escape(close_tag) for _, close_tag in tags)
    return re.compile(
        rf"(?:^[ \t]*(?P<open>{opening})|(?<![\"'`])(?:{closing}))(?![\"'`])", re.IGNORECASE | re.MULTILINE
    )


def _closes(tags: Sequence[tuple[str, str]], open_tag: str, name: str) -> bool:
    return any((open_tag, name) == (first.lower(), last.lower()) for first, last in tags)


def _tags(reasoning: str | ThoughtTags) -> Sequence[tuple[str, str]]:
    return ((reasoning.open, reasoning.close),) if isinstance(reasoning, ThoughtTags) else TAGS


def _opens_inside(problem: Problem, reasoning: str | ThoughtTags) -> bool:
    """Return whether the completion begins inside a thought: as told, or because the prompt ends with an opening tag."""
    if isinstance(reasoning, ThoughtTags):
        told = reasoning.opened_in_prompt
    else:
        told = reasoning == "opened-in-prompt"
    last = problem.messages[-1].content if problem.messages else problem.prompt or ""
    return told or (
        last[-1:] in ">]▷\n"
        and last.rstrip().lower().endswith(tuple(tag.lower() for tag, _ in _tags(reasoning)))
    )
