"""The verifier `exact`: the answer is the key, character for character after simple normalization."""

import unicodedata
from typing import ClassVar, Literal

from ttscale.verifiers.answers import AnswerVerifier
from ttscale.verifiers.extraction import ExtractorNames
from ttscale.verifiers.reasoning import StatedOptions

_FULL_WIDTH = {0xFF01 + offset: 0x21 + offset for offset in range(94)}


class ExactOptions(StatedOptions):
    """Options of `exact`."""

    extract: ExtractorNames = ("whole",)
    """Where the answer stands in the completion: extractors tried in order."""
    whitespace: Literal["strip", "collapse", "remove", "keep"] = "strip"
    """What is done with white space in answer and key before they are compared."""
    ignore_case: bool = False
    """Whether letters are compared without regard to case."""


class ExactVerifier(AnswerVerifier[str]):
    """Compare texts. An empty answer is no answer."""

    Options: ClassVar[type[StatedOptions]] = ExactOptions
    version: ClassVar[str] = "2"

    def __init__(self, options: ExactOptions) -> None:
        super().__init__(options, options.extract)
        self._whitespace = options.whitespace
        self._ignore_case = options.ignore_case

    def read(self, answer: str) -> str | None:
        """Normalize white space, case and what no reader sees; None for an answer that is empty or blank."""
        if not answer.isascii():
            answer = unicodedata.normalize("NFC", answer.strip("\ufeff\u200b").translate(_FULL_WIDTH))
        match self._whitespace:
            case "strip":
                text = answer.strip()
            case "collapse":
                text = " ".join(answer.split())
            case "remove":
                text = "".join(answer.split())
            case "keep":
                text = "" if answer.isspace() else answer
        return (text.casefold() if self._ignore_case else text) or None
