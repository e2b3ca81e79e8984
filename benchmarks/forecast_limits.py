"""How well can coverage be forecast at all? What forecasters reach that know more than any method can.

Usage: python benchmarks/forecast_limits.py --data ../shared/data --out results/benchmarks

The floor of `forecast_accuracy.py` knows the law of each benchmark, all parameters included. Nobody who sees counts does.
(1) A Bayesian who knows the family of laws and exactly how its parameters vary from benchmark to benchmark, and learns this
benchmark's from the same counts: for benchmarks drawn from that population no forecast has a smaller expected error.
(2) The same on real counts, the population estimated from the other models.
(3) Two laws that differ beyond the samples, and the best intervals of someone who knows both and need only tell which: the
Neyman-Pearson argument that no interval is both narrow and right for both.
"""

import argparse
import os
import platform
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from forecast_accuracy import BENT, BETA_LAWS, LEVEL, PREFIXES, K, read_counts
from scipy.optimize import minimize
from scipy.special import betaln, gammaln, logsumexp
from scipy.stats import binom

from ttscale.errors import TtscaleWarning
from ttscale.stats.counts.counts import counts
from ttscale.stats.forecast.backtesting import thin
from ttscale.stats.forecast.forecasting import forecast
from ttscale.stats.forecast.predictive import OpenProblems, Predictive
from ttscale.stats.laws.beta import GeneralizedBeta
from ttscale.stats.laws.frame import hazard_grid
from ttscale.stats.laws.likelihood import binomial_kernel

PROBLEMS = 128
PYTHIA = ("70M", "160M", "410M", "1B", "2.8B", "6.9B", "12B")  # in the order of BETA_LAWS
WIDEST = 1.3  # times the floor's interval: the width that is asked for


@dataclass(frozen=True)
class Population:
    """Beta laws whose parameters are log-normal, on a grid of four standard deviations."""

    mean: np.ndarray
    root: np.ndarray
    alpha: np.ndarray
    beta: np.ndarray
    log_prior: np.ndarray

    @classmethod
    def of(cls, laws: np.ndarray) -> "Population":
        """Fit mean and covariance of the log parameters of laws (L, 2)."""
        logs = np.log(laws)
        mean, root = logs.mean(axis=0), np.linalg.cholesky(np.cov(logs.T))
        side = np.linspace(-4, 4, 61)
        z = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
        alpha, beta = np.exp(mean + z @ root.T).T
        return cls(mean, root, alpha, beta, -0.5 * np.sum(z * z, axis=1))

    def draw(self, rng: np.random.Generator) -> tuple[float, float]:
        alpha, beta = np.exp(self.mean + self.root @ rng.standard_normal(2))
        return float(alpha), float(beta)


class Bayesian:
    """Forecasts from counts out of s under a population of beta laws."""

    def __init__(self, population: Population, s: int) -> None:
        a, b, c = population.alpha[:, None], population.beta[:, None], np.arange(s + 1)
        choose = gammaln(s + 1) - gammaln(c + 1) - gammaln(s - c + 1)
        self.log_probability = choose + betaln(a + c, b + s - c) - betaln(a, b)  # (G, s + 1)
        self.chance = open_chance(population.alpha, population.beta, s)
        self.log_prior, self.s = population.log_prior, s

    def forecast(self, c: np.ndarray) -> tuple[float, float, float]:
        """Return the median and the ends of the predictive interval of coverage at K."""
        log_weight = self.log_prior + self.log_probability[:, c].sum(axis=1)
        weight = np.exp(log_weight - logsumexp(log_weight))
        kept = weight > 1e-9
        unsolved, problems = int(np.count_nonzero(c == 0)), len(c)
        open_ = OpenProblems(
            np.array([K]), np.array([float(problems - unsolved)]), np.array([self.s]), np.array([unsolved]), problems
        )  # fmt: skip
        predictive = Predictive(open_, self.chance[kept, None], weight[kept] / weight[kept].sum())
        value = (problems - unsolved + unsolved * predictive.median_chance()[0]) / problems
        ends = [float(predictive.quantile(level)[0]) for level in (0.5 - LEVEL / 2, 0.5 + LEVEL / 2)]
        return float(value), ends[0], ends[1]


def open_chance(alpha: np.ndarray | float, beta: np.ndarray | float, s: int) -> np.ndarray:
    """Return the chance of a problem unsolved by s samples to be solved by K."""
    return np.asarray(-np.expm1(betaln(alpha, beta + K) - betaln(alpha, beta + s)))


def floor_of(c: np.ndarray, chance: float) -> tuple[float, float, float]:
    """Return forecast and interval of whoever knows the law."""
    unsolved = np.count_nonzero(c == 0)
    ends = binom.ppf([0.5 - LEVEL / 2, 0.5 + LEVEL / 2], unsolved, chance)
    known = len(c) - unsolved
    return tuple(float(v) / len(c) for v in (known + unsolved * chance, *(known + ends)))  # type: ignore[return-value]


class Scores:
    """Errors, widths and hits of one forecaster."""

    def __init__(self) -> None:
        self.rows: list[tuple[float, float, bool]] = []

    def add(self, forecast: tuple[float, float, float], truth: float) -> None:
        value, low, high = forecast
        self.rows.append((abs(value - truth), high - low, low - 1e-9 <= truth <= high + 1e-9))

    def means(self) -> tuple[float, float, float]:
        error, width, inside = np.mean(np.array(self.rows, dtype=float), axis=0)
        return float(error), float(width), 100 * float(inside)


def row(s: int, floor: Scores, bayes: Scores) -> str:
    (fe, fw, fh), (be, bw, bh) = floor.means(), bayes.means()
    return f"| {s} | {fe:.4f} | {fw:.3f} | {fh:.0f} % | {be:.4f} | {be / fe:.2f} | {bw:.3f} | {bw / fw:.2f} | {bh:.0f} % |"


def compared(ours: Scores, bayes: Scores, count: int) -> str:
    first = Scores()
    first.rows = bayes.rows[:count]
    (oe, ow, oh), (be, bw, _) = ours.means(), first.means()
    return f" {oe / be:.2f} | {ow / bw:.2f} | {oh:.0f} % |"


HEAD = [
    "| s | floor | its width | holds | knows the population | / floor | its width | / floor's | holds |",
    "|" + "---|" * 9,
]


def known_population(rounds: int, with_ours: int) -> Iterator[str]:
    laws = np.array(BETA_LAWS)
    for title, chosen in (
        ("all seven", laws),
        ("six, the smallest model left out, whose law is far from the others", laws[1:]),
    ):
        population = Population.of(chosen)
        yield ""
        yield f"Population of {title}:"
        yield ""
        yield HEAD[0] + " our error / its | our width / its | ours holds |"
        yield HEAD[1] + "---|" * 3
        for s in PREFIXES:
            rng, bayesian = np.random.default_rng(s), Bayesian(population, s)
            floor, bayes, ours = Scores(), Scores(), Scores()
            for turn in range(rounds):
                alpha, beta = population.draw(rng)
                p = rng.beta(alpha, beta, PROBLEMS)
                c = rng.binomial(s, p)
                truth = float(np.mean((c > 0) | (rng.random(PROBLEMS) < -np.expm1((K - s) * np.log1p(-p)))))
                floor.add(floor_of(c, float(open_chance(alpha, beta, s))), truth)
                bayes.add(bayesian.forecast(c), truth)
                if turn < with_ours:
                    curve = forecast(s, c, K, confidence_level=LEVEL).curve
                    ours.add((float(curve.value[0]), float(curve.low[0]), float(curve.high[0])), truth)
            yield row(s, floor, bayes) + compared(ours, bayes, with_ours)


def real_counts(models: dict[str, tuple[np.ndarray, np.ndarray]], draws: int) -> Iterator[str]:
    laws = dict(zip((f"Pythia {size}" for size in PYTHIA), BETA_LAWS, strict=True))
    yield from HEAD
    for s in PREFIXES:
        rng = np.random.default_rng(s)
        floor, bayes = Scores(), Scores()
        for model, (n, c) in models.items():
            bayesian = Bayesian(Population.of(np.array([laws[m] for m in laws if m != model])), s)
            chance, truth = float(open_chance(*laws[model], s)), float(np.mean(c > 0))
            for _ in range(draws):
                drawn = thin(n, c, s, rng).c
                floor.add(floor_of(drawn, chance), truth)
                bayes.add(bayesian.forecast(drawn), truth)
        yield row(s, floor, bayes)


@dataclass(frozen=True)
class Seen:
    """What a law says of one problem: chances of its count out of s, and of being solved by K where it is 0."""

    probability: np.ndarray
    chance: float


def bent_law(draw: Callable[[np.random.Generator, int], np.ndarray], s: int) -> Seen:
    p = np.minimum(draw(np.random.default_rng(1), 400_000), 1 - 1e-16)
    rounded, times = np.unique(np.round(np.log(np.maximum(p, 1e-12)), 3), return_counts=True)
    c = np.arange(s + 1)
    total = sum(
        w @ binom.pmf(c, s, np.exp(x)[:, None])
        for x, w in zip(np.array_split(rounded, 50), np.array_split(times, 50), strict=True)
    )
    return Seen(total / total.sum(), 1.0 - float(np.mean((1 - p) ** K) / np.mean((1 - p) ** s)))


def straight_twin(seen: Seen, s: int) -> Seen:
    """Return the generalized beta law without unsolvable problems whose counts are most like those of a law."""
    family = GeneralizedBeta()
    x, step = hazard_grid(s, K)
    pairs = counts(np.full(s + 1, s), np.arange(s + 1)).unique()
    kernel = binomial_kernel(pairs, x)[np.argsort(pairs.c)]
    failing = np.exp(-np.multiply.outer(np.exp(x), [s, K]))

    def told(free: np.ndarray) -> Seen:
        theta = np.array([r.value(f) for r, f in zip(family.ranges, free, strict=True)])
        mass = np.exp(family.log_density(x, theta)) * step
        never = max(0.0, 1.0 - float(mass.sum()))
        probability = kernel @ mass
        probability[0] += never
        at_s, at_k = mass @ failing + never
        return Seen(np.maximum(probability, 1e-300), 1.0 - at_k / at_s)

    starts = np.log([[0.25, 0.7, 10.0], [0.4, 0.7, 100.0], [0.4, 0.3, 3.0]])
    runs = [
        minimize(lambda f: -seen.probability @ np.log(told(f).probability), start, method="Nelder-Mead", options={"maxiter": 1500})
        for start in starts
    ]  # fmt: skip
    return told(min(runs, key=lambda run: float(run.fun)).x)


def best_hold(
    laws: tuple[Seen, Seen], problems: int, rounds: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Return how often the best intervals of at most 1.3 times the floor's width hold, and how often the law can be told.

    A table is drawn from either law with probability one half. Its posterior odds are known, the coverage to come is binomial under
    either law, and the interval is the window of the allowed width that holds most of that mixture.
    """
    log_probability = np.log(np.stack([np.maximum(law.probability, 1e-300) for law in laws]))
    held, told = [], []
    for turn in range(rounds):
        table = rng.multinomial(problems, laws[turn % 2].probability / laws[turn % 2].probability.sum())
        log_weight = log_probability @ table
        weight = np.exp(log_weight - logsumexp(log_weight))
        told.append(float(weight.max()))
        unsolved = int(table[0])
        floor = np.mean(
            [np.ptp(binom.ppf([0.5 - LEVEL / 2, 0.5 + LEVEL / 2], unsolved, law.chance)) for law in laws]
        )
        room = int(WIDEST * floor)
        count = np.arange(unsolved + 1)
        mixture = sum(w * binom.pmf(count, unsolved, law.chance) for w, law in zip(weight, laws, strict=True))
        running = np.concatenate([[0.0], np.cumsum(mixture)])
        ends = np.minimum(count + room + 1, unsolved + 1)
        held.append(float(np.max(running[ends] - running[count])))
    return float(np.mean(held)), float(np.mean(told))


def twins(rounds: int) -> Iterator[str]:
    yield "| law | problems | s | gap of coverage | the better guess is right | best intervals hold |"
    yield "|---|---|---|---|---|---|"
    for name, draw in BENT.items():
        for s in PREFIXES:
            bent = bent_law(draw, s)
            twin = straight_twin(bent, s)
            gap = float(bent.probability[0]) * abs(bent.chance - twin.chance)
            for problems in (PROBLEMS, 1000):
                held, told = best_hold((bent, twin), problems, rounds, np.random.default_rng(s))
                yield f"| {name} | {problems:,} | {s} | {gap:.3f} | {100 * told:.0f} % | {100 * held:.0f} % |"


def report(data: Path, rounds: int, with_ours: int) -> Iterator[str]:
    yield "# What no forecast of coverage can do better"
    yield ""
    yield f"`python benchmarks/forecast_limits.py --rounds {rounds} --ours {with_ours}`; {platform.machine()}, one core of {os.cpu_count()}, Python {platform.python_version()}, NumPy {np.__version__}."
    yield f"Mean absolute error of coverage at {K:,} from s samples of {PROBLEMS} problems; intervals at {100 * LEVEL:g} %."
    yield ""
    yield "## Known: the family, and how its parameters vary between benchmarks"
    yield ""
    yield f"{rounds} benchmarks per row, each with a beta law of its own. Its parameters are drawn from the log-normal law that the seven beta laws of"
    yield "the Pythia models suggest. The floor is told this benchmark's parameters; the Bayesian is told their distribution alone, so his"
    yield "expected error is the smallest that any method can have here, and his intervals are calibrated by construction. Our forecast, which knows"
    yield f"neither, is compared with his on the first {with_ours} benchmarks of each row."
    yield from known_population(rounds, with_ours)
    path = data / "monkeys_pythia_math_counts.csv"
    if path.exists():
        yield ""
        yield "## The same on the real counts"
        yield ""
        yield "The 7 Pythia models, 20 draws each. The floor is told the beta law fitted to all 10,000 samples of this model; the Bayesian the laws of the"
        yield "other six."
        yield ""
        yield from real_counts(read_counts(path), 20)
    yield ""
    yield "## Two laws that part beyond the samples"
    yield ""
    yield "Each bent law beside the generalized beta law whose counts out of s are most like its own. A forecaster knows both laws and that each is the"
    yield f"case half the time; his intervals may be {WIDEST:g} times as wide as the floor's. Given: the difference between the two laws' coverage at"
    yield f"{K:,}, how often the likelier law is the right one, and how often the best such intervals hold the coverage to come."
    yield ""
    yield from twins(max(rounds // 2, 100))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--ours", type=int, default=100, help="of them with our forecast beside")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore", TtscaleWarning)
    lines = []
    for line in report(options.data, options.rounds, options.ours):
        print(line, flush=True)
        lines.append(line)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "forecast_limits.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
