"""Everything that a run directory holds, read from the first byte to the last."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ttscale.errors import StoreError, one_line
from ttscale.store.cleaning import segment_folders
from ttscale.store.documents import document_flaw
from ttscale.store.files import listed, subfolders
from ttscale.store.inventory import all_gone, flawed_logs
from ttscale.store.manifest import manifest_flaw
from ttscale.store.run import RunStore
from ttscale.store.segments import examined, forget_checked, table_flaw

AGAIN = {
    "samples": "draws its samples again",
    "calls": "makes its calls again",
    "verdicts": "judges its samples again",
    "problems": "writes it again from the task",
    "manifest.json": "puts its copy in its place",
    "manifest.copy.json": "writes it again",
    "config.yaml": "writes it again",
    "sessions": "does without: times and tokens of its samples are lost",
    "written": "writes it again",
}
_BY_HAND = "refuses to go on: bring it back from a backup, or begin a new directory"


@dataclass(frozen=True, slots=True)
class Checked:
    """A file that was read.

    Attributes:
        path: The file, from the run's folder on.
        flaw: What is wrong with it, None where nothing is.
        then: What the next `ttscale run` does where something is.
    """

    path: Path
    flaw: str | None
    then: str | None


def n_files(root: Path) -> int:
    """Return about how many files `checked` will read."""
    return sum(1 for path in root.rglob("*") if path.suffix in (".parquet", ".json", ".yaml"))


def checked(store: RunStore) -> Iterator[Checked]:
    """Read every file of a run whole: its checksum, its place, and, where it has no checksum, its content.

    Raises:
        StoreError: No run is here, or a folder cannot be looked into.
    """
    root = store.path
    forget_checked()
    for path, flaw in _examined(store):
        own = path.relative_to(root)
        then = AGAIN.get(own.parts[0], _BY_HAND) if flaw else None
        yield Checked(own, flaw, then)


def _examined(store: RunStore) -> Iterator[tuple[Path, str | None]]:
    root = store.path
    yield root / "manifest.json", manifest_flaw(root)
    if os.path.lexists(root / "manifest.copy.json"):
        yield root / "manifest.copy.json", manifest_flaw(root, copy=True)
    yield root / "config.yaml", _said_by(store.config_yaml)
    for folder in [root / "sessions", root / "until", root / "imports", *subfolders(root / "verdicts")]:
        for path in listed(folder, ".json"):
            yield path, document_flaw(path)
    for path in listed(root / "problems", ".parquet"):
        yield path, table_flaw(path) or _unreadable(path)
    for folder in [*segment_folders(root), root / "imports"]:
        for path, flaw in examined(folder):
            yield path, flaw or _unreadable(path)
    yield from flawed_logs(root).items()
    for path in all_gone(root):
        yield path, "it was written and is gone"


def _unreadable(path: Path) -> str | None:
    """Return why a file of rows cannot be decoded: a file of an earlier version may be damaged without a checksum."""
    return _said_by(lambda: pl.read_parquet(path, glob=False))


def _said_by(read: Callable[[], object]) -> str | None:
    try:
        with one_line("it", StoreError):
            read()
    except StoreError as error:
        return str(error)
    return None
