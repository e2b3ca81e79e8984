"""What is said of files of a run that are damaged or gone, before their rows are made again."""

import os
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from ttscale.pipeline.progress import Progress
from ttscale.store.checking import AGAIN
from ttscale.store.run import RunStore


def tell_torn(aside: Sequence[Path], progress: Progress) -> None:
    """Say which damaged files were set aside."""
    for path in aside:
        progress.note(f"Set a damaged segment aside: {path}. Its rows are made again.")


def tell_gone(store: RunStore, paths: Sequence[Path], progress: Progress) -> None:
    """Say which files are gone that this process makes again; from then on nobody misses them.

    Args:
        store: The run.
        paths: Of `RunStore.gone`, looked for before anything was written.
        progress: Is told one line for each kind.
    """
    for kind, group in groupby(paths, key=lambda path: path.relative_to(store.path).parts[0]):
        first, *others = group
        more = f" and {len(others):,} more" if others else ""
        progress.note(f"Gone since it was written: {first}{more}. This run {AGAIN[kind]}.")
    store.forget([path for path in paths if not os.path.lexists(path)])
