"""The manifest, twice, and which run a path lies in.

A damaged manifest is read from its copy, and the next process that writes here puts the copy in its place. Without either nobody
would know what the samples are of.
"""

import functools
import os
import secrets
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ttscale.errors import StoreError, TornSegmentWarning
from ttscale.store.files import FlawError, move_aside, read_regular, reading, write_text
from ttscale.store.seals import Home, require_seal, sealed_json, unsealed_json

SCHEMA_VERSION = 2
"""2: files carry seals. Runs of version 1 have no id, so their files may be without."""

_NAME, _COPY = "manifest.json", "manifest.copy.json"
_DEPTH = 3
"""Folders between a run and its deepest files: verdicts/SET/CELL."""


def has_manifest(root: Path) -> bool:
    """Tell whether a run was begun in a folder."""
    with reading(root / _NAME):
        return os.path.lexists(root / _NAME)


def new_run_id() -> str:
    """Return an id that no other run has."""
    return secrets.token_hex(8)


def read_manifest(root: Path) -> dict[str, Any]:
    """Read a run's manifest, or its copy where it is damaged.

    Raises:
        StoreError: No run is here, both are damaged, or a newer ttscale wrote them.
    """
    if not has_manifest(root):
        raise StoreError(
            f"{root} is not a run directory (no {_NAME}). Give the folder that `ttscale run` wrote."
        )
    try:
        manifest = _read(root / _NAME)
    except FlawError as error:
        manifest = _read_copy(root, error)
    _refuse_newer(root, manifest)
    return manifest


def write_manifest(root: Path, manifest: Mapping[str, Any]) -> None:
    """Write a run's manifest and its copy."""
    text = sealed_json(manifest, Home(manifest["run"], _NAME))
    write_text(root / _NAME, text)
    write_text(root / _COPY, text)


def manifest_flaw(root: Path, *, copy: bool = False) -> str | None:
    """Return what is wrong with a run's manifest or its copy, None where nothing is."""
    try:
        _read(root / (_COPY if copy else _NAME))
    except FlawError as error:
        return str(error)
    return None


def restore_manifest(root: Path, torn: Path) -> list[Path]:
    """Put the copy in the place of a damaged manifest; return where that is now. For the holder of the lock."""
    if not has_manifest(root) or manifest_flaw(root) is None:
        return []
    manifest = read_manifest(root)
    aside = move_aside(root / _NAME, torn, _NAME)
    write_manifest(root, manifest)
    return [aside]


def _read(path: Path) -> dict[str, Any]:
    manifest, seal = unsealed_json(read_regular(path))
    require_seal(seal, Home(manifest.get("run"), _NAME))
    version = manifest.get("schema_version", 0)
    if not isinstance(version, int) or (
        version <= SCHEMA_VERSION and not isinstance(manifest.get("cells"), dict)
    ):
        raise FlawError("it does not say which cells there are")
    return manifest | {"run": manifest.get("run")}


def _read_copy(root: Path, error: Exception) -> dict[str, Any]:
    try:
        manifest = _read(root / _COPY)
    except FlawError:
        raise StoreError(
            f"{root / _NAME} is damaged ({error}), and so is its copy. It says which settings the samples were drawn "
            "with: bring it back from a backup, or sample into a new directory with --out."
        ) from error
    warnings.warn(
        f"{root / _NAME} is damaged ({error}); its copy is read instead, and the next `ttscale run` puts that in its place.",
        TornSegmentWarning,
        stacklevel=4,
    )
    return manifest


def _refuse_newer(root: Path, manifest: Mapping[str, Any]) -> None:
    version = manifest.get("schema_version", 0)
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{root} was written by a newer ttscale (schema {version}, this one knows {SCHEMA_VERSION}). "
            "Upgrade: pip install -U ttscale"
        )


# ---- where a file belongs -----------------------------------------------------------------------


def home_of(path: Path) -> Home:
    """Return the run that a path lies in and its place there; a `Home` that knows nothing outside of runs."""
    root = root_of(path)
    if root is None:
        return Home()
    status = (root / _NAME).lstat()
    return Home(_run_id(root, status.st_mtime_ns, status.st_ino), path.relative_to(root).as_posix())


def root_of(path: Path) -> Path | None:
    """Return the run's folder that a path lies in, None outside of runs."""
    return next((root for root in path.parents[: _DEPTH + 1] if has_manifest(root)), None)


@functools.lru_cache(maxsize=64)
def _run_id(root: Path, _modified: int, _inode: int) -> str | None:
    run: str | None = read_manifest(root)["run"]
    return run
