"""How often nominal 95 % intervals of coverage hold the truth, by simulation.

Each replicate draws P success rates from a law and n samples of each problem, and asks for the curve. The target
over problems is E[1 − (1−p)^k] under the law; over samples it is the mean of 1 − (1−p_i)^k over the very problems.

    python benchmarks/interval_coverage.py --out results/benchmarks/interval_coverage.md
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ttscale.stats.coverage.coverage import coverage_curve

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
    parser.add_argument("--held-out", action="store_true", help="only the laws that chose nothing")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    start = time.perf_counter()
    page = held_out_report(options.replicates) if options.held_out else report(options.replicates)
    flags = f"--replicates {options.replicates}" + (" --held-out" if options.held_out else "")
    page += f"\nComputed by `python benchmarks/interval_coverage.py {flags}` "
    page += f"in {time.perf_counter() - start:.0f} s.\n"
    if options.out:
        options.out.write_text(page, encoding="utf-8")
    else:
        print(page)


if __name__ == "__main__":
    main()
