"""Seals: what a file of a run says of itself, checked wherever it is read.

A seal names the run, the place in it and the file itself (an id of its own), and carries the CRC-32 of the whole file,
taken with zeros where the CRC stands. So damage, a file of another run, of another cell or kind, and a copy are told
from what was written. In a Parquet file it is metadata, in a JSON file the key "seal"; any other reader passes over it.
Files of earlier versions have none.
"""

import io
import json
import secrets
import struct
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ttscale.store.files import FlawError, open_regular

_KEY = "seal"
BY_HAND = "changed by hand"
"""In place of a seal: whoever changes a JSON document on purpose says so."""
_MARK = b'{"crc32":"'
_BLANK = "0" * 8
_MAGIC = b"PAR1"
_SMALLEST = 12  # magic, footer length, magic
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Home:
    """Where a file belongs: the run's id and the place in it; None where nothing tells."""

    run: str | None = None
    of: str | None = None


@dataclass(frozen=True, slots=True)
class Seal:
    """What a file says of itself; without a home it may lie anywhere. `replaces`: ids of files whose rows it holds."""

    home: Home | None
    id: str
    replaces: frozenset[str] = frozenset()

    def require(self, home: Home) -> None:
        """Refuse a file that belongs elsewhere.

        Raises:
            FlawError: It does.
        """
        if self.home is None:
            return
        if self.home.run != home.run:
            raise FlawError("it is of another run")
        if self.home.of != home.of and None not in (self.home.of, home.of):
            raise FlawError(f"it belongs to {self.home.of!r}")


def require_seal(seal: Seal | None, home: Home) -> None:
    """Refuse a file that belongs elsewhere, and one without a seal in a run whose files have them.

    Raises:
        FlawError: It is one of these.
    """
    if seal is not None:
        seal.require(home)
    elif home.run is not None:
        raise FlawError("it has no checksum, as all files of this run do")


def _described(home: Home) -> dict[str, str | None]:
    return {"crc32": _BLANK, "of": home.of, "run": home.run, "id": secrets.token_hex(8)}


def _seal(described: Mapping[str, Any]) -> Seal:
    return Seal(
        Home(described["run"], described["of"]), described["id"], frozenset(described.get("replaces", ()))
    )


# ---- Parquet ------------------------------------------------------------------------------------


def parquet_metadata(home: Home, replaces: Collection[str] = ()) -> dict[str, str]:
    """Return the metadata that `close_parquet` completes."""
    described = _described(home) | ({"replaces": sorted(replaces)} if replaces else {})
    return {f"ttscale.{_KEY}": json.dumps(described, separators=(",", ":"))}


def close_parquet(encoded: io.BytesIO) -> None:
    """Write the checksum into a file that was encoded with `parquet_metadata`."""
    content = encoded.getbuffer()
    place = _place(bytes(content[-8 - _footer_length(bytes(content[-8:])) :]), len(content))
    content[place : place + len(_BLANK)] = f"{zlib.crc32(content):08x}".encode()


def parquet_seal(path: Path) -> Seal | None:
    """Read the whole of a Parquet file and check it; return its seal, None where it has none.

    Raises:
        FlawError: It is no whole Parquet file, or its checksum does not fit.
        StoreError: It may not be read.
    """
    with open_regular(path) as file:
        size = file.seek(0, 2)
        file.seek(0)
        head = file.read(len(_MAGIC))
        file.seek(-min(8, size), 2)
        tail = file.read()
        if size < _SMALLEST or not head == tail[4:] == _MAGIC or _footer_length(tail) > size - _SMALLEST:
            raise FlawError("it is no complete Parquet file")
        file.seek(-8 - _footer_length(tail), 2)
        footer = file.read()
        try:
            place = _place(footer, size)
            described = _decoded(footer, place - size)
        except ValueError:
            return None
        if described["crc32"] != _crc32(file, place):
            raise FlawError("its checksum does not fit its content")
    return _seal(described)


def _footer_length(tail: bytes) -> int:
    return int(struct.unpack("<I", tail[:4])[0])


def _place(footer: bytes, size: int) -> int:
    """Return where the checksum stands. Statistics may quote a completion, but they stand before the metadata."""
    return size - len(footer) + footer.rindex(_MARK) + len(_MARK)


def _decoded(footer: bytes, place: int) -> dict[str, Any]:
    """Return the seal whose checksum stands `place` (negative) from the footer's end."""
    text = footer[place - len(_MARK) :].decode(errors="replace")
    described: dict[str, Any] = json.JSONDecoder().raw_decode(text)[0]
    if {"crc32", "of", "run", "id"} - described.keys():
        raise ValueError("no seal")
    return described


def _crc32(file: Any, place: int) -> str:
    """Return the checksum of a file, with zeros at a place."""
    file.seek(0)
    crc, at = 0, 0
    while chunk := file.read(min(_CHUNK, place - at) if at < place else _CHUNK):
        if at == place:
            chunk = _BLANK.encode() + chunk[len(_BLANK) :]
        crc, at = zlib.crc32(chunk, crc), at + len(chunk)
    return f"{crc:08x}"


# ---- JSON ---------------------------------------------------------------------------------------


def sealed_json(content: Mapping[str, Any], home: Home) -> str:
    """Return a JSON document that carries its seal."""
    content = json.loads(json.dumps(content, default=str))  # as it is read again: keys are text
    described = _described(home)
    described["crc32"] = _crc32_of(content, described)
    return json.dumps({**content, _KEY: described}, indent=2, sort_keys=True) + "\n"


def unsealed_json(text: str | bytes) -> tuple[dict[str, Any], Seal | None]:
    """Return what a JSON document holds, and its seal, None where it has none.

    Raises:
        FlawError: It is no JSON object, or its checksum does not fit.
    """
    try:
        content = json.loads(text)
        described = content.pop(_KEY, None)
        if described is None or described == BY_HAND:
            return content, described and Seal(None, BY_HAND)
        if described["crc32"] != _crc32_of(content, described | {"crc32": _BLANK}):
            raise FlawError("its checksum does not fit its content")
        return content, _seal(described)
    except FlawError:
        raise
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise FlawError(f"it is no complete JSON object: {error}") from error


def _crc32_of(content: Mapping[str, Any], described: Mapping[str, Any]) -> str:
    text = json.dumps({**content, _KEY: dict(described)}, sort_keys=True, separators=(",", ":"))
    return f"{zlib.crc32(text.encode()):08x}"
