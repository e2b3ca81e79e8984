"""Archives of logs (tar, zip): unpacked beside the run for as long as the import takes.

Only plain files inside the folder are unpacked. An archive that holds anything else (a path that leads outside, a
link, a device) is refused as a whole: whoever made it did not mean well, and no part of it is worth having.
"""

import lzma
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO
from uuid import uuid4

from ttscale.errors import InvalidInputError, StoreError, one_line
from ttscale.exchange.lines import CHUNK
from ttscale.exchange.zipped import open_archive, open_member

_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_MOST_GROWTH = 200
"""Unpacked bytes per packed one; logs of samples shrink to a tenth or a thirtieth."""
_ALWAYS_ALLOWED = 2**30


def is_archive(path: Path) -> bool:
    """Tell by the name whether a file is an archive of logs."""
    return path.is_file() and path.name.lower().endswith(_SUFFIXES)


@contextmanager
def unpacked(path: Path, beside: Path) -> Iterator[Path]:
    """Unpack an archive into a folder of its name beside the run; it is gone afterwards.

    Raises:
        InvalidInputError: The archive is damaged, or holds something that no archive of logs holds.
        StoreError: The disk is full or cannot be written.
    """
    home = beside.with_name(f".{beside.name}.{uuid4().hex[:8]}.unpacked")
    folder = home / path.name.partition(".")[0]  # formats name a task or a model by its folder
    try:
        with one_line(str(path)):
            _unpack(path, folder, beside)
        yield folder
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _unpack(path: Path, folder: Path, beside: Path) -> None:
    try:
        folder.mkdir(parents=True)
        budget = _Budget(path)
        if path.suffix.lower() == ".zip":
            _unzip(path, folder, budget)
        else:
            _untar(path, folder, budget)
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(f"{path} cannot be unpacked beside {beside}: {error.strerror or error}.") from error


class _Budget:
    """How much an archive may still unpack to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._left = max(_ALWAYS_ALLOWED, _MOST_GROWTH * path.stat().st_size)

    def spend(self, n_bytes: int) -> None:
        self._left -= n_bytes
        if self._left < 0:
            raise InvalidInputError(
                f"{self._path} unpacks to more than {_MOST_GROWTH} times its size, as no archive of logs does. Unpack "
                "it yourself if you trust it, and import the folder."
            )


def _unzip(path: Path, folder: Path, budget: _Budget) -> None:
    with open_archive(path) as archive:
        for member in archive.infolist():
            if not member.is_dir():
                with open_member(archive, member) as content:
                    _write(content, folder / member.filename, budget)


def _untar(path: Path, folder: Path, budget: _Budget) -> None:
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                _refuse_strange(path, member)
                content = archive.extractfile(member) if member.isfile() else None
                if content is not None:
                    _write(content, folder / member.name, budget)
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise InvalidInputError(
            f"{path} is not a whole tar archive ({error}): it is truncated or damaged."
        ) from error


def _refuse_strange(path: Path, member: tarfile.TarInfo) -> None:
    parts = PurePosixPath(member.name).parts
    if member.name.startswith("/") or ".." in parts:
        raise InvalidInputError(
            f"{path} has a member named '{member.name}', which leads outside of it. Nothing is imported from such an "
            "archive."
        )
    if member.issparse() or not (member.isfile() or member.isdir()):
        what = "a link" if member.issym() or member.islnk() else "no plain file"
        raise InvalidInputError(
            f"{path} has a member '{member.name}' that is {what}. Nothing is imported from such an archive."
        )


def _write(content: IO[bytes], target: Path, budget: _Budget) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:
        while chunk := content.read(CHUNK):
            budget.spend(len(chunk))
            file.write(chunk)
