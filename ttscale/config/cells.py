"""A configuration's cells."""

import re
from pathlib import PurePath

from ttscale.config.models import Cell, RunConfig


def cells(config: RunConfig) -> tuple[Cell, ...]:
    """Return the cells that a configuration describes, in the order they are run."""
    name = _slug(f"{PurePath(config.model.path).name}-{config.task.name}")
    return (Cell(name=name, model=config.model, task=config.task, sampling=config.sampling),)


def _slug(text: str) -> str:
    """Return the text as a file name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")
