"""The verifiers `regex` and `regex-form`: a completion passes when the user's pattern is found in it.

`regex` is an oracle: its pattern holds the key. A pattern without it says nothing of right and wrong, so it is refused
there; `regex-form` takes it as a check of the form, which sees no key and is measured against an oracle.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, ClassVar

from pydantic import Field, field_validator

from ttscale.types import Outcome, Verdict
from ttscale.verifiers.answers import bounded, missing_key, shown
from ttscale.verifiers.contract import Candidate
from ttscale.verifiers.reasoning import ReadingOptions, ReadingVerifier
from ttscale.verifiers.workers import JobResult, JobStatus, WorkerPool

KEY = "{answer}"
"""Stands for the answer key, taken literally, in a pattern."""


class FormOptions(ReadingOptions):
    """Options of `regex-form`."""

    pattern: str = Field(min_length=1)
    """A Python regular expression. Its first group, or all of it, is the answer that votes."""
    full_match: bool = False
    """Whether the pattern must match the whole answer, white space around it aside."""
    time_limit_s: float = Field(default=2.0, gt=0.0, allow_inf_nan=False)
    """Computing time for one completion: nested repetitions can take for ever on some texts."""
    workers: int | None = Field(default=None, ge=1)
    """Processes; None: one per available core."""

    @field_validator("pattern")
    @classmethod
    def _is_pattern(cls, pattern: str) -> str:
        try:
            with_key(pattern, "key")
        except re.error as error:
            raise ValueError(f"'{pattern}' is not a regular expression: {error}.") from error
        return pattern


class RegexOptions(FormOptions):
    """Options of `regex`."""

    pattern: str = Field(min_length=1)
    r"""A Python regular expression; {answer} in it stands for the key, as in ``(?i)\b{answer}\b``. Its first
    group, or all of it, is the answer that votes."""

    @field_validator("pattern")
    @classmethod
    def _holds_key(cls, pattern: str) -> str:
        if KEY not in pattern:
            raise ValueError(
                f"'{pattern}' holds no {KEY}, so it would call every completion correct in which it is found, whatever "
                f"the key is. Write {KEY} where the key must stand; or extract the answer with the pattern and compare it: "
                f"{{name: exact, extract: 'regex:{pattern}'}} (or numeric, math); or check the form alone, without "
                "the key: regex-form."
            )
        return pattern


class FormVerifier(ReadingVerifier):
    """Search with a pattern, in worker processes that a hopeless search cannot block."""

    Options: ClassVar[type[FormOptions]] = FormOptions
    version: ClassVar[str] = "1"
    sees_answer: ClassVar[bool] = False

    def __init__(self, options: FormOptions) -> None:
        super().__init__(options)
        self._pool = WorkerPool(
            "ttscale.verifiers.regex:start",
            {"pattern": options.pattern, "full_match": options.full_match},
            workers=options.workers,
            time_limit_s=options.time_limit_s,
        )

    def _verify(self, batch: Sequence[Candidate]) -> list[Verdict]:
        asked = [candidate for candidate in batch if self._can_ask(candidate)]
        jobs = [[candidate.problem.answer or "", candidate.sample.completion] for candidate in asked]
        results = iter(self._pool.run(jobs))
        return [
            _verdict(next(results)) if self._can_ask(candidate) else missing_key(candidate.problem)
            for candidate in batch
        ]

    def close(self) -> None:
        """End the worker processes; they end with the verifier in any case."""
        self._pool.close()

    def _can_ask(self, candidate: Candidate) -> bool:
        return candidate.problem.answer is not None or not self.sees_answer


class RegexVerifier(FormVerifier):
    """Search for the key where the pattern says; defines *correct*."""

    Options: ClassVar[type[FormOptions]] = RegexOptions
    version: ClassVar[str] = "2"
    sees_answer: ClassVar[bool] = True


def _verdict(result: JobResult) -> Verdict:
    if result.status is JobStatus.DONE:
        if result.value is None:
            return Verdict(outcome=Outcome.INCORRECT)
        return Verdict(
            outcome=Outcome.CORRECT, answer=shown(result.value), answer_class=bounded(result.value)
        )
    outcome = Outcome.ERROR if result.status is JobStatus.ERROR else Outcome.TIMEOUT
    return Verdict(outcome=outcome, detail=result.detail)


def with_key(pattern: str, key: str) -> re.Pattern[str]:
    r"""Compile a pattern with the key in place of ``{answer}``, escaped.

    >>> with_key(r"is {answer}\b", "1.5").pattern
    'is 1\\.5\\b'
    """
    return re.compile(pattern.replace(KEY, re.escape(key)))


def start(pattern: str, full_match: bool) -> Callable[[list[str]], Any]:
    """Return the function that workers run: from [key, completion] to the matched text, or None."""
    compiled = lru_cache(maxsize=4096)(lambda key: with_key(pattern, key))

    def search(job: list[str]) -> str | None:
        key, completion = job
        expression = compiled(key)
        match = expression.fullmatch(completion.strip()) if full_match else expression.search(completion)
        if match is None:
            return None
        found = match.group(1) if expression.groups else None
        return match.group() if found is None else found

    return search
