"""The verifier `choice`: the answer is the letter of the right option."""

import re
from typing import ClassVar

from pydantic import Field, field_validator

from ttscale.verifiers.answers import AnswerVerifier
from ttscale.verifiers.extraction import ExtractorNames
from ttscale.verifiers.reasoning import StatedOptions

_LETTERS = "ABCDEFGHIJ"

_WRAPPING = re.compile(r"\\(?:text|textbf|mathrm|mathbf)\s?\{([^{}]*)\}|[*_$`\"']|\\[()\[\]]")


class ChoiceOptions(StatedOptions):
    """Options of `choice`."""

    extract: ExtractorNames = ("boxed", "hash", "answer-is", "last-line", "whole")
    """Where the answer stands in the completion: extractors tried in order, until one finds a letter."""
    letters: str = _LETTERS
    """The letters of the options, in order."""
    first_number: int | None = Field(default=None, ge=0, le=1)
    """For keys that are numbers: the number of the first option, 0 or 1."""

    @field_validator("letters")
    @classmethod
    def _are_letters(cls, letters: str) -> str:
        if not (
            letters.isascii()
            and letters.isalpha()
            and letters.isupper()
            and len(set(letters)) == len(letters)
        ):
            raise ValueError(f"letters must be different capital letters such as 'ABCD', not '{letters}'.")
        return letters


class ChoiceVerifier(AnswerVerifier[str]):
    """Compare letters, in the ways that models state them: ``B``, ``(b)``, ``B) Paris``, ``option B``, ``**B**``."""

    Options: ClassVar[type[StatedOptions]] = ChoiceOptions
    version: ClassVar[str] = "2"

    def __init__(self, options: ChoiceOptions) -> None:
        super().__init__(options, options.extract)
        self._letters = options.letters
        self._first_number = options.first_number
        self._forms = _forms(options.letters)

    def read(self, answer: str) -> str | None:
        """Return the letter that the answer states, by the first form in which one is found."""
        text = _WRAPPING.sub(lambda match: match.group(1) or "", answer).strip()
        for form in self._forms:
            if match := form.search(text):
                return match.group(1).upper()
        return None

    def is_whole(self, completion: str) -> bool:
        """Return whether a completion is a letter and nothing else."""
        text = _WRAPPING.sub(lambda match: match.group(1) or "", completion).strip()
        return self._forms[0].search(text) is not None

    def read_key(self, key: str) -> str | None:
        """Return the key's letter; a number counts options from `first_number`."""
        if self._first_number is not None and key.strip().isdecimal():
            position = int(key.strip()[:9]) - self._first_number
            return self._letters[position] if 0 <= position < len(self._letters) else None
        return self.read(key)


def _forms(letters: str) -> tuple[re.Pattern[str], ...]:
    """Return the ways to state an option, the surest first. Lower case counts only where nothing else is meant."""
    upper, either = f"([{letters}])", f"([{letters}{letters.lower()}])"
    # "A" and "I" are also words: they count alone only before punctuation or a reason.
    worded = "".join(letter for letter in letters if letter not in "AI") or "(?!)"
    reason = r"(?=\s*(?:[.,:;)\]–—-]|$)|\s+(?:is|because|since|as)\b)"
    return tuple(
        re.compile(pattern)
        for pattern in (
            rf"^[(\[]?{either}[)\]]?[.:,]?$",
            rf"^[(\[]{either}[)\]]",
            rf"^{upper}[.):,](?!\w)",
            rf"\b(?:[Oo]ption|[Cc]hoice|[Aa]nswer)\s*:?\s*[(\[]?{upper}\b",
            rf"^{upper}\b{reason}",
            rf"^([{worded}])\b(?!')",
            rf"[(\[]{upper}[)\]](?!.*[(\[]{upper}[)\]])",
            rf"\b(?:is|be)\s+{upper}\b{reason}",
        )
    )
