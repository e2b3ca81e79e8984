"""Speed of the verify stage end to end, from stored samples to stored verdicts, on one core.

    taskset -c 0 python benchmarks/verifiers_store.py --gsm8k ../shared/data/gsm8k_test.jsonl --samples 1000000

Writes a run of 128 problems through the store's own writer, then verifies it with every verifier named: reading
Parquet, telling equal candidates apart, judging, and writing verdicts. Half of the samples are solutions of
GSM8K under a first line of their own, so that no two are equal; the others are short answers, many of them equal.
`trivial` accepts everything: what it takes is the price of the stage itself. Seconds are computing times; the
largest resident memory is the process's, measured in a child of its own for every verifier.
"""

import argparse
import itertools
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel

from ttscale.config.models import PluginSettings
from ttscale.pipeline.building import NamedVerifier, build_verifier
from ttscale.pipeline.run import verify_run
from ttscale.store.run import RunStore
from ttscale.store.verdicts import VerdictSetInfo
from ttscale.types import Outcome, Problem, Sample, Verdict
from ttscale.verifiers.contract import Candidate

N_PROBLEMS = 128
SEGMENT_ROWS = 20_000
_ACCEPTED = Verdict(outcome=Outcome.CORRECT)


class TrivialVerifier:
    """Accepts everything."""

    Options: ClassVar[type[BaseModel]] = BaseModel
    version: ClassVar[str] = "1"
    sees_answer: ClassVar[bool] = True
    deterministic: ClassVar[bool] = True

    def verify(self, batch: Sequence[Candidate]) -> list[Verdict]:
        return [_ACCEPTED] * len(batch)


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("--gsm8k", type=Path, required=True, help="GSM8K's test set as JSONL")
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--verifiers", nargs="+", default=["trivial", "exact", "numeric"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)  # the child's
    options = parser.parse_args()
    if options.run:
        time_verifier(RunStore(options.run), options.verifiers[0])
        return
    with tempfile.TemporaryDirectory() as folder:
        solutions = [json.loads(line)["answer"] for line in options.gsm8k.open(encoding="utf-8")]
        write_run(RunStore(Path(folder)), options.samples, solutions, random.Random(options.seed))
        for name in options.verifiers:
            own = [sys.executable, __file__, "--gsm8k", str(options.gsm8k), "--run", folder]
            subprocess.run([*own, "--verifiers", name], check=True)


def time_verifier(store: RunStore, name: str) -> None:
    verifier = named(name)
    before, wall = computing_s(), time.perf_counter()
    (judged,) = verify_run(store, [verifier]).values()
    seconds, wall = computing_s() - before, time.perf_counter() - wall
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{name}: {judged:,} samples in {seconds:.1f} s of computing ({wall:.1f} s on the clock): "
        f"{judged / seconds:,.0f} samples/s; at most {peak_mb:,.0f} MB",
        flush=True,
    )


def named(name: str) -> NamedVerifier:
    if name == "trivial":
        info = VerdictSetInfo(verifier=name, version="1", options={}, sees_answer=True)
        return NamedVerifier(TrivialVerifier(), info)  # type: ignore[arg-type]
    own = {"extract": ["hash", "whole"]} if name == "exact" else {}
    return build_verifier(PluginSettings.model_validate({"name": name, **own}))


def write_run(store: RunStore, n: int, solutions: Sequence[str], rng: random.Random) -> None:
    keys = [solution.rpartition("####")[2].strip() for solution in solutions[:N_PROBLEMS]]
    problems = [
        Problem(problem_id=f"gsm8k/{number}", prompt="?", answer=key) for number, key in enumerate(keys)
    ]
    with store.writing():
        store.begin(name="speed", version="0", config_yaml="", cells={"cell": {}})
        store.keep_problems("cell", problems)
        writer = store.sample_writer("cell", "session")
        made = samples(n, solutions, rng)
        while rows := list(itertools.islice(made, SEGMENT_ROWS)):
            writer.add(rows)
            writer.flush()


def samples(n: int, solutions: Sequence[str], rng: random.Random) -> Iterator[Sample]:
    for number in range(n):
        is_long = number % 2
        text = f"Attempt {number}.\n{rng.choice(solutions)}" if is_long else str(rng.randrange(1000))
        yield Sample(
            problem_id=f"gsm8k/{number // 32 % N_PROBLEMS}",
            sample_index=number // (32 * N_PROBLEMS) * 32 + number % 32,
            completion=text,
            finish_reason="stop",
            prompt_tokens=50,
            completion_tokens=len(text) // 4,
            cumulative_logprob=-1.0,
            seed=number,
        )


def computing_s() -> float:
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in usage)


if __name__ == "__main__":
    main()
