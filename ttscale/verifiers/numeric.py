"""The verifier `numeric`: the answer is the key's number, however it is written."""

from fractions import Fraction
from typing import ClassVar, Literal

from pydantic import Field

from ttscale.verifiers.answers import AnswerVerifier
from ttscale.verifiers.extraction import ExtractorNames
from ttscale.verifiers.numbers import last_number, read_number, whole_number
from ttscale.verifiers.reasoning import StatedOptions


class NumericOptions(StatedOptions):
    """Options of `numeric`. With both tolerances at zero, numbers are compared exactly, as fractions."""

    extract: ExtractorNames = ("hash", "boxed", "answer-tag", "answer-text", "answer-is", "last-number")
    """Where the answer stands in the completion: extractors tried in order, until one finds a number."""
    rel_tol: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)
    """Accepted difference as a share of the key's absolute value."""
    abs_tol: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)
    """Accepted absolute difference; the larger of the two tolerances counts."""
    percent: Literal["ignore", "fraction"] = "ignore"
    """Whether 50% is 50 ("ignore") or 1/2 ("fraction"), in answers and keys alike."""


class NumericVerifier(AnswerVerifier[Fraction]):
    """Compare numbers. Equal numbers vote together: 1,200.0 and 1200, 3/4 and 0.75.

    Tolerances decide what is correct, not what votes together: being close is not transitive.
    """

    Options: ClassVar[type[StatedOptions]] = NumericOptions
    version: ClassVar[str] = "2"

    def __init__(self, options: NumericOptions) -> None:
        super().__init__(options, options.extract)
        # Through the decimal spelling: 0.01 means one hundredth, not its nearest binary fraction.
        self._rel_tol = Fraction(str(options.rel_tol))
        self._abs_tol = Fraction(str(options.abs_tol))
        self._percent_as_fraction = options.percent == "fraction"

    def read(self, answer: str) -> Fraction | None:
        """Read the number that the answer states."""
        return read_number(answer, percent_as_fraction=self._percent_as_fraction)

    def read_enclosed(self, answer: str) -> Fraction | None:
        """Read the number that a box or tag holds and nothing else: none is taken out of a formula."""
        return whole_number(answer, percent_as_fraction=self._percent_as_fraction)

    def read_text(self, answer: str) -> Fraction | None:
        """Read the last number of a text behind "Answer:"."""
        last = last_number(answer)
        return None if last is None else self.read(last)

    def is_whole(self, completion: str) -> bool:
        """Return whether a completion is a number and nothing else."""
        return whole_number(completion) is not None

    def is_equal(self, value: Fraction, key: Fraction) -> bool:
        """Compare within the tolerances."""
        if value == key:
            return True
        if not (self._abs_tol or self._rel_tol):
            return False
        return abs(value - key) <= max(self._abs_tol, self._rel_tol * abs(key))
