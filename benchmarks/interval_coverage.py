"""How often nominal 95 % intervals of coverage hold the truth, by simulation.

Each replicate draws P success rates from a law and n samples of each problem, and asks for the curve. The target
over problems is E[1 − (1−p)^k] under the law; over samples it is the mean of 1 − (1−p_i)^k over the very problems.

    python benchmarks/interval_coverage.py --out results/benchmarks/interval_coverage.md
    python benchmarks/interval_coverage.py --every --out results/benchmarks/interval_every.md

``--every`` asks for each kind of interval once: over problems and samples, by bootstrap, as a band, of a paired difference, of
a proportion, of a plateau and of the best budget, at 20, 50 and 200 problems over five laws. It is the table of docs/concepts.md.
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.coverage.coverage import coverage_curve
from ttscale.stats.coverage.plateau import TOLERANCE, doublings, plateau
from ttscale.stats.decide.deciding import best_decision
from ttscale.stats.intervals.estimate import ratio_of_sums
from ttscale.stats.intervals.multiple import paired_differences

Law = Callable[[np.random.Generator, int], np.ndarray]

LAWS: dict[str, Law] = {
    "Beta(0.2, 10)": lambda rng, size: rng.beta(0.2, 10, size),
    "Beta(0.2, 2)": lambda rng, size: rng.beta(0.2, 2, size),
    "30 % never, else Beta(0.35, 92)": lambda rng, size: rng.beta(0.35, 92, size) * (rng.random(size) >= 0.3),
    "half Beta(2, 60), half Beta(30, 10)": lambda rng, size: np.where(
        rng.random(size) < 0.5, rng.beta(2, 60, size), rng.beta(30, 10, size)
    ),
    "Beta(0.5, 0.5)": lambda rng, size: rng.beta(0.5, 0.5, size),
    "log-normal(-5, 2), capped at 1": lambda rng, size: np.minimum(np.exp(rng.normal(-5, 2, size)), 1),
}
HELD_OUT: dict[str, Law] = {
    "Beta(0.1, 5)": lambda rng, size: rng.beta(0.1, 5, size),
    "60 % never, else Beta(1, 20)": lambda rng, size: rng.beta(1, 20, size) * (rng.random(size) >= 0.6),
    "logit-normal(-3, 2)": lambda rng, size: 1 / (1 + np.exp(-rng.normal(-3, 2, size))),
    "Kumaraswamy(0.3, 8)": lambda rng, size: (1 - rng.random(size) ** (1 / 8)) ** (1 / 0.3),
    "exponential of mean 0.05, capped at 1": lambda rng, size: np.minimum(rng.exponential(0.05, size), 1),
}
"""Laws that played no part in choosing the methods and their constants; those above did."""

FIVE: dict[str, Law] = {
    "Beta(0.2, 10)": LAWS["Beta(0.2, 10)"],
    "half hard, half easy": LAWS["half Beta(2, 60), half Beta(30, 10)"],
    "5 % never, else .9": lambda rng, size: 0.9 * (rng.random(size) >= 0.05),
    "Pareto from .002": lambda rng, size: np.minimum(0.002 * (1 + rng.pareto(1.0, size)), 1),
    "Beta(9, 0.5)": lambda rng, size: rng.beta(9, 0.5, size),
}
"""Many hard problems, two kinds, rare ones that are never solved, a heavy tail, and a benchmark near saturation."""

BUDGETS = {10: [1, 2, 5, 10], 100: [1, 3, 10, 50, 90, 100], 1000: [1, 10, 100, 500, 1000]}
_TRUTH_DRAWS = 2_000_000


def hit_rates(
    law: Law, n_problems: int, n: int, *, over: str, method: str, replicates: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of intervals that hold the truth and their mean width, each of shape (K,)."""
    rng = np.random.default_rng(seed)
    k = np.array(BUDGETS[n])
    population = law(rng, _TRUTH_DRAWS)
    truth = np.array([np.mean(-np.expm1(b * np.log1p(-np.minimum(population, 1 - 1e-16)))) for b in k])
    hits, width = np.zeros(len(k)), np.zeros(len(k))
    for _ in range(replicates):
        p = law(rng, n_problems)
        curve = coverage_curve(n, rng.binomial(n, p), k, over=over, method=method, n_resamples=500, rng=rng)
        target = truth if over != "samples" else (1 - (1 - p[:, None]) ** k).mean(axis=0)
        hits += (curve.low <= target) & (target <= curve.high)
        width += curve.high - curve.low
    return hits / replicates, width / replicates


def table(cases: list[tuple[str, str, int, int]], replicates: int, laws: dict[str, Law] = LAWS) -> list[str]:
    """Return one Markdown row per law, size and method."""
    lines = [
        "| law of p | P | n | method | " + "coverage in % at k (k: %) | mean width |",
        "|---|---|---|---|---|---|",
    ]
    for number, (over, method, n_problems, n) in enumerate(cases):
        for name, law in laws.items():
            rates, widths = hit_rates(
                law, n_problems, n, over=over, method=method, replicates=replicates, seed=1000 + number
            )
            shown = ", ".join(f"{k}: {100 * r:.1f}" for k, r in zip(BUDGETS[n], rates, strict=True))
            sizes = ", ".join(f"{w:.3f}" for w in widths)
            lines.append(f"| {name} | {n_problems} | {n} | {method} | {shown} | {sizes} |")
            print(lines[-1], file=sys.stderr, flush=True)
    return lines


def every_report(replicates: int) -> str:
    """Return the least share of intervals that hold the truth, over the budgets, for each kind of interval."""
    few = max(replicates // 4, 50)
    lines = [
        "# Every kind of interval: how often nominal 95 % holds",
        "",
        f"The least share over k = 1, 10 and 100 of 100 samples; {replicates} replicates and {few} of bootstraps, bands, over "
        "samples and of families.",
        "",
        "| interval | P | " + " | ".join(FIVE) + " |",
        "|---|---|" + "---|" * len(FIVE),
    ]
    for name, (holds, dear) in KINDS.items():
        for n_problems in (20, 50, 200):
            shares = []
            for law in FIVE.values():
                rng = np.random.default_rng(17)
                truth = _truth(law(rng, _TRUTH_DRAWS))
                held = [holds(law, truth, n_problems, rng) for _ in range(few if dear else replicates)]
                shares.append(100 * float(np.min(np.mean(held, axis=0))))
            lines.append(
                f"| {name} | {n_problems} | " + " | ".join(f"{share:.0f} %" for share in shares) + " |"
            )
            print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join([*lines, ""])


_N, _KS = 100, np.array([1, 10, 100])
_TABLE = pass_at_k(_N, np.arange(_N + 1), _KS)


_DOUBLED = doublings(_N)
_AT_DOUBLED = pass_at_k(_N, np.arange(_N + 1), _DOUBLED)

_LESS = 0.7
"""Success rates of the second arm, as a share of the first's."""

_PRICE = 0.003
"""Of a sample, where a solved problem is worth 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """Of a population: coverage at the budgets of both arms and at 1, 2, 4, ..., and the mean success rate."""

    coverage: np.ndarray
    less: np.ndarray
    doubled: np.ndarray
    mean: float

    @property
    def plateau(self) -> float:
        """The first doubling from which on all are flat; infinite where the last is not."""
        steep = np.flatnonzero(np.abs(np.diff(self.doubled)) > TOLERANCE)
        at = int(steep[-1]) + 1 if len(steep) else 0
        return float(_DOUBLED[at]) if at < len(_DOUBLED) - 1 else np.inf

    @property
    def utility(self) -> np.ndarray:
        return self.doubled - _PRICE * _DOUBLED


def _truth(rate: np.ndarray) -> Truth:
    return Truth(_coverage(rate), _coverage(_LESS * rate), _coverage(rate, _DOUBLED), float(rate.mean()))


def _coverage(rate: np.ndarray, k: np.ndarray = _KS) -> np.ndarray:
    log_failure = np.log1p(-np.minimum(rate, 1 - 1e-16))
    return np.array([-np.expm1(budget * log_failure).mean() for budget in k])


def _curve_holds(**options: Any) -> "Holds":
    def holds(law: Law, truth: Truth, n_problems: int, rng: np.random.Generator) -> np.ndarray:
        p = law(rng, n_problems)
        target = _coverage(p) if options.get("over") == "samples" else truth.coverage
        curve = coverage_curve(_N, rng.binomial(_N, p), _KS, n_resamples=300, rng=rng, **options)
        held = (curve.low <= target + 1e-12) & (target <= curve.high + 1e-12)
        return np.array([held.all()]) if options.get("simultaneous") else held

    return holds


def _difference_holds(law: Law, truth: Truth, n_problems: int, rng: np.random.Generator) -> np.ndarray:
    """Two arms of the same problems and a family of the three budgets."""
    p, size = law(rng, n_problems), len(_KS)
    first, second = (_TABLE[rng.binomial(_N, rate)] for rate in (p, _LESS * p))
    gain = truth.coverage - truth.less
    pairs = tuple((j, j + size) for j in range(size))
    found = paired_differences(np.hstack([first, second]), pairs=pairs, n_resamples=1000, rng=rng)
    return np.array([((found.low <= gain) & (gain <= found.high)).all()])


def _proportion_holds(law: Law, truth: Truth, n_problems: int, rng: np.random.Generator) -> np.ndarray:
    """The share of correct ones among accepted ones, of which problems have between 1 and 40."""
    size = rng.integers(1, 41, n_problems)
    found = ratio_of_sums("precision", rng.binomial(size, law(rng, n_problems)), size)
    return np.array([found.low <= truth.mean <= found.high])


def _plateau_holds(law: Law, truth: Truth, n_problems: int, rng: np.random.Generator) -> np.ndarray:
    """The budget from which on no doubling gains a point."""
    table = _AT_DOUBLED[rng.binomial(_N, law(rng, n_problems))]
    found = plateau(table, _DOUBLED, n_resamples=500, rng=rng)
    low, high = (np.inf if end is None else end for end in (found.low, found.high))
    return np.array([low <= truth.plateau <= high])


def _decision_holds(law: Law, truth: Truth, n_problems: int, rng: np.random.Generator) -> np.ndarray:
    """The budget that is worth most, and what the chosen one is worth, at a price per sample."""
    table = _AT_DOUBLED[rng.binomial(_N, law(rng, n_problems))] - _PRICE * _DOUBLED
    found = best_decision(table, _DOUBLED, n_resamples=500, rng=rng, span=(-_PRICE * _DOUBLED[-1], 1.0))
    best = _DOUBLED[np.argmax(truth.utility)] if truth.utility.max() > 0 else 0
    worth = float(truth.utility[found.k == _DOUBLED].sum())
    return np.array([found.low <= best <= found.high, found.utility_low <= worth <= found.utility_high])


Holds = Callable[[Law, Truth, int, np.random.Generator], np.ndarray]
KINDS: dict[str, tuple[Holds, bool]] = {
    "coverage, over problems": (_curve_holds(), False),
    "coverage, over samples": (_curve_holds(over="samples"), True),
    "coverage, band over k": (_curve_holds(simultaneous=True), True),
    "paired differences, a family": (_difference_holds, True),
    "proportion (precision)": (_proportion_holds, True),
    "plateau": (_plateau_holds, True),
    "best budget and its worth": (_decision_holds, True),
    "coverage, bootstrap over problems": (_curve_holds(method="bootstrap"), True),
    "coverage, bootstrap over samples": (_curve_holds(over="samples", method="bootstrap"), True),
    "coverage, two-level bootstrap": (_curve_holds(over="both", method="bootstrap"), True),
}
"""What is asked, and whether it is dear."""


def held_out_report(replicates: int) -> str:
    """Run the defaults on laws that played no part in choosing them."""
    few = max(replicates // 5, 50)
    shapes = [(30, 10), (30, 100), (128, 100)]
    return "\n".join(
        [
            "# Empirical coverage on laws not used to choose the methods",
            "",
            f"{replicates} replicates per row over problems, {few} over samples.",
            "",
            *table([("problems", "analytic", *shape) for shape in shapes], replicates, HELD_OUT),
            "",
            "## Over samples",
            "",
            *table([("samples", "analytic", *shape) for shape in shapes], few, HELD_OUT),
            "",
        ]
    )


def report(replicates: int) -> str:
    """Run every case and return the Markdown page."""
    error = 100 * np.sqrt(0.95 * 0.05 / replicates)
    sizes = [(30, 10), (30, 100), (30, 1000), (128, 100), (1000, 100)]
    parts = ["# Empirical coverage of nominal 95 % intervals of the coverage curve", ""]
    parts += [
        f"{replicates} replicates per row (a fifth of that for bootstraps and over samples); "
        f"simulation error about ±{error:.1f} percentage points (one standard error; 2.2 times that where fewer).",
        "",
    ]
    few = max(replicates // 5, 50)
    for title, over, method, shapes, count in [
        ("Over problems (and both), the default", "problems", "analytic", sizes, replicates),
        ("Over problems, percentile bootstrap", "problems", "bootstrap", [(30, 100), (128, 100)], few),
        ("Over both, two-level bootstrap", "both", "bootstrap", [(30, 100), (128, 100)], few),
        ("Over samples, the default", "samples", "analytic", sizes[:4], few),
        ("Over samples, bootstrap", "samples", "bootstrap", [(128, 100)], few),
    ]:
        parts += [f"## {title}", "", *table([(over, method, p, n) for p, n in shapes], count), ""]
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=2000)
    parser.add_argument("--every", action="store_true", help="every kind of interval at three sizes")
    parser.add_argument("--held-out", action="store_true", help="only the laws that chose nothing")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    start = time.perf_counter()
    which = every_report if options.every else held_out_report if options.held_out else report
    page = which(options.replicates)
    flags = (
        f"--replicates {options.replicates}" + " --every" * options.every + " --held-out" * options.held_out
    )
    page += f"\nComputed by `python benchmarks/interval_coverage.py {flags}` "
    page += f"in {time.perf_counter() - start:.0f} s.\n"
    if options.out:
        options.out.write_text(page, encoding="utf-8")
    else:
        print(page)


if __name__ == "__main__":
    main()
