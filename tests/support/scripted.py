"""A sampler for tests of everything but engines: answers drawn from each sample's own seed."""

import hashlib
import os
import random
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from ttscale.errors import EngineDiedError
from ttscale.samplers.contract import EngineInfo
from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.types import Problem, Sample, SampleRequest


class ScriptedOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    seconds_per_request: float = 0.0
    fail_after: int | None = None
    """Requests after which the sampler breaks."""
    characters: int = 0
    """Of every completion, where its answer is shorter."""
    die_after: int | None = None
    """Requests after which the engine dies, each time it is started."""


class ScriptedSampler:
    """Right with a probability fixed by the problem's id, else off by a small amount."""

    Options: ClassVar[type[BaseModel]] = ScriptedOptions

    def __init__(self, model: ModelSettings, sampling: SamplingSettings, options: ScriptedOptions) -> None:
        self._options = options
        self._path = model.path

    def start(self) -> EngineInfo:
        return EngineInfo(
            engine="scripted:ScriptedSampler",
            version="1",
            device="none",
            dtype="none",
            model_path=self._path,
            chat_template=False,
            per_sample_seeds=True,
            detail={"gpus": os.environ.get("CUDA_VISIBLE_DEVICES")},
        )

    def sample(self, requests: Iterable[SampleRequest]) -> Iterator[list[Sample]]:
        for count, request in enumerate(requests):
            if self._options.fail_after is not None and count >= self._options.fail_after:
                raise RuntimeError("scripted failure")
            if self._options.die_after is not None and count >= self._options.die_after:
                raise EngineDiedError("scripted death")
            if self._options.seconds_per_request:
                time.sleep(self._options.seconds_per_request)
            drawn = [
                draw(request.problem, request.first_index + j, request.seed + j) for j in range(request.n)
            ]
            yield [self._padded(sample) for sample in drawn] if self._options.characters else drawn

    def _padded(self, sample: Sample) -> Sample:
        """Put words of its own before an answer."""
        words = hashlib.shake_256(str(sample.seed).encode()).hexdigest(self._options.characters // 2)
        return replace(sample, completion=f"{words} {sample.completion}")

    def close(self) -> None:
        pass


def success_rate(problem: Problem) -> float:
    """A heavy left tail: 10 to the power of -4..0, and every eighth problem never solved."""
    digest = hashlib.blake2b(problem.problem_id.encode(), digest_size=8).digest()
    unit = int.from_bytes(digest) / 2**64
    return 0.0 if unit < 0.125 else 10 ** (-4 * unit)


def draw(problem: Problem, index: int, seed: int) -> Sample:
    rng = random.Random(seed)
    key = int(problem.answer or "0")
    correct = rng.random() < success_rate(problem)
    answer = key if correct else key + rng.choice((-9, -1, 1, 2, 10, 11))
    return Sample(
        problem_id=problem.problem_id,
        sample_index=index,
        completion=str(answer),
        finish_reason="stop",
        prompt_tokens=len(problem.prompt or ""),
        completion_tokens=len(str(answer)) + 1,
        cumulative_logprob=-rng.random() - (0.0 if correct else 0.3),
        seed=seed,
    )


@dataclass(frozen=True, slots=True)
class Thrashed:
    """Usage of an engine that throws a sample out of its cache at every request."""

    preemptions: int
    usd: float | None = None


class ThrashingSampler(ScriptedSampler):
    """Scripted, with usage."""

    def __init__(self, model: ModelSettings, sampling: SamplingSettings, options: ScriptedOptions) -> None:
        super().__init__(model, sampling, options)
        self._n = 0

    @property
    def usage(self) -> Thrashed:
        return Thrashed(preemptions=self._n)

    def start(self) -> EngineInfo:
        return replace(super().start(), engine="scripted:ThrashingSampler", detail={"max_num_seqs": 256})

    def sample(self, requests: Iterable[SampleRequest]) -> Iterator[list[Sample]]:
        for samples in super().sample(requests):
            self._n += 1
            yield samples
