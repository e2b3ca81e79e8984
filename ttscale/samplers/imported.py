"""The sampler `imported`: stands in the configuration of a run whose samples came from another tool."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from ttscale.errors import SamplerError
from ttscale.samplers.contract import EngineInfo
from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.types import Sample, SampleRequest

_REFUSAL = (
    "This run was imported: no engine drew its samples, so it cannot be extended by sampling. `ttscale import` adds "
    "samples to it; to sample, set model.engine and give a new directory with --out."
)


class ImportedOptions(BaseModel):
    """Options of `imported`: none."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ImportedSampler:
    """Refuses to sample."""

    Options: ClassVar[type[BaseModel]] = ImportedOptions

    def __init__(self, model: ModelSettings, sampling: SamplingSettings, options: ImportedOptions) -> None:
        pass

    def start(self) -> EngineInfo:
        """Refuse."""
        raise SamplerError(_REFUSAL)

    def sample(self, requests: Iterable[SampleRequest]) -> Iterator[list[Sample]]:
        """Refuse."""
        raise SamplerError(_REFUSAL)

    def close(self) -> None:
        """Free nothing."""
