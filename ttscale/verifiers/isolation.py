"""A verifier in a process of its own, so that its crash, hang or hunger costs one candidate and not the run.

`IsolatedVerifier` has the interface of any verifier. It sends its batches to a worker process
(`ttscale.verifiers.workers`) that holds the real one, and raises `BatchFailed` when the worker raised, died or
ran into a limit. Whoever verifies then cuts the batch up until the candidate that caused it stands alone.

This protects the run from a verifier's mistakes. It is not a sandbox: the verifier reads files and reaches the
network as its user does. Code written by a model belongs into `ttscale.execution.sandbox`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel, Field

from ttscale.errors import MissingExtraError, VerifierError
from ttscale.options import Settings
from ttscale.registry import load_plugin
from ttscale.types import Message, Outcome, Problem, Sample, Verdict, shared
from ttscale.verifiers.contract import Candidate, Verifier
from ttscale.verifiers.workers import JobResult, JobStatus, WorkerPool, available_cores

_JOB_CHARACTERS = 8 << 20
"""Completions of a job together: a batch of long ones must fit the worker's memory beside its JSON."""
_NUMBER_CHARACTERS = 20
"""Of a log-probability as JSON."""


class IsolationSettings(Settings):
    """Limits of a verifier's own process."""

    time_limit_s: float = Field(default=60.0, gt=0)
    """Wall time of one call of `verify`. A batch that takes longer is tried again in parts."""
    memory_limit_mb: int | None = Field(default=4096, ge=64)
    """Address space (MiB); None: no limit, which a verifier on a GPU needs."""


class BatchFailed(Exception):  # noqa: N818  # an event of this layer, never shown to a user as an error
    """The worker gave no verdicts for a batch; the message says why."""


class IsolatedVerifier:
    """Runs a verifier plugin in a process that can be killed.

    Args:
        plugin: The verifier's class, which must be importable in another process.
        target: Where it is: "module:attribute".
        options: An instance of its `Options`.
        settings: Its limits.
    """

    Options: ClassVar[type[BaseModel]] = BaseModel

    def __init__(
        self, plugin: type[Verifier], target: str, options: BaseModel, settings: IsolationSettings
    ) -> None:
        self.version = plugin.version
        self.sees_answer = plugin.sees_answer
        self.deterministic = plugin.deterministic
        self.min_batch = int(getattr(plugin, "min_batch", 1))
        self.by_problem = bool(getattr(plugin, "by_problem", False))
        self.reads_top_logprobs = bool(getattr(plugin, "reads_top_logprobs", False))
        self._settings = settings
        self._pool = WorkerPool(
            "ttscale.verifiers.isolation:serve",
            {"target": target, "options": options.model_dump(mode="json")},
            workers=1,
            time_limit_s=settings.time_limit_s * available_cores(),  # all threads: the wall limit binds first
            wall_limit_s=settings.time_limit_s,
            memory_limit_bytes=settings.memory_limit_mb and settings.memory_limit_mb << 20,
        )

    def verify(self, batch: Sequence[Candidate]) -> list[Verdict]:
        """Have the worker verify a batch.

        Raises:
            BatchFailed: It raised, died or ran into a limit.
            VerifierError: It says that it cannot run at all, or its process cannot start.
        """
        return [verdict for part in _parts(batch) for verdict in self._verify_part(part)]

    def close(self) -> None:
        """End the process."""
        self._pool.close()

    def _verify_part(self, batch: Sequence[Candidate]) -> list[Verdict]:
        (result,) = self._pool.run([_job(batch)])
        if result.status is not JobStatus.DONE:
            raise BatchFailed(self._reason(result))
        if "cannot_run" in result.value:
            raise VerifierError(result.value["cannot_run"])
        rows = result.value["verdicts"]
        if len(rows) != len(batch):
            raise BatchFailed(f"The verifier returned {len(rows)} verdicts for {len(batch)} candidates.")
        return [_verdict(row) for row in rows]

    def _reason(self, result: JobResult) -> str:
        match result.status:
            case JobStatus.TIMEOUT:
                return f"The verifier gave no verdict within {self._settings.time_limit_s:g} s (isolation.time_limit_s)."
            case JobStatus.MEMORY:
                limit = f"{self._settings.memory_limit_mb:,} MiB"
                return f"The verifier ran out of memory at {limit} (isolation.memory_limit_mb)."
            case _:
                return result.detail or "The verifier failed."


def serve(target: str, options: Mapping[str, Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Construct the verifier in the worker and return the function that answers its jobs."""
    plugin = load_plugin("verifiers", target)
    verifier: Verifier = plugin(plugin.Options.model_validate(options))

    def answer(job: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"verdicts": [_row(verdict) for verdict in verifier.verify(_batch(job))]}
        except (VerifierError, MissingExtraError) as error:
            return {"cannot_run": str(error)}

    return answer


# ---- as JSON ------------------------------------------------------------------------------------

_SAMPLE_FIELDS = Sample.__slots__
_CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "outcome": lambda outcome: str(Outcome(outcome)), "score": float, "answer": str, "answer_class": str, "seconds": float,
    "prompt_tokens": int, "completion_tokens": int, "detail": str,
}  # fmt: skip
"""Field of a verdict -> what it is made with where it is there."""


def _job(batch: Sequence[Candidate]) -> dict[str, Any]:
    """Write a batch as JSON types, each problem once."""
    problems = {id(candidate.problem): candidate.problem for candidate in batch}
    numbers = {key: number for number, key in enumerate(problems)}
    return {
        "problems": [_problem_row(problem) for problem in problems.values()],
        "samples": [[numbers[id(candidate.problem)], *_sample_row(candidate.sample)] for candidate in batch],
    }


def _batch(job: dict[str, Any]) -> list[Candidate]:
    problems = [_problem(row) for row in job["problems"]]
    return [Candidate(problems[number], _sample(fields)) for number, *fields in job["samples"]]


def _problem_row(problem: Problem) -> dict[str, Any]:
    messages = problem.messages and [[message.role, message.content] for message in problem.messages]
    own = {"messages": messages, "metadata": dict(problem.metadata), "hidden": dict(problem.hidden)}
    return shared(problem, Problem) | own


def _problem(row: dict[str, Any]) -> Problem:
    messages = row["messages"] and tuple(Message(*message) for message in row["messages"])
    return Problem(**(row | {"messages": messages}))


def _sample_row(sample: Sample) -> list[Any]:
    top = sample.top_logprobs
    shown = None if top is None else [top.shape, top.ravel().tolist()]
    return [shown if name == "top_logprobs" else getattr(sample, name) for name in _SAMPLE_FIELDS]


def _sample(fields: Sequence[Any]) -> Sample:
    named = dict(zip(_SAMPLE_FIELDS, fields, strict=True))
    logprobs, top = named["token_logprobs"], named["top_logprobs"]
    named["token_logprobs"] = None if logprobs is None else tuple(logprobs)
    named["top_logprobs"] = None if top is None else _array(*top)
    return Sample(**named)


def _array(shape: Sequence[int], values: Sequence[float]) -> Any:
    import numpy as np  # here, since few workers need it

    return np.array(values, np.float32).reshape(shape)


def _row(verdict: Verdict) -> list[Any]:
    """Check a foreign verdict field by field: what is none of ours fails here, inside the worker's job."""
    values = ((check, getattr(verdict, name)) for name, check in _CHECKS.items())
    return [None if value is None and check in (float, int, str) else check(value) for check, value in values]


def _verdict(row: Sequence[Any]) -> Verdict:
    return Verdict(**dict(zip(_CHECKS, row, strict=True)) | {"outcome": Outcome(row[0])})


def _parts(batch: Sequence[Candidate]) -> Iterator[Sequence[Candidate]]:
    """Cut a batch where its completions together grow too long for one job."""
    start = characters = 0
    for stop, candidate in enumerate(batch):
        top = candidate.sample.top_logprobs
        length = len(candidate.sample.completion) + (0 if top is None else _NUMBER_CHARACTERS * top.size)
        if stop > start and characters + length > _JOB_CHARACTERS:
            yield batch[start:stop]
            start, characters = stop, 0
        characters += length
    if start < len(batch):
        yield batch[start:]
