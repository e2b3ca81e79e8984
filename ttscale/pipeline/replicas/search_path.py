"""Where modules of the user's own are looked for, also by processes that were started elsewhere."""

import os
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

_INSTALLED = {"site-packages", "dist-packages"}
"""Folders that installers fill, in whatever environment."""


def search_path() -> list[str]:
    """Return the folders that plugins of the user's own may lie in: not the standard library, nothing installed."""
    installed = {os.path.realpath(path) for path in sysconfig.get_paths().values()}
    folders = [Path(folder).resolve() for folder in sys.path]
    return [
        str(folder)
        for folder in folders
        if folder.is_dir()
        and _INSTALLED.isdisjoint(folder.parts)  # another environment's, named by a .pth file of this one
        and not _is_below(str(folder), installed)
    ]


def extend_search_path(folders: Sequence[str]) -> None:
    """Look for modules in these folders, too, after all others."""
    sys.path.extend(folder for folder in folders if folder not in sys.path and Path(folder).is_dir())


def _is_below(folder: str, others: Sequence[str] | set[str]) -> bool:
    return any(folder == other or folder.startswith(other + os.sep) for other in others)
