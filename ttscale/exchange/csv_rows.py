"""CSV, read one row at a time: gzipped or not, and never more than one row in memory."""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ttscale.errors import InvalidInputError
from ttscale.exchange.lines import open_binary

MOST_ROW_CHARACTERS = 32 * 2**20
"""Of one row, line breaks in its cells included."""
csv.field_size_limit(MOST_ROW_CHARACTERS)


class _Lines:
    """Lines for `csv.reader`, which goes on asking for more within a quoted cell."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        self._name = name
        self.number = 1
        self.of_row = 0

    def __iter__(self) -> Iterator[str]:
        while line := self._text.readline(MOST_ROW_CHARACTERS + 1):
            self.of_row += len(line)
            if self.of_row > MOST_ROW_CHARACTERS:
                raise InvalidInputError(
                    f"The row at line {self.number} of {self._name} is longer than {MOST_ROW_CHARACTERS:,} characters: "
                    "this is no table."
                )
            yield line


def read_csv(
    path: Path, *, delimiter: str = ",", name: str | None = None
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield (place, row) of a table with a header; empty lines are skipped.

    Args:
        path: UTF-8, gzipped where its name ends in ``.gz``.
        delimiter: Between cells.
        name: What messages call the file; None: its path.

    Raises:
        InvalidInputError: It cannot be read, a row has another number of cells than the header or is absurdly long, or
            two columns have one name.
    """
    shown = name or str(path)
    with open_binary(path, name=name) as file:
        lines = _Lines(file, shown)
        rows = csv.reader(lines, delimiter=delimiter, strict=True)
        header: list[str] | None = None
        try:
            for cells in rows:
                where = f"Line {rows.line_num} of {shown}"
                lines.number, lines.of_row = rows.line_num + 1, 0
                if header is None:
                    header = _checked(cells, shown)
                elif cells and len(cells) != len(header):
                    raise InvalidInputError(
                        f"{where} has {len(cells)} cells, but the header has {len(header)}."
                    )
                elif cells:
                    yield where, dict(zip(header, cells, strict=True))
        except csv.Error as error:
            raise InvalidInputError(f"Line {rows.line_num} of {shown} is not valid CSV: {error}.") from error
        except UnicodeDecodeError as error:
            raise InvalidInputError(
                f"{shown} is not UTF-8 text, near line {rows.line_num}: {error.reason}. Convert it, for example with "
                "iconv -f latin1 -t utf-8."
            ) from error


def _checked(header: list[str], shown: str) -> list[str]:
    twice = next((column for column, n in Counter(header).items() if n > 1), None)
    if twice is not None:
        raise InvalidInputError(f"{shown} has two columns named '{twice}'.")
    return header
