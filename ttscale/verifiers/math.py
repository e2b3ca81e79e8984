r"""The verifier `math`: the answer is mathematically equal to the key.

An answer is read as a whole or not at all (`ttscale.verifiers.formulas`): no number is taken out of a box that holds more. Equal
classes are equal answers; rounding, and what the key leaves open, is the only further reason to accept one. A completion
without a box, a tag or a stated answer is searched by math-verify.

SymPy runs in worker processes with hard limits on time and memory: ``\boxed{9^{9^{9^9}}}`` never ends. Most answers never get
there: equal text is equal, integers and plain fractions are compared as they are, and every other pair of key and answer
is asked once.
"""

import importlib.util
import re
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import ClassVar, Literal, NamedTuple

from pydantic import Field

from ttscale.errors import MissingExtraError
from ttscale.types import Outcome, Verdict
from ttscale.verifiers.answers import NO_ANSWER, bounded, missing_key, shown
from ttscale.verifiers.contract import Candidate, failed
from ttscale.verifiers.extraction import ExtractorNames, Extractors, SearchError
from ttscale.verifiers.notation import unbroken
from ttscale.verifiers.numbers import value_name
from ttscale.verifiers.reasoning import ReadingVerifier, StatedOptions, is_truncated
from ttscale.verifiers.workers import JobResult, JobStatus, WorkerPool

_WORKER = "ttscale.verifiers.formulas.worker:start"

_SEARCHED = 4000
"""Characters, from the end, of a completion without a box that are handed to math-verify's own search."""

_REMEMBERED_LENGTH = 300
_REMEMBERED = 200_000

_OPEN = frozenset({"answer-is", "hash", "last-number", "last-line", "whole"})
"""Extractors whose piece may hold more than the answer."""

_FORMULA_FIRST = re.compile(r"(?:\$([^$]+)\$|\\\((.+?)\\\)|\\\[(.+?)\\\])(?!.*(?:\$|\\[(\[]))")

_PLAIN_NUMBER = re.compile(
    r"(?P<sign>-?)(?:(?P<integer>0|[1-9][0-9]{0,11})"
    r"|\\[dt]?frac\{(?P<num>[1-9][0-9]{0,11})\}\{(?P<den>[1-9][0-9]{0,11})\})"
)


class MathOptions(StatedOptions):
    """Options of `math`."""

    extract: ExtractorNames = ("boxes", "answer-tag", "answer-is")
    """Where the answer stands in the completion: extractors tried in order. What no box, tag or pattern encloses must read as
    a formula, number or word."""
    otherwise: Literal["search", "no-answer"] = "search"
    """What to do where none finds anything: let math-verify search the completion for formulas and numbers,
    or call it no answer."""
    time_limit_s: float = Field(default=5.0, gt=0.0, allow_inf_nan=False)
    """Computing time for one answer, after which its worker is killed and the outcome is `timeout`."""
    memory_limit_mib: int = Field(default=2048, ge=256)
    """Address space of a worker; an answer that needs more is a `timeout`, too: out of its limits."""
    workers: int | None = Field(default=None, ge=1)
    """Processes; None: one per available core."""


class _Question(NamedTuple):
    """An answer to compare with a key. Equal questions have equal verdicts."""

    kind: Literal["boxed", "stated", "text"]
    key: str
    answer: str
    completion: str = ""


class MathVerifier(ReadingVerifier):
    """Compare formulas, numbers, sets, intervals, equations and matrices; see the module.

    Raises:
        MissingExtraError: math-verify is not installed.
    """

    Options: ClassVar[type[StatedOptions]] = MathOptions
    version: ClassVar[str] = "3"
    sees_answer: ClassVar[bool] = True

    def __init__(self, options: MathOptions) -> None:
        if importlib.util.find_spec("math_verify") is None:
            raise MissingExtraError("Verifier 'math' needs the 'math' extra: pip install 'ttscale[math]'")
        super().__init__(options)
        self._extractors = Extractors(options.extract)
        self._searches = options.otherwise == "search"
        self._pool = WorkerPool(
            _WORKER,
            {},
            workers=options.workers,
            time_limit_s=options.time_limit_s,
            memory_limit_bytes=options.memory_limit_mib << 20,
        )
        self._key_classes: dict[str, str | Verdict] = {}
        self._verdicts: dict[_Question, Verdict] = {}

    def _verify(self, batch: Sequence[Candidate]) -> list[Verdict]:
        self._extractors.prefetch(batch)
        questions = [self._question(candidate) for candidate in batch]
        asked = {question for question in questions if isinstance(question, _Question)}
        verdicts = {question: self._verdicts[question] for question in asked if question in self._verdicts}
        new = sorted(asked - verdicts.keys(), key=lambda question: question.key)
        self._classify_keys({question.key for question in new})
        verdicts |= self._answer(new)
        return [verdicts[question] if isinstance(question, _Question) else question for question in questions]

    def close(self) -> None:
        """End the worker processes; they end with the verifier in any case."""
        self._pool.close()

    def _question(self, candidate: Candidate) -> _Question | Verdict:
        """Extract the answer of one candidate, or say why there is nothing to ask."""
        key = candidate.problem.answer
        if key is None:
            return missing_key(candidate.problem)
        completion = unbroken(candidate.sample.completion)
        is_cut = self.options.truncated == "stated" and is_truncated(candidate.sample)
        try:
            pieces = self._extractors.pieces(completion, is_cut=is_cut)
            name, answer = next(
                ((name, plain) for name, piece in pieces if (plain := _plain(piece))), ("", "")
            )
        except SearchError as error:
            return Verdict(outcome=Outcome.TIMEOUT, detail=str(error))
        searched = _readable(completion[-_SEARCHED:]) if self._searches and not is_cut else ""
        if answer and name in _OPEN:
            return _Question("stated", _plain(key), stated_formula(answer), searched)
        if answer:
            return _Question("boxed", _plain(key), answer)
        if self._searches and not is_cut and completion and not completion.isspace():
            return _Question("text", _plain(key), searched, searched)
        return NO_ANSWER

    def _classify_keys(self, keys: Iterable[str]) -> None:
        """Find the class of every new key, or the verdict for all answers to a key that cannot be read."""
        new = [key for key in keys if key not in self._key_classes]
        self._key_classes |= {
            key: value_name(value) for key in new if (value := _plain_number(key)) is not None
        }
        hard = [key for key in new if key not in self._key_classes]
        for key, result in zip(hard, self._pool.run([["key", key] for key in hard]), strict=True):
            self._key_classes[key] = result.value or _unreadable_key(key, result)

    def _answer(self, questions: Sequence[_Question]) -> dict[_Question, Verdict]:
        """Answer questions that were never asked, the easy ones without a worker."""
        verdicts = {question: easy for question in questions if (easy := self._easy_verdict(question))}
        hard = [question for question in questions if question not in verdicts]
        for question, result in zip(hard, self._pool.run([list(question) for question in hard]), strict=True):
            verdicts[question] = self._verdict(question, result)
        for question, verdict in verdicts.items():
            if len(question.answer) <= _REMEMBERED_LENGTH and len(self._verdicts) < _REMEMBERED:
                self._verdicts[question] = verdict
        return verdicts

    def _easy_verdict(self, question: _Question) -> Verdict | None:
        """Judge without a worker where texts are equal, the key is unreadable, or both are plain numbers."""
        key_class = self._key_classes[question.key]
        is_same_text = question.kind != "text" and question.answer == question.key
        if isinstance(key_class, Verdict):
            return _judged(True, question.answer, f"text:{question.key}") if is_same_text else key_class
        if is_same_text:
            return _judged(True, question.answer, key_class)
        if question.kind != "text" and (key_value := _plain_number(question.key)) is not None:
            value = _plain_number(question.answer)
            return (
                _judged(value == key_value, question.answer, value_name(value)) if value is not None else None
            )
        return None

    def _verdict(self, question: _Question, result: JobResult) -> Verdict:
        """Turn a worker's result into a verdict."""
        if result.status is not JobStatus.DONE:
            outcome = Outcome.ERROR if result.status is JobStatus.ERROR else Outcome.TIMEOUT
            answer = shown(question.answer) if question.kind != "text" else None
            return Verdict(outcome=outcome, answer=answer, detail=result.detail)
        if result.value is None:
            return NO_ANSWER
        is_correct, read, answer_class = result.value
        answer = question.answer if question.kind == "boxed" else str(read)
        return _judged(
            is_correct, answer, str(self._key_classes[question.key]) if is_correct else answer_class
        )


def _judged(is_correct: bool, answer: str, answer_class: str) -> Verdict:
    outcome = Outcome.CORRECT if is_correct else Outcome.INCORRECT
    return Verdict(outcome=outcome, answer=shown(answer), answer_class=bounded(answer_class))


def _unreadable_key(key: str, result: JobResult) -> Verdict:
    reason = result.detail or "there is no formula, number or text in it."
    return failed(f"The answer key '{shown(key)}' cannot be read: {reason}")


def _plain(answer: str) -> str:
    """Strip white space and the dollar signs around a formula."""
    return _readable(answer.strip().strip("$").strip())


def stated_formula(statement: str) -> str:
    r"""Return the formula with which a statement begins, where it is the only one; else the statement.

    >>> stated_formula("$5$ because it fits"), stated_formula("$5$ or $6$")
    ('5', '$5$ or $6$')
    """
    found = _FORMULA_FIRST.match(statement)
    return _plain(next(filter(None, found.groups()))) if found else statement


def _plain_number(text: str) -> Fraction | None:
    """Read an integer or a fraction of two, where nothing but that number is written."""
    match = _PLAIN_NUMBER.fullmatch(text)
    if match is None:
        return None
    sign, integer, numerator, denominator = match.groups()
    value = Fraction(int(integer)) if integer else Fraction(int(numerator), int(denominator))
    return -value if sign else value


def _readable(text: str) -> str:
    """Replace characters that no parser expects: NUL and lone surrogates."""
    if text.isascii() and "\x00" not in text:
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\x00", " ")
