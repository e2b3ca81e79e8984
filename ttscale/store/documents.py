"""The JSON documents of a run directory beside its manifest, all of them sealed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ttscale.store.files import FlawError, read_regular, write_text
from ttscale.store.inventory import note
from ttscale.store.manifest import home_of
from ttscale.store.seals import require_seal, sealed_json, unsealed_json


def write_document(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON document of a run, sealed."""
    write_text(path, sealed_json(content, home_of(path)))
    note(path)


def read_document(path: Path) -> dict[str, Any]:
    """Read a JSON document of a run.

    Raises:
        FlawError: It is damaged, or belongs elsewhere.
        StoreError: It may not be read.
    """
    content, seal = unsealed_json(read_regular(path))
    require_seal(seal, home_of(path))
    return content


def document_flaw(path: Path) -> str | None:
    """Return what is wrong with a JSON document of a run, None where nothing is."""
    try:
        read_document(path)
    except FlawError as error:
        return str(error)
    return None
