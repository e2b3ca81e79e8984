"""Imported samples and verdicts as rows of the store: what no file can hold is replaced or left out."""

import hashlib
from dataclasses import replace
from typing import Any

from ttscale.exchange.contract import ImportedSample
from ttscale.store.samples import SAMPLE_KEY
from ttscale.store.verdicts import VERDICT_SCHEMA
from ttscale.types import Message, Problem, Verdict

_LARGEST_INT32 = 2**31 - 1
_LONGEST_ANSWER = 200
"""Characters of a completion that may itself be the answer."""
_OF_A_VERDICT = tuple(name for name in VERDICT_SCHEMA if name not in ("cell", *SAMPLE_KEY))


def storable(text: str | None) -> str | None:
    """Replace lone surrogates, which no UTF-8 file can hold, by U+FFFD; pairs of them become what they mean."""
    if text is None or text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def storable_problem(problem: Problem) -> Problem:
    """Return a problem that can be written; metadata and hidden data are written as escaped JSON anyway."""
    return replace(
        problem,
        problem_id=storable(problem.problem_id) or "",
        prompt=storable(problem.prompt),
        answer=storable(problem.answer),
        messages=problem.messages
        and tuple(Message(m.role, storable(m.content) or "") for m in problem.messages),
    )


def sample_row(
    cell: str, problem_id: str, index: int, text: str | None, sample: ImportedSample
) -> tuple[Any, ...]:
    """Return the columns of `SAMPLE_SCHEMA`."""
    return (
        cell,
        problem_id,
        index,
        text,
        storable(sample.finish_reason),
        _int32(sample.prompt_tokens),
        _int32(sample.completion_tokens),
        sample.cumulative_logprob,
        list(sample.token_logprobs) if sample.token_logprobs is not None else None,
        None,  # top_logprobs
        sample.seed if sample.seed is not None and -(2**63) <= sample.seed < 2**63 else None,
    )


def without_whole_text(verdict: Verdict, text: str | None) -> Verdict:
    """Drop an "answer" that is the whole long text: nothing was extracted, and votes over it mean nothing."""
    if verdict.answer is None or verdict.answer != text or len(text) <= _LONGEST_ANSWER:
        return verdict
    return replace(verdict, answer=None, answer_class=None)


def verdict_row(cell: str, problem_id: str, index: int, verdict: Verdict) -> tuple[Any, ...]:
    """Return the columns of `VERDICT_SCHEMA`."""
    values = (getattr(verdict, name) for name in _OF_A_VERDICT)
    return (
        cell,
        problem_id,
        index,
        *(storable(value) if isinstance(value, str) else value for value in values),
    )


def _int32(number: int | None) -> int | None:
    return number if number is not None and 0 <= number <= _LARGEST_INT32 else None


def hash64(text: bytes) -> int:
    """Return a hash that is the same everywhere and always."""
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest())
