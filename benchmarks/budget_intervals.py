"""How often intervals of inverse questions hold the truth, by simulation: samples for a target, and crossing budgets.

Each replicate draws P success rates from a law and n samples of each problem. The truth over problems is the first k at
which E[1 − (1−p)^k] under the law reaches the target; over samples it is the first k at which the mean 1 − (1−p_i)^k of these
very problems does. Crossings are of two arms on the same problems, at the budget where their laws' curves meet.

    python benchmarks/budget_intervals.py --out results/benchmarks/budget_intervals.md
"""

import argparse
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from ttscale.errors import TtscaleWarning
from ttscale.stats.counts.curve import budget_grid
from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.decide.best_buy import crossings, values_at
from ttscale.stats.forecast.reaching import coverage_to_reach, ladder

Law = Callable[[np.random.Generator, int], np.ndarray]

LAWS: dict[str, Law] = {
    "Beta(0.25, 12)": lambda rng, size: rng.beta(0.25, 12, size),
    "30 % never, else Beta(0.35, 30)": lambda rng, size: rng.beta(0.35, 30, size) * (rng.random(size) >= 0.3),
    "logit-normal(-3, 2)": lambda rng, size: 1 / (1 + np.exp(-rng.normal(-3, 2, size))),
    "half Beta(2, 60), half Beta(30, 10)": lambda rng, size: np.where(
        rng.random(size) < 0.5, rng.beta(2, 60, size), rng.beta(30, 10, size)
    ),
}
CROSSING_LAW = "logit-normal(-3, 2)"
LARGEST = 20_000
_TRUTH_DRAWS = 400_000


def coverage_of(rates: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Return the mean of 1 − (1−p)^k over rates, shape (K,)."""
    log_fail = np.log1p(-np.minimum(rates, 1 - 1e-16))
    return np.array([-np.expm1(b * log_fail).mean() for b in k])


def answers(
    law: Law, n_problems: int, n: int, target: float, truth: float, rng: np.random.Generator
) -> Iterator[tuple[str, bool, float]]:
    """Yield what each kind of interval generalises over, whether it holds the truth, and the log-ratio of its ends.

    Both kinds are asked of the same counts, whose forecast is then drawn once.
    """
    p = law(rng, n_problems)
    c = rng.binomial(n, p)
    for over in ("problems", "samples"):
        if over == "samples":
            k = ladder(10 * LARGEST)
            found = np.flatnonzero(coverage_of(p, k) >= target)
            truth = float(k[found[0]]) if len(found) else np.inf
        reached = coverage_to_reach(n, c, target, largest=LARGEST, over=over)
        low, high = reached.low or np.inf, reached.high or np.inf
        # the answer is one of the ladder's rungs, half a percent apart
        held = low * 0.995 <= truth <= high * 1.005 or (truth > LARGEST and reached.high is None)
        yield over, bool(held), float(np.log(min(high, LARGEST) / min(low, LARGEST)))


def target_rows(replicates: int, first: int, seed: int) -> Iterator[str]:
    rng = np.random.default_rng(seed)
    rungs = ladder(10 * LARGEST)
    for name, law in list(LAWS.items())[:first]:
        population = law(rng, _TRUTH_DRAWS)
        for n_problems, n in ((128, 32), (64, 100)):
            for where, k in (("within", max(n // 6, 2)), ("beyond", 12 * n)):
                target = coverage_of(population, np.array([k]))[0]
                reaching = np.flatnonzero(coverage_of(population, rungs) >= target * (1 - 1e-9))
                truth = float(rungs[reaching[0]]) if len(reaching) else np.inf
                got = [
                    one for _ in range(replicates) for one in answers(law, n_problems, n, target, truth, rng)
                ]
                for over in ("problems", "samples"):
                    own = [one for one in got if one[0] == over]
                    held = 100 * np.mean([one[1] for one in own])
                    width = np.exp(np.median([one[2] for one in own]))
                    yield f"| {name} | {n_problems} | {n} | {where}: {target:.3f} | {over} | {held:.0f} | {width:.1f} |"


def crossing_rows(replicates: int, seed: int) -> Iterator[str]:
    """Two arms share the problems: the dear one's odds of success are a multiple of the cheap one's."""
    rng = np.random.default_rng(seed)
    law = LAWS[CROSSING_LAW]
    for odds, price in ((6.0, 5.0), (10.0, 5.0), (20.0, 8.0)):
        budget = np.geomspace(1.0, 200, 160)
        cheap = law(rng, _TRUTH_DRAWS // 4)
        truth = _first_crossing(cheap, _bent(cheap, odds), price, budget)
        for n_problems, n in ((64, 200), (256, 200)):
            held, found = 0, 0
            for _ in range(replicates):
                p = law(rng, n_problems)
                tables = [
                    _values(n, rng.binomial(n, rate), one, budget)
                    for rate, one in ((p, 1.0), (_bent(p, odds), price))
                ]
                near = crossings(*tables, budget)
                if near:
                    one = min(near, key=lambda each: abs(np.log(each.budget / truth)))
                    found += 1
                    held += (one.low or 0.0) <= truth <= (one.high or np.inf)
            yield (
                f"| odds x {odds:g}, price x {price:g} | {n_problems} | {n} | {truth:.1f} | "
                f"{100 * found / replicates:.0f} | {100 * held / max(found, 1):.0f} |"
            )


def _bent(p: np.ndarray, odds: float) -> np.ndarray:
    """Return rates of a dear arm that gains most where the cheap one is middling: hard problems stay hard."""
    better = odds * p / (1 - p + odds * p)
    return p + (better - p) * np.minimum(1.0, (p / 0.02) ** 0.5)


def _values(n: int, c: np.ndarray, price: float, budget: np.ndarray) -> np.ndarray:
    k = budget_grid(n, 160)
    return values_at(price * k, pass_at_k(n, c, k), budget)


def _first_crossing(cheap: np.ndarray, dear: np.ndarray, price: float, budget: np.ndarray) -> float:
    """Return the first budget at which the laws' own curves cross."""
    k = budget_grid(int(budget[-1]), 160)
    curves = [
        values_at(one * k, coverage_of(rates, k)[None], budget)[0]
        for rates, one in ((cheap, 1.0), (dear, price))
    ]
    difference = curves[0] - curves[1]
    j = np.flatnonzero(np.diff(np.sign(difference)) != 0)[0]
    share = difference[j] / (difference[j] - difference[j + 1])
    return float(budget[j] * (budget[j + 1] / budget[j]) ** share)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--replicates", type=int, default=40)
    parser.add_argument("--first", type=int, default=len(LAWS), help="only so many of the laws")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", TtscaleWarning)
    error = 100 * np.sqrt(0.05 * 0.95 / arguments.replicates)
    lines = [
        "# Empirical coverage of nominal 95 % intervals of inverse questions",
        "",
        f"{arguments.replicates} replicates per row, three times as many for crossings; simulation error about ±{error:.0f} "
        f"percentage points (one standard error), ±{error / 3**0.5:.0f} for crossings. The width is the median ratio of the interval's ends, cut "
        f"at {LARGEST:,} samples.",
        "",
        "## Samples per problem for a target",
        "",
        "| law of p | P | n | target | over | holds the truth, % | high / low |",
        "|---|---|---|---|---|---|---|",
        *shown(target_rows(arguments.replicates, arguments.first, arguments.seed)),
        "",
        f"## Budgets at which the better of two arms changes ({CROSSING_LAW})",
        "",
        "| arms | P | n | truth | found, % | holds the truth, % of found |",
        "|---|---|---|---|---|---|",
        *shown(crossing_rows(3 * arguments.replicates, arguments.seed)),
        "",
        f"Made by `python {' '.join(sys.argv)}`.",
    ]
    text = "\n".join(lines) + "\n"
    if arguments.out:
        arguments.out.write_text(text)
    else:
        print(text)


def shown(rows: Iterator[str]) -> Iterator[str]:
    """Print rows as they come: a simulation takes minutes."""
    for row in rows:
        print(row, file=sys.stderr, flush=True)
        yield row


if __name__ == "__main__":
    main()
