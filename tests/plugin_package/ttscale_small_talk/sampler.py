"""A sampler that needs no engine: it repeats the prompt, or shrugs, by each sample's seed."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from ttscale.samplers.contract import EngineInfo
from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.types import Problem, Sample, SampleRequest


class ParrotOptions(BaseModel):
    """Keys of ``model.engine_options``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    every: int = Field(default=2, ge=1)
    """Every so many seeds the prompt is repeated; otherwise it shrugs."""


class ParrotSampler:
    """Repeat the prompt now and then."""

    Options: ClassVar[type[BaseModel]] = ParrotOptions

    def __init__(self, model: ModelSettings, sampling: SamplingSettings, options: ParrotOptions) -> None:
        self._path = model.path
        self._every = options.every

    def start(self) -> EngineInfo:
        """Say what is recorded of the engine."""
        return EngineInfo(
            engine="parrot",
            version="1.0",
            device="none",
            dtype="none",
            model_path=self._path,
            chat_template=False,
            per_sample_seeds=True,
            detail={},
        )

    def sample(self, requests: Iterable[SampleRequest]) -> Iterator[list[Sample]]:
        """Yield what is asked."""
        for request in requests:
            yield [
                self._draw(request.problem, request.first_index + j, request.seed + j)
                for j in range(request.n)
            ]

    def close(self) -> None:
        """Nothing to free."""

    def _draw(self, problem: Problem, index: int, seed: int) -> Sample:
        text = (problem.prompt or "") if seed % self._every == 0 else "?"
        return Sample(
            problem_id=problem.problem_id,
            sample_index=index,
            completion=text,
            finish_reason="stop",
            prompt_tokens=1,
            completion_tokens=len(text),
            seed=seed,
        )
