"""The shape that the text oracles share: extract an answer, interpret it, compare it with the key.

`exact`, `numeric` and `choice` differ only in how they read a piece of text. The first extractor whose piece
can be read decides; a completion in which none can is ``Outcome.NO_ANSWER``.
"""

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache
from typing import ClassVar, Generic, TypeVar

from ttscale.types import Outcome, Problem, Verdict
from ttscale.verifiers.contract import Candidate, failed
from ttscale.verifiers.extraction import ENCLOSED, UNSTATED, Extractors, SearchError
from ttscale.verifiers.reasoning import ReadingVerifier, StatedOptions, is_truncated

MAX_ANSWER_LENGTH = 1000
"""Characters of an answer kept in a verdict; a longer one is cut, and its class is a hash of all of it."""

_CACHED_LENGTH = 200  # so that a hundred thousand remembered answers stay small
_CACHE_SIZE = 100_000

_UNREAD = "The box or tag holds '{}', which cannot be read as such an answer."

NO_ANSWER = Verdict(outcome=Outcome.NO_ANSWER)

Value = TypeVar("Value", bound=Hashable)


class AnswerVerifier(ReadingVerifier, Generic[Value]):
    """An oracle that reads answers as values of one type.

    Args:
        options: What is reasoning, and what a truncated sample is worth.
        extract: Names of extractors, tried in order.
    """

    Options: ClassVar[type[StatedOptions]]
    version: ClassVar[str]
    sees_answer: ClassVar[bool] = True
    box_is_final: ClassVar[bool] = True
    """Whether nothing is taken from around a box that cannot be read."""

    def __init__(self, options: StatedOptions, extract: Sequence[str]) -> None:
        super().__init__(options)
        self._extractors = Extractors(extract)
        self._readers = {name: lru_cache(_CACHE_SIZE)(self._reader_of(name)) for name in extract}
        self._remembered = lru_cache(_CACHE_SIZE)(self._verdict_on)
        self._read_short_key = lru_cache(_CACHE_SIZE)(self.read_key)

    @abstractmethod
    def read(self, answer: str) -> Value | None:
        """Interpret an extracted answer; None where it is not one."""

    def read_enclosed(self, answer: str) -> Value | None:
        """Interpret the content of a box or tag, which holds the answer and nothing else."""
        return self.read(answer)

    def read_text(self, answer: str) -> Value | None:
        """Interpret a text that follows "Answer:"; what it comes to stands at its end."""
        return self.read(answer)

    def read_key(self, key: str) -> Value | None:
        """Interpret an answer key; None where it is not one."""
        return self.read(key)

    def is_equal(self, value: Value, key: Value) -> bool:
        """Compare an answer with the key."""
        return value == key

    def class_of(self, value: Value) -> str:
        """Name the class in which an answer votes."""
        return str(value)

    def is_whole(self, completion: str) -> bool:
        """Return whether a completion states an answer and nothing else, which a cut does not put in doubt."""
        return True

    def _verify(self, batch: Sequence[Candidate]) -> list[Verdict]:
        self._extractors.prefetch(batch)
        return [self._verify_one(candidate) for candidate in batch]

    def _verify_one(self, candidate: Candidate) -> Verdict:
        """Judge the first extracted answer that can be read."""
        key, completion = candidate.problem.answer, candidate.sample.completion
        if key is None:
            return missing_key(candidate.problem)
        unread: Verdict | None = None
        is_cut = self.options.truncated == "stated" and is_truncated(candidate.sample)
        try:
            for name, answer in self._extractors.pieces(completion, is_cut=is_cut):
                if is_cut and name == "whole" and not self.is_whole(completion):
                    continue
                if unread is not None and name in UNSTATED | {"whole"}:
                    break  # what a box holds is the answer: nothing is taken from around it
                judge = self._remembered if len(answer) <= _CACHED_LENGTH else self._verdict_on
                verdict = judge(name, answer, key)
                if verdict is not None:
                    return verdict
                if name in ENCLOSED and self.box_is_final:
                    unread = unread or Verdict(
                        outcome=Outcome.NO_ANSWER, detail=_UNREAD.format(shown(answer))
                    )
        except SearchError as error:
            return Verdict(outcome=Outcome.TIMEOUT, detail=str(error))
        return unread or NO_ANSWER

    def _reader_of(self, name: str) -> Callable[[str], Value | None]:
        return (
            self.read_enclosed if name in ENCLOSED else self.read_text if name == "answer-text" else self.read
        )

    def _verdict_on(self, name: str, answer: str, key: str) -> Verdict | None:
        """Compare one answer with one key; None where the answer cannot be read."""
        read = self._readers[name] if len(answer) <= _CACHED_LENGTH else self._reader_of(name)
        value = read(answer)
        if value is None:
            return None
        expected = self._read_short_key(key) if len(key) <= _CACHED_LENGTH else self.read_key(key)
        if expected is None:
            why = f"The answer key '{shown(key)}' cannot be read; correct the data or use another verifier."
            return failed(why, answer=shown(answer))
        outcome = Outcome.CORRECT if self.is_equal(value, expected) else Outcome.INCORRECT
        return Verdict(outcome=outcome, answer=shown(answer), answer_class=bounded(self.class_of(value)))


def missing_key(problem: Problem) -> Verdict:
    """Return the verdict for a problem without an answer key: unknown, not wrong."""
    return failed(
        f"Problem '{problem.problem_id}' has no answer key; name the answer column in the task's options."
    )


def shown(answer: str) -> str:
    """Return an answer as a verdict keeps it: valid Unicode, and cut where it is long."""
    if len(answer) > MAX_ANSWER_LENGTH:
        answer = answer[: MAX_ANSWER_LENGTH - 1] + "…"
    return _encodable(answer)


def bounded(answer_class: str) -> str:
    """Return an answer class of bounded length: itself, or a hash of it where it is long."""
    if len(answer_class) <= MAX_ANSWER_LENGTH:
        return _encodable(answer_class)
    digest = hashlib.sha256(answer_class.encode("utf-8", "surrogatepass")).hexdigest()
    return f"sha256:{digest}"


def _encodable(text: str) -> str:
    r"""Spell lone surrogates, which no file can hold, as ``\udXXX``."""
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
