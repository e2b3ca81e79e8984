"""A sampler that knows the key and uses it every other time."""

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from pydantic import BaseModel

from ttscale.samplers.contract import EngineInfo
from ttscale.types import Problem, Sample, SampleRequest


class NoOptions(BaseModel):
    pass


class HalfRightSampler:
    """Right at every even index, in the format that the prompt asks for."""

    Options: ClassVar[type[BaseModel]] = NoOptions

    def __init__(self, model: Any, sampling: Any, options: Any) -> None:
        pass

    def start(self) -> EngineInfo:
        return EngineInfo(
            engine="half-right", version="1", device="none", dtype="none", model_path="none", chat_template=False,
            per_sample_seeds=True, detail={},
        )  # fmt: skip

    def sample(self, requests: Iterable[SampleRequest]) -> Iterator[list[Sample]]:
        for request in requests:
            yield [
                _draw(request.problem, request.first_index + j, request.seed + j) for j in range(request.n)
            ]

    def close(self) -> None:
        pass


def _draw(problem: Problem, index: int, seed: int) -> Sample:
    answer = problem.answer if index % 2 == 0 else "-999983"
    prompt = problem.prompt or ""
    wrapped = f"\\boxed{{{answer}}}" if "boxed" in prompt else f"<answer>{answer}</answer>"
    text = f"#### {answer}" if "####" in prompt else wrapped
    return Sample(
        problem_id=problem.problem_id, sample_index=index, completion=f"Well.\n{text}", finish_reason="stop",
        prompt_tokens=10, completion_tokens=5, seed=seed,
    )  # fmt: skip
