"""The name `imported`: task and engine in the configuration of a run whose samples came from another tool."""

from typing import Any, ClassVar, NoReturn

from pydantic import BaseModel

from ttscale.errors import SamplerError, TaskError
from ttscale.options import Settings

_WHY = (
    "This configuration belongs to a run that was imported: no engine drew its samples, so it cannot be run or extended by "
    "sampling. `ttscale import` adds samples to it; to sample, "
)


class ImportedOptions(Settings):
    """Options of `imported`: none."""


class Imported:
    """Problems and samples that came from another tool; they lie in the run and nowhere else."""

    Options: ClassVar[type[BaseModel]] = ImportedOptions

    def __init__(self, *_: Any) -> None:
        pass

    def problems(self) -> NoReturn:
        """Refuse: whoever asks is about to sample."""
        raise TaskError(f"{_WHY}name a task.")

    def start(self) -> NoReturn:
        """Refuse."""
        raise SamplerError(f"{_WHY}set model.engine and give a new directory with --out.")

    sample = start

    def close(self) -> None:
        """Free nothing."""
