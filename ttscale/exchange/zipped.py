"""Members of a zip archive as streams: nothing is unpacked to disk, so no name in it can lead anywhere."""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from ttscale.errors import InvalidInputError, MissingExtraError

MOST_MEMBER_BYTES = 4 * 2**30
"""Unpacked, of one member: more is no sample but a trap."""
_ZSTANDARD = 93
_LOCAL_HEADER = struct.Struct("<26xHH")
_SYMLINK = 0o120000


@contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip archive whose names are all harmless.

    Raises:
        InvalidInputError: It is damaged or truncated, or a name in it leads outside or is a link.
    """
    try:
        archive = zipfile.ZipFile(path)
    except FileNotFoundError:
        raise InvalidInputError(f"There is no file {path}.") from None
    except (zipfile.BadZipFile, zlib.error, struct.error, ValueError, NotImplementedError) as error:
        raise InvalidInputError(
            f"{path} is not a whole zip archive ({error}): it is truncated, damaged, or still being written."
        ) from error
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error.strerror or error}.") from error
    with archive:
        for member in archive.infolist():
            _refuse_strange(path, member)
        yield archive


@contextmanager
def open_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
    """Open a member for reading; Zstandard, which Python reads only from 3.14 on, included.

    Raises:
        InvalidInputError: It is damaged, encrypted or absurdly large.
        MissingExtraError: It is packed with Zstandard, and the package that unpacks it is absent.
    """
    where = f"{archive.filename}: '{member.filename}'"
    try:
        if member.compress_type == _ZSTANDARD and not hasattr(zipfile, "ZIP_ZSTANDARD"):
            with _open_zstandard(archive, member) as raw:
                yield cast("IO[bytes]", _Checked(raw, member, where))
        else:
            with archive.open(member) as file:
                yield cast("IO[bytes]", _Checked(file, member, where))
    except (zipfile.BadZipFile, zlib.error, EOFError, struct.error) as error:
        raise InvalidInputError(f"{where} is damaged ({error}). Copy or download the file again.") from error
    except (RuntimeError, NotImplementedError) as error:
        raise InvalidInputError(f"{where} cannot be unpacked: {error}.") from error


def read_member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """Return a small member.

    Raises:
        InvalidInputError: It is not there, damaged, or larger than `most` bytes.
    """
    try:
        member = archive.getinfo(name)
    except KeyError:
        raise InvalidInputError(f"{archive.filename} has no '{name}'.") from None
    with open_member(archive, member) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise InvalidInputError(f"{archive.filename}: '{name}' is larger than {most // 2**20} MiB.")
    return content


class _Checked:
    """A stream that ends in an error where its length or checksum is not the one declared."""

    def __init__(self, file: Any, member: zipfile.ZipInfo, where: str) -> None:
        self._file = file
        self._member = member
        self._where = where
        self._crc = 0
        self._length = 0

    def read(self, size: int = -1) -> bytes:
        try:
            chunk: bytes = self._file.read(size)
        except (zipfile.BadZipFile, zlib.error, EOFError):
            raise
        except Exception as error:  # zstandard's own class, which may be absent
            raise zipfile.BadZipFile(str(error)) from error
        self._crc = zlib.crc32(chunk, self._crc)
        self._length += len(chunk)
        if self._length > min(self._member.file_size, MOST_MEMBER_BYTES):
            raise InvalidInputError(f"{self._where} unpacks to more than it declares, or to more than 4 GiB.")
        if (
            not chunk
            and size != 0
            and (self._length, self._crc) != (self._member.file_size, self._member.CRC)
        ):
            raise InvalidInputError(f"{self._where} is damaged: its checksum differs.")
        return chunk


@contextmanager
def _open_zstandard(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[Any]:
    try:
        import zstandard
    except ImportError as error:
        raise MissingExtraError(
            f"{archive.filename} is packed with Zstandard, which needs the 'inspect' extra: pip install "
            "'ttscale[inspect]'"
        ) from error
    with Path(str(archive.filename)).open("rb") as file:
        file.seek(member.header_offset)
        name_length, extra_length = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
        file.seek(name_length + extra_length, 1)
        packed = cast("IO[bytes]", _Limited(file, member.compress_size))
        with zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True) as reader:
            yield reader


class _Limited:
    """The next `size` bytes of a file."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._left = size

    def read(self, size: int = -1) -> bytes:
        chunk = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(chunk)
        return chunk


def _refuse_strange(path: Path, member: zipfile.ZipInfo) -> None:
    name = member.filename
    if name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/") or ":" in name[:3]:
        raise InvalidInputError(
            f"{path} has a member named '{name}', which leads outside of it. Nothing is imported from such an archive."
        )
    if (member.external_attr >> 16) & 0o170000 == _SYMLINK:
        raise InvalidInputError(
            f"{path} has a member '{name}' that is a symbolic link. Nothing is imported from such an archive."
        )
