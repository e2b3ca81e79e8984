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
from ttscale.plain_files import MOST_TEXT_BYTES, read_plain_bytes

MOST_LINE_BYTES = 128 * 2**20
"""Of one line; a problem with 10,000 samples of 4 kB is 40 MB."""
CHUNK = 2**20
"""Bytes read at once."""
MOST_VALUES = 2**23
"""Of one line or element, counted by commas and opening brackets: ``[[],[],...`` takes twenty times its length."""
_LEAST_COUNTED = 2 * MOST_VALUES
_SHOWN = 60


@contextmanager
def open_binary(path: Path, *, name: str | None = None) -> Iterator[IO[bytes]]:
    """Open a file for reading, gunzipping it where its name ends in ``.gz``.

    Args:
        path: The file.
        name: What it is called, where it lies under another name than its own; None: its path.

    Raises:
        InvalidInputError: It is missing, no file, or its compression is damaged.
    """
    shown = name or str(path)
    try:
        with gzip.open(path, "rb") if shown.lower().endswith(".gz") else path.open("rb") as file:
            yield file  # type: ignore[misc]  # gzip's file is as good as a raw one
    except FileNotFoundError:
        raise InvalidInputError(f"There is no file {shown}.") from None
    except IsADirectoryError:
        raise InvalidInputError(f"{shown} is a folder, where a file is needed.") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InvalidInputError(
            f"{shown} is not a complete gzip file ({error}). Copy or download it again."
        ) from error
    except OSError as error:
        raise InvalidInputError(f"{shown} cannot be read: {error.strerror or error}.") from error


def read_objects(path: Path, *, name: str | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, object) of a JSON Lines file; blank lines are skipped.

    Args:
        path: The file.
        name: See `open_binary`.

    Raises:
        InvalidInputError: A line is too long, no JSON or no object, or the file ends within one.
    """
    shown = name or str(path)
    with open_binary(path, name=name) as file:
        number = 0
        while line := file.readline(MOST_LINE_BYTES + 1):
            number += 1
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            if len(line) > MOST_LINE_BYTES:
                raise InvalidInputError(
                    f"Line {number} of {shown} is longer than {MOST_LINE_BYTES // 2**20} MiB: this is no JSON Lines "
                    "file of samples."
                )
            if line.strip():
                yield number, parse_object(line, f"Line {number} of {shown}", ends=line.endswith(b"\n"))


def parse_object(text: bytes, where: str, *, ends: bool = True) -> dict[str, Any]:
    """Parse one JSON object.

    Args:
        text: UTF-8.
        where: Starts the message of an error.
        ends: Whether the text is known to be complete.

    Raises:
        InvalidInputError: It is not UTF-8, no JSON, or no object.
    """
    if has_many_values(text):
        raise InvalidInputError(
            f"{where} holds more than {MOST_VALUES:,} values: this is no record of samples."
        )
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


def object_beside(path: Path, *, most: int = MOST_TEXT_BYTES) -> dict[str, Any]:
    """Return the JSON object in a short file beside samples, which do without it: {} where it cannot be read."""
    try:
        return parse_object(read_plain_bytes(path, InvalidInputError, most=most), str(path))
    except (OSError, InvalidInputError):
        return {}


def has_many_values(text: str | bytes) -> bool:
    """Tell whether JSON would take far more memory than its text does."""
    if len(text) < _LEAST_COUNTED:  # most often; nothing is counted
        return False
    if isinstance(text, bytes):
        return text.count(b",") + text.count(b"[") + text.count(b"{") > MOST_VALUES
    return text.count(",") + text.count("[") + text.count("{") > MOST_VALUES


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
