"""What decides a cell's samples, as the manifest keeps it, compared with what is asked for now."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ttscale.errors import RunMismatchError


def require_same_settings(
    path: Path, cell: str, stored: Mapping[str, Any], asked: Mapping[str, Any], free: frozenset[str]
) -> None:
    """Refuse settings that are not those of a cell's samples.

    Args:
        path: The run.
        cell: The cell.
        stored: Its settings in the manifest.
        asked: Those of now.
        free: Settings that may differ, ``section.key`` or ``section.key.inner``.

    Raises:
        RunMismatchError: With the differing keys.
    """
    ours, theirs = _without(stored, free), _without(plain(asked), free)
    differing = [
        f"{key}: {_shown(ours, key)} stored, {_shown(theirs, key)} asked"
        for key in sorted(ours.keys() | theirs.keys())
        if ours.get(key) != theirs.get(key)
    ]
    if differing:
        raise RunMismatchError(
            f"{path} holds samples of another configuration of cell '{cell}' "
            f"({'; '.join(differing)}). Mixing them would spoil both: set these back, or give a new "
            "directory with --out."
        )


def plain(value: Any) -> Any:
    """Return the value as JSON gives it back, so that stored and asked settings compare equal."""
    return json.loads(json.dumps(value, default=str))


def _without(settings: Mapping[str, Any], free: frozenset[str]) -> dict[str, Any]:
    """Return settings without those that are free, and without sections that are empty then."""
    tied = {
        key: {name: inner for name, inner in value.items() if f"{key}.{name}" not in free} or None
        if isinstance(value, dict)
        else value
        for key, value in settings.items()
    }
    return {key: value for key, value in tied.items() if key not in free and value is not None}


def _shown(settings: Mapping[str, Any], key: str) -> str:
    return repr(settings[key]) if key in settings else "the default"
