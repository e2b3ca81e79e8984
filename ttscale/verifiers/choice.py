"""The verifier `choice`: the answer is the letter of the right option."""

import re
from typing import ClassVar

from pydantic import Field, field_validator

from ttscale.verifiers.answers import AnswerVerifier
from ttscale.verifiers.extraction import ExtractorNames
from ttscale.verifiers.notation import plain_characters
from ttscale.verifiers.reasoning import StatedOptions

_LETTERS = "ABCDEFGHIJ"

_WRAPPING = re.compile(
    r"\\(?:text(?:bf|it|rm|sf|tt|up|normal)?|math(?:rm|bf|it|sf|tt)|boldsymbol|bm|underline|emph|mbox|fbox|boxed)\s?\{([^{}]*)\}"
    r"|[*_$`\"'“”‘’]|\\[()\[\]]"
)
_SENTENCES = re.compile(r"(?<=[.!?。！？])\s+(?=\S)|\n+")


class ChoiceOptions(StatedOptions):
    """Options of `choice`."""

    extract: ExtractorNames = (
        "boxed", "hash", "answer-tag", "answer-text", "answer-is", "last-line", "whole",
    )  # fmt: skip
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
    box_is_final: ClassVar[bool] = False  # a box may hold the option's value

    def __init__(self, options: ChoiceOptions) -> None:
        super().__init__(options, options.extract)
        self._letters = options.letters
        self._first_number = options.first_number
        self._forms = _forms(options.letters)

    def read(self, answer: str) -> str | None:
        """Return the letter that the answer states, by the first form in which one is found."""
        text = _unwrapped(answer)
        for form in self._forms:
            if match := form.search(text):
                return match.group(1).upper()
        return None

    def read_enclosed(self, answer: str) -> str | None:
        """Return the letter that a box holds; a formula that begins with one is none."""
        return self.read(answer)

    def read_text(self, answer: str) -> str | None:
        """Return the letter of the last sentence that states one."""
        sentences = _SENTENCES.split(_unwrapped(answer))
        return next((letter for each in reversed(sentences) if (letter := self.read(each))), None)

    def is_whole(self, completion: str) -> bool:
        """Return whether a completion is a letter and nothing else."""
        return self._forms[0].search(_unwrapped(completion)) is not None

    def read_key(self, key: str) -> str | None:
        """Return the key's letter; a number counts options from `first_number`."""
        if self._first_number is not None and key.strip().isdecimal():
            position = int(key.strip()[:9]) - self._first_number
            return self._letters[position] if 0 <= position < len(self._letters) else None
        return self.read(key)


def _unwrapped(text: str) -> str:
    """Take off markup, quotation marks and dollar signs, nested ones, too."""
    text = plain_characters(text)
    previous = None
    while previous != text:
        previous, text = text, _WRAPPING.sub(lambda match: match.group(1) or "", text)
    return text.strip()


def _forms(letters: str) -> tuple[re.Pattern[str], ...]:
    """Return the ways to state an option, the surest first. Lower case counts only where nothing else is meant."""
    upper, either = f"([{letters}])", f"([{letters}{letters.lower()}])"
    # "A" and "I" are also words: they count alone only before punctuation or a reason.
    worded = "".join(letter for letter in letters if letter not in "AI") or "(?!)"
    ends = rf"(?![A-Za-z'])(?!\s*[=<>^_+*/]|\s*\\|\(|\s+(?:and|or|nor)\b|\s*,\s*[{letters}]\b)"  # no formula, no list
    reason = r"(?=\s*(?:[.,:;)\]–—-]|[^\x00-\x7f]|$)|\s+(?:is|because|since|as)\b)"
    chosen = r"[Oo]ption|[Cc]hoice|[Aa]nswer|[Pp]ick(?:ing)?|[Cc]hoos(?:e|ing)|[Cc]hose|[Ss]elect(?:ing)?|[Gg]o with|[Ll]eav(?:ing|es)"
    hence = r"[Tt]herefore|[Tt]hus|[Hh]ence|[Ss]o|[Ff]inally|[Cc]onclusion"
    return tuple(
        re.compile(pattern)
        for pattern in (
            rf"^[(\[]?{either}[)\]]?[.:,。．、]?$",
            rf"^[(\[]{either}[)\]](?!\s*[=<>^_+*/])",
            rf"^{upper}[.):,．：](?!\w)(?!\s*[{letters}]\b)",
            rf"^([{letters.lower()}])[.)]\s+\S",
            rf"\b(?:{hence})\b[,:]?\s+(?:it is |it's |the answer is )?[(\[]?{upper}[)\]]?[.!]?$",
            rf"\b(?:{chosen})\s*:?\s*(?:is\s+|option\s+)?[(\[]?{upper}\b{ends}",
            rf"^{upper}{ends}\b{reason}",
            rf"^([{worded}]){ends}",
            rf"[(\[]{upper}[)\]](?!.*[(\[]{upper}[)\]])",
            rf"\b(?:is|be)\s+{upper}\b{reason}",
        )
    )
