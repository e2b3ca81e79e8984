"""From a model's name to something an engine can load: a built-in model, a local folder, or a hub id."""

import os
import re
from pathlib import Path

from ttscale.errors import SamplerError
from ttscale.plain_files import user_path

_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
"""``owner/name``, or a bare name for the hub's oldest models."""
_SNAPSHOT = re.compile(r"/snapshots/([0-9a-f]{40})/")
"""In the path of a file in the hub's cache."""


def locate_model(path: str) -> str:
    """Return the folder of a built-in or local model, or the hub id as it is.

    Raises:
        SamplerError: The folder is missing or holds no model, or a hub id is given while offline.
    """
    built_in = _built_in(path)
    if built_in is not None:
        return str(_checked_folder(path, built_in))
    folder = user_path(path, SamplerError)
    if folder.exists():
        return str(_checked_folder(path, folder))
    if _looks_like_folder(path):
        raise SamplerError(f"Model folder '{path}' does not exist. Correct model.path, or give a hub id.")
    return _checked_hub_id(path)


def _built_in(name: str) -> Path | None:
    from ttscale.models import built_in_model

    found = built_in_model(name)
    return None if found is None else Path(found)


def _checked_folder(path: str, folder: Path) -> Path:
    if not folder.is_dir():
        raise SamplerError(
            f"Model path '{path}' is a file. Give the folder that holds config.json and the weights."
        )
    if not (folder / "config.json").is_file():
        raise SamplerError(
            f"'{path}' is not a model folder: it has no config.json. "
            "Give the folder that a model's save_pretrained wrote."
        )
    return folder


def _looks_like_folder(path: str) -> bool:
    return path.startswith((".", "/", "~")) or path.count("/") > 1 or not _HUB_ID.fullmatch(path)


def _checked_hub_id(hub_id: str) -> str:
    if is_offline() and not _is_cached(hub_id):
        raise SamplerError(
            f"Model '{hub_id}' is neither a folder nor in the local hub cache, and HF_HUB_OFFLINE forbids "
            "downloading it. Unset HF_HUB_OFFLINE, or give a local folder as model.path."
        )
    return hub_id


def is_offline() -> bool:
    """Whether the user forbids access to the hub (``HF_HUB_OFFLINE`` or ``TRANSFORMERS_OFFLINE``)."""
    on = {"1", "ON", "YES", "TRUE"}
    return any(os.environ.get(name, "").upper() in on for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"))


def _is_cached(hub_id: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(hub_id, "config.json"), str)


def resolved_commit(path: str, revision: str | None, *, cache: str | None = None) -> str | None:
    """Return the commit that a hub id's name, tag or branch stood for when it was loaded; None for a folder.

    Args:
        path: As configured.
        revision: As configured.
        cache: The engine's own download folder, if it has one.
    """
    if _built_in(path) is not None or user_path(path, SamplerError).exists():
        return None
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(path, "config.json", cache_dir=cache, revision=revision)
    commit = _SNAPSHOT.search(found) if isinstance(found, str) else None
    return commit and commit[1]
