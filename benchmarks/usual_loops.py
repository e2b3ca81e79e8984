"""ttscale's queue beside the loops that people write: tokens per second on the same model, prompts and sampling parameters.

    python benchmarks/usual_loops.py

* ``problem by problem``: ``LLM.generate`` with one prompt and n = all, then the next prompt: the engine drains at the end of
  every problem.
* ``a request per sample``: ``vllm serve``, n = 1, `--clients` requests at a time.
* ``ttscale``: its vLLM sampler in this process, and its openai sampler against the same server.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from ttscale.config.models import Cell, PluginSettings
from ttscale.pipeline.building import build_sampler
from ttscale.samplers.locate import locate_model
from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.samplers.vllm import VllmOptions, VllmSampler, engine_environment
from ttscale.tasks.arithmetic import ArithmeticOptions, ArithmeticTask
from ttscale.types import Problem, SampleRequest

MAX_TOKENS = 12
Run = Callable[[], int]
"""Draws everything; returns the tokens generated."""


def requests_for(problems: list[Problem], n: int, size: int) -> list[SampleRequest]:
    return [
        SampleRequest(problem=problem, first_index=first, n=min(size, n - first), seed=100_000 * i + first)
        for i, problem in enumerate(problems)
        for first in range(0, n, size)
    ]


def through(sampler: Any, requests: list[SampleRequest]) -> int:
    return sum(sample.completion_tokens for batch in sampler.sample(requests) for sample in batch)


@contextmanager
def in_process(problems: list[Problem], n: int) -> Any:
    """Yield the loops that share one engine in this process."""
    sampling = SamplingSettings(n=n, max_tokens=MAX_TOKENS)
    sampler = VllmSampler(ModelSettings(path="demo-arithmetic"), sampling, VllmOptions())
    with engine_environment():
        from vllm import LLM, SamplingParams

        llm = LLM(**sampler.engine_arguments(locate_model("demo-arithmetic")))
    sampler.adopt(llm.llm_engine)

    def problem_by_problem() -> int:
        tokens = 0
        for i, problem in enumerate(problems):
            parameters = SamplingParams(n=n, seed=100_000 * i, max_tokens=MAX_TOKENS, logprobs=0)
            (output,) = llm.generate([problem.prompt], parameters, use_tqdm=False)
            tokens += sum(len(one.token_ids) for one in output.outputs)
        return tokens

    requests = requests_for(problems, n, sampling.request_size)
    yield {
        "ttscale, in process": lambda: through(sampler, requests),
        "problem by problem": problem_by_problem,
    }
    sampler.close()


@contextmanager
def over_http(problems: list[Problem], n: int, clients: int) -> Any:
    """Yield the loops that share one server."""
    import httpx
    from vllm_server import vllm_server

    async def all_singly(url: str) -> int:
        limit = asyncio.Semaphore(clients)
        async with httpx.AsyncClient(
            base_url=url, timeout=600, limits=httpx.Limits(max_connections=clients)
        ) as client:

            async def one(problem: Problem, seed: int) -> int:
                body = {
                    "model": "demo-arithmetic",
                    "prompt": problem.prompt,
                    "max_tokens": MAX_TOKENS,
                    "seed": seed,
                }
                async with limit:
                    answer = await client.post("/completions", json=body | {"logprobs": 0})
                return int(answer.json()["usage"]["completion_tokens"])

            jobs = [one(problem, 100_000 * i + j) for i, problem in enumerate(problems) for j in range(n)]
            return sum(await asyncio.gather(*jobs))

    folder = Path(locate_model("demo-arithmetic"))
    serve = ("--served-model-name", "demo-arithmetic", "--dtype", "float32", "--no-enable-chunked-prefill")
    with tempfile.TemporaryDirectory() as logs, vllm_server(folder, Path(logs) / "server.log", *serve) as url:
        cell = Cell(
            name="benchmark",
            model=ModelSettings(path="demo-arithmetic", engine="openai", engine_options={"base_url": url}),
            task=PluginSettings(name="arithmetic"),
            sampling=SamplingSettings(n=n, max_tokens=MAX_TOKENS),
        )
        sampler = build_sampler(cell, "openai")
        sampler.start()
        requests = requests_for(problems, n, cell.sampling.request_size)
        yield {
            "ttscale, over HTTP": lambda: through(sampler, requests),
            "a request per sample": lambda: asyncio.run(all_singly(url)),
        }
        sampler.close()


def measured(loops: dict[str, Run], repeats: int) -> dict[str, list[float]]:
    """Return tokens per second of every loop, in turn, after one warm-up each."""
    speeds: dict[str, list[float]] = {name: [] for name in loops}
    for turn in range(repeats + 1):
        for name, loop in loops.items():
            began = time.perf_counter()
            tokens = loop()
            if turn:
                speeds[name].append(tokens / (time.perf_counter() - began))
    return speeds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--problems", type=int, default=16)
    parser.add_argument("--n", type=int, default=32)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    problems = ArithmeticTask(ArithmeticOptions(problems=options.problems)).problems()
    speeds: dict[str, list[float]] = {}
    for setting in (in_process(problems, options.n), over_http(problems, options.n, options.clients)):
        with setting as loops:
            speeds |= measured(loops, options.repeats)
    median = {name: statistics.median(values) for name, values in speeds.items()}
    pairs = {
        "problem by problem": "ttscale, in process",
        "a request per sample": "ttscale, over HTTP",
    }
    print(
        json.dumps(
            {
                "tokens_per_s": {name: [round(one) for one in values] for name, values in speeds.items()},
                "ratio": {loop: round(median[ours] / median[loop], 2) for loop, ours in pairs.items()},
                "ttscale in process over a request per sample": round(
                    median["ttscale, in process"] / median["a request per sample"], 2
                ),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
