"""Which format a file or folder is of, and what to say when it is another one than was named."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ttscale.errors import InvalidInputError, did_you_mean, listed
from ttscale.exchange.contract import Importer
from ttscale.registry import load_plugin, plugins


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
        raise InvalidInputError(
            f"{path} is in no format that is recognized: {listed(plugins('importers'))}. A table of your own: "
            "ttscale import table PATH --map problem_id=COLUMN,completion=COLUMN,correct=COLUMN"
        )
    raise InvalidInputError(
        f"{path} could be {' or '.join(found)}. Name one: ttscale import {found[0]} {path} --out RUN"
    )


def formats_of(path: Path) -> list[str]:
    """Return the names of the formats that recognize a path."""
    return [name for name in plugins("importers") if name != "table" and _recognizes(name, path)]


def looks_like(path: Path, named: str) -> str:
    """Return a sentence that says which format a path looks like instead, or nothing."""
    others = [name for name in formats_of(path) if name != named]
    return f" It looks like {' or '.join(others)}: ttscale import {others[0]} {path}" if others else ""


def require_there(path: Path) -> None:
    """Refuse a path where nothing is.

    Raises:
        InvalidInputError: With a near name, if there is one.
    """
    if not path.exists():
        siblings = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        raise InvalidInputError(f"There is no file or folder {path}.{did_you_mean(path.name, siblings)}")


def build_importer(name: str, options: Mapping[str, Any]) -> Importer:
    """Construct an importer.

    Raises:
        UnknownPluginError: There is none of this name.
        pydantic.ValidationError: An option is unknown or wrong.
    """
    plugin = load_plugin("importers", name)
    importer: Importer = plugin(plugin.Options.model_validate(dict(options)))
    return importer


def _recognizes(name: str, path: Path) -> bool:
    return bool(build_importer(name, {}).recognizes(path))
