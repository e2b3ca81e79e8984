"""Which format a file or folder is of, and what to say when it is another one than was named."""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ttscale.errors import InvalidInputError, did_you_mean, listed, one_line
from ttscale.exchange.contract import Importer
from ttscale.plain_files import require_plain, require_possible
from ttscale.registry import load_plugin, plugins

_PACKINGS = {
    ".zst": "packed with Zstandard", ".bz2": "packed with bzip2", ".xz": "packed with xz", ".lz4": "packed with LZ4",
    ".br": "packed with Brotli", ".7z": "a 7z archive", ".rar": "a RAR archive", ".tar": "an archive in the archive",
    ".tgz": "an archive in the archive", ".zip": "an archive in the archive", ".gz": "packed with gzip",
}  # fmt: skip
"""What is not read where it stands: archives are unpacked once, gzip where a format's names allow it."""
_MOST_LOOKED_AT = 1000


def detect_format(path: Path) -> str:
    """Return the name of the one format that recognizes a path.

    Raises:
        InvalidInputError: None does, or several do.
    """
    require_there(path)
    found = formats_of(path)
    if len(found) == 1:
        return found[0]
    if not found:
        if packed := packed_within(path):
            raise InvalidInputError(packed)
        raise InvalidInputError(
            f"{path} is in no format that is recognized: {listed(plugins('importers'))}. A table of your own: "
            "ttscale import table PATH --map problem_id=COLUMN,completion=COLUMN,correct=COLUMN"
        )
    raise InvalidInputError(
        f"{path} could be {' or '.join(found)}. Name one: ttscale import {found[0]} {path} --out RUN"
    )


def packed_within(path: Path) -> str:
    """Return a sentence if a path is, or a folder holds, files in a packing that is not read; else nothing."""
    files = [path] if path.is_file() else itertools.islice(path.rglob("*"), _MOST_LOOKED_AT)
    packed = [file for file in files if file.suffix.lower() in _PACKINGS and file.is_file()]
    if not packed:
        return ""
    is_archive = packed[0].name.lower().endswith((".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst"))
    what = "an archive in the archive" if is_archive else _PACKINGS[packed[0].suffix.lower()]
    holds = "is" if packed[0] == path else f"holds {packed[0].name}, which is"
    return f"{path} {holds} {what}, which is not read here. Unpack it, and import what is in it."


def formats_of(path: Path) -> list[str]:
    """Return the names of the formats that recognize a path."""
    return [name for name in plugins("importers") if name != "table" and _recognizes(name, path)]


def looks_like(path: Path, named: str) -> str:
    """Return a sentence that says which format a path looks like instead, or nothing."""
    others = [name for name in formats_of(path) if name != named]
    return f" It looks like {' or '.join(others)}: ttscale import {others[0]} {path}" if others else ""


def require_there(path: Path) -> None:
    """Refuse a path where nothing is, or something that cannot be read to its end.

    Raises:
        InvalidInputError: With a near name, if there is one.
    """
    require_possible(path)
    if not path.exists():
        siblings = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        raise InvalidInputError(f"There is no file or folder {path}.{did_you_mean(path.name, siblings)}")
    require_plain(path)


def build_importer(name: str, options: Mapping[str, Any]) -> Importer:
    """Construct an importer.

    Raises:
        UnknownPluginError: There is none of this name.
        InvalidInputError: An option is no text that a file can hold.
        pydantic.ValidationError: An option is unknown or wrong.
    """
    plugin = load_plugin("importers", name)
    try:
        importer: Importer = plugin(plugin.Options.model_validate(dict(options)))
    except UnicodeEncodeError as error:
        raise InvalidInputError(
            f"An option of '{name}' holds half of a character, which no file can: {error.object!r:.80}."
        ) from error
    return importer


def _recognizes(name: str, path: Path) -> bool:
    try:
        with one_line(str(path)):
            return bool(build_importer(name, {}).recognizes(path))
    except InvalidInputError:
        return False  # what cannot be read is of no format
