"""Do the samples that `next_samples` proposes narrow a forecast as it says, and for less than other ways to spend as many?

Usage: python benchmarks/next_samples.py --counts ../shared/data --out results/benchmarks

Real counts are replayed: s samples of each problem are known, a plan to halve the interval at 10,000 is made, and its
samples are drawn from those that the table has left, each problem until its first success. Beside it, with as many
samples in all: *uniform*, every problem equally many more; *dynamic* (Kazdan et al. 2025, arXiv 2510.05197, algorithm 1),
one by one to the problem with the fewest successes, of these the one with the fewest samples. And the same on simulated problems.
"""

import argparse
import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from forecast_accuracy import BENT, STRAIGHT
from forecast_table import LEVEL, Table, read_tables

from ttscale.errors import TtscaleWarning
from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.forecast.forecasting import forecast
from ttscale.stats.forecast.next_samples import next_samples

N = 100
K = 10_000
WAYS = ("plan", "dynamic", "uniform")


class Pool:
    """The samples of each problem that are not known yet, as places of the successes in an order drawn once."""

    def __init__(self, n: np.ndarray, c: np.ndarray, rng: np.random.Generator) -> None:
        self.successes = [
            np.sort(rng.choice(total, right, replace=False)) for total, right in zip(n, c, strict=True)
        ]

    def correct(self, drawn: np.ndarray) -> np.ndarray:
        """Return the successes among the first samples of each problem, shape (P,)."""
        return np.array([np.searchsorted(at, many) for at, many in zip(self.successes, drawn, strict=True)])

    def first(self, i: int) -> float:
        """Return how many samples problem i takes until its first success; infinite without one."""
        return float(self.successes[i][0] + 1) if len(self.successes[i]) else np.inf


def by_plan(pool: Pool, n: np.ndarray, problems: np.ndarray, up_to: int) -> np.ndarray:
    drawn = n.copy()
    for i in problems:
        drawn[i] = min(pool.first(i), up_to)
    return drawn


def by_dynamic(pool: Pool, n: np.ndarray, budget: int) -> np.ndarray:
    """Give each sample to the problem with the fewest successes: unsolved ones in turn, those that fall drop out."""
    drawn = n.copy()
    first = np.array([pool.first(i) for i in range(len(n))])
    while budget > 0:
        unsolved = np.flatnonzero(first > drawn)
        unsolved = unsolved[drawn[unsolved] < K]
        if not len(unsolved):
            break
        step = max(1, min(budget // len(unsolved), 10))
        unsolved = unsolved[: max(1, budget // step)]
        more = np.minimum(first[unsolved] - drawn[unsolved], step).astype(int)
        drawn[unsolved] += more
        budget -= int(more.sum())
    return drawn


def replay(job: tuple[str, Table, int]) -> dict:
    kind, table, draw = job
    warnings.simplefilter("ignore", TtscaleWarning)
    rng = np.random.default_rng([draw, *table.model.encode()])
    pool = Pool(table.n, table.c, rng)
    n = np.full(len(table.n), N)
    c = pool.correct(n)
    truth = float(pass_at_k(table.n, table.c, K).mean())
    plan = next_samples(n, c, K, confidence_level=LEVEL)
    reached = by_plan(pool, n, plan.problems, plan.up_to)
    spent = int((reached - n).sum())
    ways: dict[str, Callable[[], np.ndarray]] = {
        "plan": lambda: reached,
        "dynamic": lambda: by_dynamic(pool, n, spent),
        "uniform": lambda: n + spent // len(n),
    }
    row = {"kind": kind, "before": plan.width, "expected": plan.expected_width, "spent": spent}
    row["foreseen"] = plan.expected_samples
    for way in WAYS:
        drawn = np.minimum(ways[way](), K)
        curve = forecast(drawn, pool.correct(drawn), K, confidence_level=LEVEL).curve
        low, value, high = float(curve.low[0]), float(curve.value[0]), float(curve.high[0])
        row[way] = (high - low, abs(value - truth), bool(low - 1e-9 <= truth <= high + 1e-9))
    return row


def jobs(folder: Path, draws: int) -> Iterator[tuple[str, Table, int]]:
    for table in read_tables(folder):
        if table.is_unbiased and table.n.min() >= K and not table.benchmark.endswith("nothing solved"):
            capped = Table(table.benchmark, table.model, table.n, table.c)
            for draw in range(draws):
                yield table.benchmark, capped, draw
    for kind, laws in (("simulated, straight", STRAIGHT), ("simulated, bent", BENT)):
        for name, law in laws.items():
            for draw in range(draws):
                rng = np.random.default_rng([draw, *name.encode()])
                p = np.minimum(law(rng, 128), 1 - 1e-16)
                yield kind, Table(kind, name, np.full(128, K), rng.binomial(K, p)), draw


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--counts", type=Path, default=Path("../shared/data"))
    parser.add_argument("--draws", type=int, default=2)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with ProcessPoolExecutor(options.processes) as pool:
        rows = list(pool.map(replay, jobs(options.counts, options.draws)))
    text = "\n".join(report(rows, options.draws)) + "\n"
    print(text)
    if options.out:
        (options.out / "next_samples.md").write_text(text, encoding="utf-8")


def report(rows: list[dict], draws: int) -> Iterator[str]:
    yield "# The cheapest next samples"
    yield ""
    yield f"`python benchmarks/next_samples.py --draws {draws}`. {N} samples per problem are known, the 90 % interval of coverage at"
    yield f"{K:,} is to be halved. Width after over width before, error and hold rate after; all three ways draw the same number of samples."
    yield ""
    yield (
        "| counts | replays | width before | plan: expected | samples, of expected | "
        + " | ".join(f"{way}: width, error, holds" for way in WAYS)
        + " |"
    )
    yield "|" + "---|" * (5 + len(WAYS))
    for kind in dict.fromkeys(row["kind"] for row in rows):
        mine = [row for row in rows if row["kind"] == kind and row["spent"] > 0]
        before = np.array([row["before"] for row in mine])
        cells = []
        for way in WAYS:
            width, error, holds = np.array([row[way] for row in mine]).T
            cells.append(f"{np.mean(width / before):.2f}, {np.mean(error):.3f}, {100 * np.mean(holds):.0f} %")
        expected = np.mean([row["expected"] for row in mine] / before)
        spent = np.mean([row["spent"] for row in mine])
        share = np.mean([row["spent"] / row["foreseen"] for row in mine])
        yield (
            f"| {kind} | {len(mine)} | {before.mean():.3f} | {expected:.2f} | {spent:,.0f}, {share:.2f} | "
            + " | ".join(cells)
            + " |"
        )


if __name__ == "__main__":
    sys.exit(main())
