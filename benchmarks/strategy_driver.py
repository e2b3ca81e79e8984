"""What driving strategies costs: calls per second without an engine, its memory, and how busy it keeps a vLLM engine.

    python benchmarks/strategy_driver.py alone
    python benchmarks/strategy_driver.py engine --repeats 5

`alone`: a sampler that answers at once, so that all there is to see is the driver, the strategy and the journal, which is
written to a run directory. `bare` asks 4 times for 16 calls and does nothing else; `rsa` is the strategy itself. Memory is read
while attempts are done: it should not grow with them.

`engine`: the demo model, one engine for all, in alternating order. `independent` through the driver beside plain sampling of the same
seeds (the samples are compared); rsa with 16 x 4 calls beside plain sampling of prompts and lengths like those of its calls.
"""

import argparse
import gc
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ttscale.config.models import PluginSettings
from ttscale.pipeline.lanes import Lane, streamed
from ttscale.pipeline.strategy.building import BuiltStrategy, build_strategy
from ttscale.pipeline.strategy.driving import Drive
from ttscale.pipeline.strategy.journal import StoredJournal
from ttscale.samplers.contract import Sampler
from ttscale.store.run import RunStore
from ttscale.strategies.contract import Attempt, Generate
from ttscale.types import CallSample, Problem, Sample, SampleRequest

RSA = {"name": "rsa", "population": 16, "subset": 4, "steps": 4}
SHORT = {
    "template": "{problem}{candidates};",
    "candidate_template": "{candidate}",
    "separator": ";",
    "tail": 2,
}
"""Prompts that fit the demo model's context of 32 tokens."""


class Nothing(BaseModel):
    """No options."""


class Bare:
    """Asks 4 times for 16 calls."""

    Options = Nothing
    needs = frozenset[str]()

    def __init__(self, options: Nothing) -> None:
        pass

    def attempt(self, problem: Problem, rng: Any) -> Any:
        """Ask, and answer with the last."""
        for _ in range(4):
            drawn = yield [Generate(prompt=problem.prompt)] * 16
        return Attempt.of(drawn[-1])


class AtOnce:
    """Answers whatever it is asked, a few hundred requests at a time."""

    serves = frozenset({"calls"})

    def __init__(self) -> None:
        self.n_calls = 0

    def sample(self, requests: Iterable[SampleRequest | None]) -> Iterator[list[Sample]]:
        """Answer in the order asked."""
        waiting = iter(requests)
        over = False
        while not over:
            taken = []
            while len(taken) < 256 and not over:
                request = next(waiting, over)
                if request is None:
                    break
                over = request is over
                taken += [] if over else [request]
            for request in taken:
                self.n_calls += request.n
                yield [self._answer(request, j) for j in range(request.n)]

    def _answer(self, request: SampleRequest, j: int) -> Sample:
        return CallSample(
            problem_id=request.problem.problem_id,
            sample_index=request.first_index + j,
            completion="1234;",
            finish_reason="stop",
            prompt_tokens=20,
            completion_tokens=6,
            cumulative_logprob=-1.5,
            seed=request.seed + j,
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["alone", "engine"])
    parser.add_argument(
        "--attempts", type=int, default=2000, help="attempts of each strategy without an engine"
    )
    parser.add_argument("--repeats", type=int, default=5, help="alternating pairs after one warm-up pair")
    parser.add_argument("--problems", type=int, default=128)
    parser.add_argument("--n", type=int, default=32, help="samples per problem of the independent pair")
    args = parser.parse_args()
    found = alone(args) if args.what == "alone" else engine(args)
    print(json.dumps(found, indent=2))


# ---- without an engine --------------------------------------------------------------------------------


def alone(args: argparse.Namespace) -> dict[str, Any]:
    """Return calls per second and megabytes."""
    built = {"bare": BuiltStrategy("bare", Bare(Nothing())), "rsa": _built(RSA)}  # type: ignore[arg-type]
    return {name: _alone(one, args.attempts) for name, one in built.items()}


def _alone(built: BuiltStrategy, attempts: int) -> dict[str, Any]:
    sampler: Any = AtOnce()
    problems = [Problem(problem_id=f"{i:04d}", prompt=f"{i}*37=") for i in range(50)]
    n = attempts // len(problems)
    memory: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        began, cpu = time.perf_counter(), time.process_time()
        done = 0
        for samples in _driven(built, sampler, _requests(problems, n, 8), Path(folder)):
            done += len(samples)
            if done >= attempts * (len(memory) + 1) // 8:
                memory.append(_resident_mb())
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    return {
        "calls": sampler.n_calls,
        "calls_per_s": round(sampler.n_calls / seconds),
        "calls_per_cpu_s": round(sampler.n_calls / cpu),
        "resident_mb": memory,
    }


def _driven(
    built: BuiltStrategy, sampler: Sampler, requests: Iterable[SampleRequest], folder: Path
) -> Iterator[list[Sample]]:
    journal = StoredJournal(RunStore(folder).call_writer("benchmark", f"session-{time.monotonic_ns()}"), {})
    lane = Lane(Drive(built, requests, journal, run_seed=0, request_size=64))
    yield from (samples for _, samples in streamed(sampler, iter([lane])))


def _built(strategy: dict[str, Any]) -> BuiltStrategy:
    return build_strategy(PluginSettings.model_validate(strategy))


def _requests(problems: Sequence[Problem], n: int, size: int) -> list[SampleRequest]:
    from ttscale.pipeline.requests import first_seed

    return [
        SampleRequest(
            problem=problem,
            first_index=first,
            n=min(size, n - first),
            seed=first_seed(0, problem.problem_id) + first,
        )
        for problem in problems
        for first in range(0, n, size)
    ]


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return round(pages * 4096 / 2**20, 1)


# ---- with an engine -----------------------------------------------------------------------------------


def engine(args: argparse.Namespace) -> dict[str, Any]:
    """Return the two ratios."""
    from ttscale.samplers.settings import ModelSettings, SamplingSettings
    from ttscale.samplers.vllm import VllmOptions, VllmSampler
    from ttscale.tasks.arithmetic import ArithmeticTask

    sampling = SamplingSettings(n=args.n, max_tokens=12, request_size=64)
    sampler: Any = VllmSampler(ModelSettings(path="demo-arithmetic"), sampling, VllmOptions())
    sampler.start()
    problems = ArithmeticTask(ArithmeticTask.Options(problems=args.problems)).problems()
    try:
        found = {"independent": _independent(sampler, _requests(problems, args.n, 64), args.repeats)}
        print(json.dumps(found), file=sys.stderr)
        return found | {"rsa": _rsa(sampler, problems, args.repeats)}
    finally:
        sampler.close()


def _independent(sampler: Any, requests: Sequence[SampleRequest], repeats: int) -> dict[str, Any]:
    def plain() -> list[Sample]:
        return [sample for batch in sampler.sample(iter(requests)) for sample in batch]

    def driven() -> list[Sample]:
        return _all(_built({"name": "independent"}), sampler, requests)

    if {_key(sample) for sample in plain()} != {_key(sample) for sample in driven()}:
        raise SystemExit("the two did not draw the same samples")
    return _pairs(plain, driven, repeats)


def _rsa(sampler: Any, problems: Sequence[Problem], repeats: int) -> dict[str, Any]:
    """Compare rsa with plain sampling of the very prompts of its calls, as many of each: the same lengths."""
    asked: list[SampleRequest] = []

    class Remembering:
        serves = sampler.serves

        def sample(self, requests: Iterable[SampleRequest | None]) -> Iterator[list[Sample]]:
            def kept() -> Iterator[SampleRequest | None]:
                for request in requests:
                    asked.extend([] if request is None else [request])
                    yield request

            yield from sampler.sample(kept())

    requests = _requests(problems[:32], 2, 2)
    remembering: Any = Remembering()
    _all(_built(RSA | SHORT), remembering, requests)

    def plain() -> list[Sample]:
        return [sample for batch in sampler.sample(iter(asked)) for sample in batch]

    def driven() -> list[Sample]:
        return _all(_built(RSA | SHORT), sampler, requests)

    plain()
    return _pairs(plain, driven, repeats) | {"calls": sum(request.n for request in asked)}


def _all(built: BuiltStrategy, sampler: Sampler, requests: Iterable[SampleRequest]) -> list[Sample]:
    with tempfile.TemporaryDirectory() as folder:
        return [sample for batch in _driven(built, sampler, requests, Path(folder)) for sample in batch]


def _key(sample: Sample) -> tuple[str, int, str]:
    return sample.problem_id, sample.sample_index, sample.completion


def _pairs(
    plain: Callable[[], list[Sample]], driven: Callable[[], list[Sample]], repeats: int
) -> dict[str, Any]:
    """Time both again and again, in alternating order; a ratio of 1 means that the driver costs nothing."""
    rates: dict[str, list[float]] = {"plain": [], "driven": []}
    for i in range(repeats):
        pair = [("plain", plain), ("driven", driven)]
        for name, run in pair if i % 2 == 0 else pair[::-1]:
            gc.collect()
            began = time.perf_counter()
            tokens = sum(sample.completion_tokens or 0 for sample in run())
            rates[name].append(tokens / (time.perf_counter() - began))
    ratios = [one / other for one, other in zip(rates["driven"], rates["plain"], strict=True)]
    return {
        "ratio": round(statistics.median(ratios), 3),
        "ratios": [round(ratio, 3) for ratio in ratios],
        **{f"{name}_tokens_per_s": round(statistics.median(each)) for name, each in rates.items()},
    }


if __name__ == "__main__":
    main()
