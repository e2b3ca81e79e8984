"""JSON Lines, read one line at a time: gzipped or not, and never more than one line in memory."""

import codecs
import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import NoneType
from typing import IO, Any

from ttscale.errors import InvalidInputError

MOST_LINE_BYTES = 256 * 2**20
"""Of one line; a problem with 10,000 samples of 4 kB is 40 MB."""
CHUNK = 2**20
"""Bytes read at once."""
_SHOWN = 60


@contextmanager
def open_binary(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading, gunzipping it where its name ends in ``.gz``.

    Raises:
        InvalidInputError: It is missing, no file, or its compression is damaged.
    """
    try:
        with gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb") as file:
            yield file  # type: ignore[misc]  # gzip's file is as good as a raw one
    except FileNotFoundError:
        raise InvalidInputError(f"There is no file {path}.") from None
    except IsADirectoryError:
        raise InvalidInputError(f"{path} is a folder, where a file is needed.") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InvalidInputError(
            f"{path} is not a complete gzip file ({error}). Copy or download it again."
        ) from error
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error.strerror or error}.") from error


def read_objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, object) of a JSON Lines file; blank lines are skipped.

    Raises:
        InvalidInputError: A line is too long, no JSON or no object, or the file ends within one.
    """
    with open_binary(path) as file:
        number = 0
        while line := file.readline(MOST_LINE_BYTES + 1):
            number += 1
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            if len(line) > MOST_LINE_BYTES:
                raise InvalidInputError(
                    f"Line {number} of {path} is longer than {MOST_LINE_BYTES // 2**20} MiB: this is no JSON Lines "
                    "file of samples."
                )
            if line.strip():
                yield number, parse_object(line, f"Line {number} of {path}", ends=line.endswith(b"\n"))


def parse_object(text: bytes, where: str, *, ends: bool = True) -> dict[str, Any]:
    """Parse one JSON object.

    Args:
        text: UTF-8.
        where: Starts the message of an error.
        ends: Whether the text is known to be complete.

    Raises:
        InvalidInputError: It is not UTF-8, no JSON, or no object.
    """
    try:
        value = json.loads(text.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InvalidInputError(
            f"{where} is not UTF-8: byte 0x{text[error.start]:02x} at {error.start}."
        ) from error
    except RecursionError:
        raise InvalidInputError(f"{where} is nested too deeply to be a record of samples.") from None
    except ValueError as error:
        cut = "" if ends else " The file ends here: it is truncated, or still being written."
        raise InvalidInputError(f"{where} is not valid JSON: {error}.{cut}") from error
    if not isinstance(value, dict):
        raise InvalidInputError(f"{where} is no JSON object but {_shown(value)}.")
    return value


def field(record: dict[str, Any], name: str, kind: type | tuple[type, ...], where: str) -> Any:
    """Return a field that must be there and of a kind.

    Raises:
        InvalidInputError: It is not.
    """
    if name not in record:
        known = ", ".join(sorted(record)[:20])
        raise InvalidInputError(f"{where} has no field '{name}'. Fields: {known or 'none'}.")
    value = record[name]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        wanted = " or ".join("null" if each is NoneType else each.__name__ for each in kinds)
        raise InvalidInputError(f"{where}: field '{name}' should be {wanted}, but is {_shown(value)}.")
    return value


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + " ..."
