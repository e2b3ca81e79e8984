"""Take cells out of a run directory."""

from collections.abc import Iterable
from pathlib import Path

from ttscale.errors import StoreError, did_you_mean
from ttscale.store.inventory import all_gone, delete, forget
from ttscale.store.manifest import read_manifest, write_manifest
from ttscale.store.run import RunStore


def remove_cells(store: RunStore, cells: Iterable[str]) -> None:
    """Remove cells with all that is stored of them: samples, verdicts, calls, rounds, sessions, problems.

    The manifest forgets a cell last, so that an interrupted call can be repeated. For the holder of the lock.

    Raises:
        StoreError: No such cell, or something cannot be deleted.
    """
    chosen = list(dict.fromkeys(cells))
    known = store.cells()
    for cell in chosen:
        if cell not in known:
            raise StoreError(
                f"{store.path} has no cell '{cell}'.{did_you_mean(cell, known)} Its cells: {', '.join(known)}."
            )
    for cell in chosen:
        belongings = _belongings(store, cell)
        forget(store.path, _gone_of(store, cell))
        delete(belongings)
    manifest = read_manifest(store.path)
    for section in ("cells", "data", "problems"):
        manifest[section] = {name: of for name, of in manifest.get(section, {}).items() if name not in chosen}
    write_manifest(store.path, manifest)


def _gone_of(store: RunStore, cell: str) -> list[Path]:
    return [path for path in all_gone(store.path) if cell in (path.parent.name, path.stem)]


def _belongings(store: RunStore, cell: str) -> list[Path]:
    """Return a cell's files and folders, samples first: verdicts without samples are told from others, and go."""
    root = store.path
    sessions = [root / "sessions" / f"{one.session}.json" for one in store.sessions() if one.cell == cell]
    verdicts = [folder for folder in root.glob("verdicts/*/*") if folder.name == cell]
    others = [
        root / "until" / f"{cell}.json",
        root / "claims" / f"{cell}.blocks",
        root / "problems" / f"{cell}.parquet",
    ]
    found = [store.samples_folder(cell), *verdicts, store.calls_folder(cell), *sessions, *others]
    return [path for path in found if path.exists()]
