"""The task `imported`: stands in the configuration of a run whose samples came from another tool."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from ttscale.errors import TaskError
from ttscale.types import Problem


class ImportedOptions(BaseModel):
    """Options of `imported`: none."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ImportedTask:
    """Problems that came with imported samples; they lie in the run and nowhere else."""

    Options: ClassVar[type[BaseModel]] = ImportedOptions

    def __init__(self, options: ImportedOptions) -> None:
        pass

    def problems(self) -> list[Problem]:
        """Refuse: whoever asks is about to sample."""
        raise TaskError(
            "This configuration belongs to a run that was imported: no engine drew its samples, so it cannot be run or "
            "extended by sampling. `ttscale import` adds samples to it; to sample, name a task."
        )
