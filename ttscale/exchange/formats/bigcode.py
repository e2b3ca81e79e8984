"""bigcode-evaluation-harness: ``generations_TASK.json``, one list of texts per problem in the data set's order."""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import ClassVar

from ttscale.errors import InvalidInputError
from ttscale.exchange.contract import UNKNOWN, CellKey, ImportedSample, PlainImporter, ReadingNotes, Source
from ttscale.exchange.json_stream import JsonStream
from ttscale.exchange.lines import open_binary
from ttscale.exchange.values import text_or_empty
from ttscale.types import Problem

_NAME = re.compile(r"generations?_(?P<task>.+?)(_intermediate)?$")
_MOST_LOOKED_AT = 1000
"""Elements, for a first look: those of problems without generations are null."""


class BigcodeImporter(PlainImporter):
    """bigcode-evaluation-harness: generations.json."""

    title: ClassVar[str] = "bigcode-evaluation-harness"
    numbers_problems: ClassVar[bool] = True
    """Problem ids are positions in the data set."""

    def recognizes(self, path: Path) -> bool:
        """Look for a list of lists."""
        if path.is_dir():
            return any(map(self.recognizes, path.glob("generations*.json")))
        if path.suffix not in (".json", ".gz") or not path.is_file():
            return False
        try:
            with open_binary(path) as file:
                stream = JsonStream(file, str(path))
                first = islice(stream.elements() if stream.peek() == "[" else (), _MOST_LOOKED_AT)
                return any(stream.peek() == "[" for _ in first)
        except InvalidInputError:
            return False

    def sources(self, path: Path) -> list[Source]:
        """Return the generations files."""
        return (
            [Source(each) for each in sorted(path.glob("generations*.json"))]
            if path.is_dir()
            else [Source(path)]
        )

    def read(self, source: Source, notes: ReadingNotes) -> Iterator[ImportedSample]:
        """Yield the texts of one file."""
        path = source.path
        named = _NAME.match(path.name.partition(".")[0])
        cell = CellKey(
            self._options.model or UNKNOWN, self._options.task or (named["task"] if named else UNKNOWN)
        )
        with open_binary(path) as file:
            stream = JsonStream(file, str(path))
            for number in stream.elements():
                if stream.peek() == "n":
                    notes.remark("Problems without generations (null) are left out.")
                    continue
                if stream.peek() != "[":
                    raise InvalidInputError(f"{path}: element {number} is no list of texts.")
                problem = Problem(problem_id=str(number), prompt="")
                for position in stream.elements():
                    text = text_or_empty(stream.value(), notes)
                    if text is None:
                        raise InvalidInputError(
                            f"{path}: generation {position} of problem {number} is no text."
                        )
                    yield ImportedSample(cell=cell, problem=problem, position=position, completion=text)
            stream.require_end()
