"""The verifiers `last-digit` and `casting-out-nines`: old checks of a sum or product that need no key.

Both compare the answer with the operands modulo a small number m: the last digit is the number modulo 10, and
a number leaves the same remainder as its digit sum when divided by 9. The remainder of a sum or product
follows from the remainders of its operands, so a right answer is never rejected (the recall is 1), and a
wrong one is accepted exactly when it is off by a multiple of m: a share 1/m of answers that are wrong at
random. Answers are not wrong at random. Learners get the last digit right first, which ruins `last-digit`, and
two exchanged digits change no digit sum, which slips past `casting-out-nines`.
"""

import re
from collections.abc import Sequence
from typing import ClassVar

from pydantic import BaseModel

from ttscale.types import Outcome, Problem, Verdict
from ttscale.verifiers.answers import bounded, shown
from ttscale.verifiers.contract import Candidate, failed
from ttscale.verifiers.extraction import ExtractorNames, Extractors
from ttscale.verifiers.reasoning import ReadingOptions, ReadingVerifier

_EQUATION = re.compile(r"([0-9]+)([+*])([0-9]+)=")
_INTEGER = re.compile(r"([+-]?)([0-9]+)")


class CongruenceOptions(ReadingOptions):
    """Options of `last-digit` and `casting-out-nines`."""

    extract: ExtractorNames = ("whole",)
    """Where the answer stands in the completion: extractors tried in order, until one finds an integer."""


class CongruenceVerifier(ReadingVerifier):
    """Accept an answer that agrees with the operands of a prompt such as ``37*52=`` modulo `modulus`."""

    Options: ClassVar[type[BaseModel]] = CongruenceOptions
    version: ClassVar[str] = "2"
    sees_answer: ClassVar[bool] = False
    modulus: ClassVar[int]

    def __init__(self, options: CongruenceOptions) -> None:
        super().__init__(options)
        self._extractors = Extractors(options.extract)

    def _verify(self, batch: Sequence[Candidate]) -> list[Verdict]:
        return [self._verify_one(candidate.problem, candidate.sample.completion) for candidate in batch]

    def _verify_one(self, problem: Problem, completion: str) -> Verdict:
        expected = self._expected(problem)
        if expected is None:
            return _not_arithmetic(problem)
        for _, answer in self._extractors.pieces(completion):
            if integer := _INTEGER.fullmatch(answer.strip()):
                return self._verdict_on(answer.strip(), integer[1], integer[2], expected)
        return Verdict(outcome=Outcome.NO_ANSWER, score=0.0)

    def _expected(self, problem: Problem) -> int | None:
        """Return the right answer's remainder, or None where the prompt is not a sum or product."""
        equation = _EQUATION.fullmatch("".join((problem.prompt or "").split()))
        if equation is None:
            return None
        left, operation, right = equation.groups()
        a, b = self._remainder(left), self._remainder(right)
        return (a + b if operation == "+" else a * b) % self.modulus

    def _verdict_on(self, answer: str, sign: str, digits: str, expected: int) -> Verdict:
        remainder = self._remainder(digits)
        accepted = (-remainder if sign == "-" else remainder) % self.modulus == expected
        return Verdict(
            outcome=Outcome.CORRECT if accepted else Outcome.INCORRECT,
            score=float(accepted),
            answer=shown(answer),
            answer_class=bounded(_canonical(sign, digits)),
        )

    def _remainder(self, digits: str) -> int:
        """Return a number's remainder from its digits; Python converts no integer of over 4,300 of them."""
        raise NotImplementedError


class LastDigitVerifier(CongruenceVerifier):
    """Check the last digit alone."""

    modulus: ClassVar[int] = 10

    def _remainder(self, digits: str) -> int:
        return int(digits[-1])


class CastingOutNinesVerifier(CongruenceVerifier):
    """Check the digit sum, modulo 9."""

    modulus: ClassVar[int] = 9

    def _remainder(self, digits: str) -> int:
        return sum(map(int, digits)) % 9


def _canonical(sign: str, digits: str) -> str:
    """Return how Python writes the integer.

    >>> _canonical("+", "0042"), _canonical("-", "0")
    ('42', '0')
    """
    magnitude = digits.lstrip("0") or "0"
    return f"-{magnitude}" if sign == "-" and magnitude != "0" else magnitude


def _not_arithmetic(problem: Problem) -> Verdict:
    return failed(
        f"Problem '{problem.problem_id}' is no sum or product such as '37*52='; this verifier fits the task 'arithmetic' only."
    )
