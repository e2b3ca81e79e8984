"""What the first process that holds a run does before anything else: dead writers' leavings go, damaged files are set aside."""

import warnings
from itertools import chain
from pathlib import Path

from ttscale.errors import TornSegmentWarning
from ttscale.store.documents import document_flaw
from ttscale.store.files import listed, remove_leftovers, storage_errors, subfolders
from ttscale.store.inventory import all_gone, make_one
from ttscale.store.manifest import restore_manifest
from ttscale.store.merging import kept_of, merge_segments
from ttscale.store.orphans import drop_orphans
from ttscale.store.segments import judged, n_rows, set_aside, table_flaw


def clean_up(root: Path, *, merge: bool = False) -> list[Path]:
    """Remove what dead writers left; return the damaged files that were set aside. For the holder of the lock.

    Args:
        root: The run.
        merge: Also merge small segments, which takes a while where there are tens of thousands.
    """
    remove_leftovers(root)
    for claims in root.glob("claims/*"):
        with storage_errors(claims):
            claims.unlink()
    torn = root / "torn"
    moved = restore_manifest(root, torn)
    moved += [set_aside(path, torn) for path in flawed_documents(root)]
    found = [kept_of(folder) for folder in segment_folders(root)]  # before any merged one is written anew
    damaged = [path for looked in found for path, flaw in judged(looked) if flaw is not None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TornSegmentWarning)  # whoever makes the rows again tells
        if damaged or all_gone(root):  # before they go: a kill in between leaves them to be found again
            _drop_verdicts_on_lost_samples(root, always=True)
            moved += [set_aside(path, torn) for path in damaged]
            found = [kept_of(folder) for folder in segment_folders(root)]
        for looked in found if merge else ():
            merge_segments(looked)
        _drop_verdicts_on_lost_samples(root, always=False)
    make_one(root)
    return moved


def segment_folders(root: Path) -> list[Path]:
    """Return every folder of a run that holds segments."""
    found = [root / "samples", root / "calls", *subfolders(root / "verdicts")]
    return [folder for parent in found for folder in subfolders(parent)]


def flawed_documents(root: Path) -> dict[Path, str]:
    """Return the damaged files beside the segments, and what is wrong with them."""
    described = [listed(folder, "verifier.json") for folder in subfolders(root / "verdicts")]
    documents = [*listed(root / "sessions", ".json"), *chain.from_iterable(described)]
    flaws = {path: document_flaw(path) for path in documents}
    flaws |= {path: table_flaw(path) for path in listed(root / "problems", ".parquet")}
    return {path: flaw for path, flaw in flaws.items() if flaw}


def _drop_verdicts_on_lost_samples(root: Path, *, always: bool) -> None:
    """Let no verdict speak for a sample that is drawn again. Looked for only where samples went missing."""
    for folder in subfolders(root / "verdicts", depth=2):
        samples = root / "samples" / folder.name
        if always or n_rows(folder) > n_rows(samples):
            drop_orphans(samples, folder)
