"""Tokens per second through ttscale's vLLM sampler over those of raw ``vllm.LLM.generate``.

Both ways drive the *same running engine* (one `vllm.LLM`) with the same prompts, request sizes, sampling
parameters and seeds, in alternating order; the completions are compared, so both did the same work.

    python benchmarks/sampler_overhead.py --store --out results/overhead.json

A ratio above 1 is possible, since both use one engine core: the sampler asks for flat log-probability
records without decoded tokens and turns tokens into text once, at the end, where `generate` decodes every
token twice. It can be below 1 because samples are built, and with --store written, while the engine waits.

Wall time is what a user sees; on a machine that others use, CPU time is the steadier measure. Both are kept.
"""

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from ttscale.samplers.hardware import usable_cpus
from ttscale.samplers.locate import locate_model
from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.samplers.vllm import VllmOptions, VllmSampler, engine_environment
from ttscale.store.run import RunStore
from ttscale.tasks.arithmetic import ArithmeticTask
from ttscale.types import Sample, SampleRequest

Completions = dict[tuple[str, int], str]


def main() -> None:
    args = _arguments()
    sampling = SamplingSettings(
        n=args.n,
        max_tokens=args.max_tokens,
        request_size=args.request_size,
        max_concurrent=args.max_concurrent,
    )
    model = ModelSettings(path=args.model, dtype=args.dtype, chat_template=False)
    sampler = VllmSampler(model, sampling, VllmOptions())
    with engine_environment():
        from vllm import LLM

        llm = LLM(**sampler.engine_arguments(locate_model(args.model)))
    info = sampler.adopt(llm.llm_engine)
    requests = _requests(args.problems, args.n, args.request_size)

    def raw() -> Completions:
        return _raw(llm, sampling, requests)

    def through_ttscale() -> list[Sample]:
        with tempfile.TemporaryDirectory() if args.store else nullcontext() as run:
            return _through_ttscale(sampler, requests, None if run is None else RunStore(Path(run)))

    tokens = _check_equal(raw(), through_ttscale())  # also the warm-up
    rounds = [_round(raw, through_ttscale, i) for i in range(args.repeats)]
    sampler.close()
    result = _summary(args, info, tokens, rounds)
    text = json.dumps(result, indent=2)
    if args.out:
        args.out.write_text(text + "\n", encoding="utf-8")
    print(text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="demo-arithmetic")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--problems", type=int, default=128)
    parser.add_argument("--n", type=int, default=128, help="samples per problem")
    parser.add_argument("--max-tokens", type=int, default=12)
    parser.add_argument("--request-size", type=int, default=64)
    parser.add_argument("--max-concurrent", type=int)
    parser.add_argument("--repeats", type=int, default=7, help="alternating pairs after one warm-up pair")
    parser.add_argument(
        "--store", action="store_true", help="write the samples to a run directory, as a run does"
    )
    parser.add_argument("--out", type=Path, help="write the JSON here, too")
    return parser.parse_args()


def _requests(n_problems: int, n: int, size: int) -> list[SampleRequest]:
    problems = ArithmeticTask(ArithmeticTask.Options(problems=n_problems)).problems()
    return [
        SampleRequest(problem=problem, first_index=first, n=min(size, n - first), seed=100_000 * i + first)
        for i, problem in enumerate(problems)
        for first in range(0, n, size)
    ]


def _raw(llm: Any, sampling: SamplingSettings, requests: list[SampleRequest]) -> Completions:
    from vllm import SamplingParams

    parameters = [
        SamplingParams(
            n=request.n,
            seed=request.seed,
            temperature=sampling.temperature,
            max_tokens=sampling.max_tokens,
            logprobs=0,
        )
        for request in requests
    ]
    outputs = llm.generate([request.problem.prompt for request in requests], parameters, use_tqdm=False)
    return {
        (request.problem.problem_id, request.first_index + completion.index): completion.text
        for request, output in zip(requests, outputs, strict=True)
        for completion in output.outputs
    }


def _through_ttscale(
    sampler: VllmSampler, requests: list[SampleRequest], store: RunStore | None
) -> list[Sample]:
    writer = None if store is None else store.sample_writer("benchmark", "session")
    samples: list[Sample] = []
    for batch in sampler.sample(requests):
        samples += batch
        if writer is not None:
            writer.add(batch)
    if writer is not None:
        writer.flush()
    return samples


def _check_equal(raw: Completions, samples: list[Sample]) -> int:
    """Return the number of generated tokens; both ways must have drawn the same samples."""
    ours = {(sample.problem_id, sample.sample_index): sample.completion for sample in samples}
    if raw != ours:
        differing = sum(raw.get(key) != text for key, text in ours.items())
        raise SystemExit(f"{differing} of {len(ours)} completions differ: the two did not do the same work.")
    return sum(sample.completion_tokens or 0 for sample in samples)


def _round(raw: Callable[[], object], ours: Callable[[], object], i: int) -> dict[str, float]:
    """Time both once; who goes first alternates, so that a drift of the machine cancels."""
    timed: dict[str, float] = {}
    pair = [("raw", raw), ("ttscale", ours)]
    for name, run in pair if i % 2 == 0 else reversed(pair):
        wall, cpu = time.perf_counter(), time.process_time()
        run()
        timed |= {f"{name}_wall_s": time.perf_counter() - wall, f"{name}_cpu_s": time.process_time() - cpu}
    return timed


def _summary(
    args: argparse.Namespace, info: Any, tokens: int, rounds: list[dict[str, float]]
) -> dict[str, Any]:
    def median(key: str) -> float:
        return statistics.median(timed[key] for timed in rounds)

    def ratio(clock: str) -> float:
        return statistics.median(timed[f"raw_{clock}"] / timed[f"ttscale_{clock}"] for timed in rounds)

    return {
        "ratio_wall": round(ratio("wall_s"), 4),
        "ratio_cpu": round(ratio("cpu_s"), 4),
        "ttscale_tokens_per_s": round(tokens / median("ttscale_wall_s")),
        "raw_tokens_per_s": round(tokens / median("raw_wall_s")),
        "tokens": tokens,
        "samples": args.problems * args.n,
        "store": args.store,
        "model": args.model,
        "dtype": info.dtype,
        "engine": f"vllm {info.version}",
        "max_num_seqs": info.detail["max_num_seqs"],
        "request_size": args.request_size,
        "cpus": len(usable_cpus()),
        "threads": info.detail["threads"],
        "machine": platform.machine(),
        "rounds": [{key: round(value, 3) for key, value in timed.items()} for timed in rounds],
    }


if __name__ == "__main__":
    main()
