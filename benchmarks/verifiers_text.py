"""Speed of the text verifiers: samples per second and core, and `math` against math-verify called naively.

    python benchmarks/verifiers_text.py --math500 ../shared/data/math500.jsonl --gsm8k ../shared/data/gsm8k_test.jsonl

Times are computing times (user and system, children included), so a busy machine does not change ratios.
Every completion is different: what equal completions save is the pipeline's, and not counted here.

- `exact` on short answers, `numeric` on reference solutions of GSM8K with a numbered first line.
- `math`, realistic repetition: 128 problems of MATH-500; each has its own success rate from Beta(0.6, 0.8);
  wrong answers repeat as in a Chinese restaurant process (concentration 5: about 25 different ones among 500),
  drawn from the answers to other problems. The naive way parses key and completion and compares, for every
  sample; it is timed on a random part of the samples.
- `math`, cold: pairs of a key and an answer that are neither equal text nor both integers, every answer spelled
  differently, against math-verify in this process with every key parsed once.
"""

import argparse
import json
import logging
import random
import resource
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ttscale.types import Problem, Sample, Verdict
from ttscale.verifiers.contract import Candidate, Verifier
from ttscale.verifiers.exact import ExactOptions, ExactVerifier
from ttscale.verifiers.math import MathOptions, MathVerifier
from ttscale.verifiers.numeric import NumericOptions, NumericVerifier

BATCH = 8192


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("--math500", type=Path, required=True, help="MATH-500 as JSONL")
    parser.add_argument("--gsm8k", type=Path, required=True, help="GSM8K's test set as JSONL")
    parser.add_argument("--samples", type=int, default=100_000, help="samples of each verifier")
    parser.add_argument("--naive", type=int, default=3000, help="samples of the naive baseline")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    rng = random.Random(options.seed)

    time_simple("exact", ExactVerifier(ExactOptions()), short_answers(options.samples, rng))
    solutions = [json.loads(line)["answer"] for line in options.gsm8k.open(encoding="utf-8")]
    time_simple("numeric", NumericVerifier(NumericOptions()), long_solutions(options.samples, solutions, rng))

    rows = [json.loads(line) for line in options.math500.open(encoding="utf-8")]
    import math_verify  # outside all times

    math_verify.verify(math_verify.parse(r"\boxed{\frac12}"), math_verify.parse(r"\boxed{0.5}"))
    time_repeated(repeated_answers(rows, options.samples, rng), options.naive, rng)
    time_cold(hard_pairs(rows, rng))


def time_simple(name: str, verifier: Verifier, batch: Sequence[Candidate]) -> None:
    began = computing_s()
    n_correct = sum(verdict.outcome == "correct" for verdict in in_batches(verifier, batch))
    seconds = computing_s() - began
    print(f"{name}: {len(batch) / seconds:,.0f} samples/s ({n_correct} of {len(batch)} correct)")


def time_repeated(batch: Sequence[Candidate], n_naive: int, rng: random.Random) -> None:
    began, wall = computing_s(), time.perf_counter()
    verifier = MathVerifier(MathOptions(workers=1))
    ours = in_batches(verifier, batch)
    verifier.close()
    ours_s, wall_s = computing_s() - began, time.perf_counter() - wall

    chosen = rng.sample(range(len(batch)), n_naive)
    began = computing_s()
    naive = [naively(batch[number]) for number in chosen]
    naive_s = (computing_s() - began) * len(batch) / n_naive
    agree = sum(
        (ours[number].outcome == "correct") == same for number, same in zip(chosen, naive, strict=True)
    )
    n_distinct = len({(c.problem.answer, v.answer) for c, v in zip(batch, ours, strict=True)})
    print(
        f"math, {len(batch):,} samples with {n_distinct:,} different (key, answer): {ours_s:.1f} s "
        f"({wall_s:.1f} s on the clock, workers' start included); naive {naive_s:.0f} s, from {n_naive} samples: "
        f"{naive_s / ours_s:.0f} times as fast; verdicts agree on {agree} of {n_naive}"
    )


def time_cold(pairs: Sequence[tuple[str, str]]) -> None:
    import math_verify

    verifier = MathVerifier(MathOptions(workers=1))
    in_batches(verifier, [candidate("0", r"\frac12", r"\boxed{\frac24}")])  # starts the worker
    batch = [
        candidate(str(number), key, rf"\boxed{{{answer}}}") for number, (key, answer) in enumerate(pairs)
    ]
    verifier.verify(batch[:50])  # parsers build their tables on first use
    [naively(one) for one in batch[:50]]

    began = computing_s()
    ours = in_batches(verifier, batch[50:])
    verifier.close()
    began, ours_s = computing_s(), computing_s() - began

    keys = {key: math_verify.parse(rf"\boxed{{{key}}}") for key in {key for key, _ in pairs[50:]}}
    theirs = [
        math_verify.verify(keys[key], math_verify.parse(rf"\boxed{{{answer}}}")) for key, answer in pairs[50:]
    ]
    theirs_s = computing_s() - began
    agree = sum((verdict.outcome == "correct") == same for verdict, same in zip(ours, theirs, strict=True))
    print(
        f"math, {len(ours)} cold pairs: {1e3 * ours_s / len(ours):.2f} ms each, math-verify alone "
        f"{1e3 * theirs_s / len(ours):.2f} ms: ratio {ours_s / theirs_s:.2f}; verdicts agree on {agree}"
    )


def naively(one: Candidate) -> bool:
    import math_verify

    gold = math_verify.parse(rf"\boxed{{{one.problem.answer}}}")
    return bool(math_verify.verify(gold, math_verify.parse(one.sample.completion)))


def in_batches(verifier: Verifier, batch: Sequence[Candidate]) -> list[Verdict]:
    return [
        verdict
        for start in range(0, len(batch), BATCH)
        for verdict in verifier.verify(batch[start : start + BATCH])
    ]


def short_answers(n: int, rng: random.Random) -> list[Candidate]:
    return [
        candidate(
            str(number % 128), str(4000 + number % 128), f"{rng.randrange(4000, 5000)}{' ' * (number % 3)}"
        )
        for number in range(n)
    ]


def long_solutions(n: int, solutions: Sequence[str], rng: random.Random) -> list[Candidate]:
    keys = [solution.rpartition("####")[2].strip() for solution in solutions[:128]]
    chosen = ((number % 128, rng.choice(solutions)) for number in range(n))
    return [
        candidate(str(problem), keys[problem], f"Attempt {number}.\n{solution}")
        for number, (problem, solution) in enumerate(chosen)
    ]


def repeated_answers(rows: Sequence[dict[str, str]], n: int, rng: random.Random) -> list[Candidate]:
    problems = rng.sample(list(rows), 128)
    rates = [rng.betavariate(0.6, 0.8) for _ in problems]
    wrong: list[list[str]] = [[] for _ in problems]
    batch = []
    for number in range(n):
        which = number % len(problems)
        row, seen = problems[which], wrong[which]
        if rng.random() < rates[which]:
            answer = row["answer"]
        else:
            is_new = rng.random() < 5 / (5 + len(seen))
            answer = rng.choice(rows)["answer"] if is_new else rng.choice(seen)
            seen.append(answer)
        reasoning = f"Attempt {number}. {row['solution'].partition('boxed')[0][:400]}"
        batch.append(candidate(row["unique_id"], row["answer"], f"{reasoning} so $\\boxed{{{answer}}}$."))
    return batch


def hard_pairs(rows: Sequence[dict[str, str]], rng: random.Random) -> list[tuple[str, str]]:
    keys = [row["answer"] for row in rows]
    pairs = {(key, rng.choice(keys)) for key in keys * 4}
    hard = sorted(
        (k, a) for k, a in pairs if k != a and not (k.lstrip("-").isdigit() and a.lstrip("-").isdigit())
    )
    seen: Counter[str] = Counter()
    return [(key, unlike_others(answer, seen)) for key, answer in hard]


def unlike_others(answer: str, seen: Counter[str]) -> str:
    """Spell an answer as it was not spelled before, with spaces before its last character: nothing is parsed twice."""
    seen[answer] += 1
    return f"{answer[:-1]}{' ' * seen[answer]}{answer[-1]}"


def candidate(problem_id: str, key: str, completion: str) -> Candidate:
    sample = Sample(
        problem_id=problem_id,
        sample_index=0,
        completion=completion,
        finish_reason="stop",
        prompt_tokens=1,
        completion_tokens=1,
    )
    return Candidate(Problem(problem_id=problem_id, prompt="?", answer=key), sample)


def computing_s() -> float:
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in usage)


if __name__ == "__main__":
    main()
