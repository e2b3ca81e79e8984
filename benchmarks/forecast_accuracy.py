"""How well are coverages forecast: our average over laws beside the published methods and beside the noise floor.

Usage: python benchmarks/forecast_accuracy.py --data ../shared/data --draws 20 --out results/benchmarks

Two settings. (1) The 7 Pythia models x 128 MATH problems x 10,000 samples of Brown et al. 2024: s samples per
problem are drawn without replacement, coverage at 10,000 is forecast, the truth is known. (2) Simulated problems
from laws of seven kinds. The floor is a forecaster who knows the law and predicts each open problem's
posterior chance: what it misses is which problems fall, by chance. Published methods forecast as published:
the fitted curve's value at k, whatever was observed.
"""

import argparse
import csv
import gzip
import json
import os
import platform
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.special import expit
from scipy.stats import binom

from ttscale.errors import InvalidInputError, TtscaleWarning
from ttscale.stats.forecast.backtesting import thin
from ttscale.stats.forecast.forecasting import forecast
from ttscale.stats.laws.fitting import fit_law
from ttscale.stats.laws.searching import theta_of

K = 10_000
LEVEL = 0.9
PUBLISHED = ("log-log", "exponentiated-power-law", "beta-binomial", "zero-inflated-beta")
BLEND = "mean of log-log and beta-binomial"
PREFIXES = (32, 100, 300, 1000)
BETA_LAWS = (
    (0.0388, 92.09),
    (0.1736, 65.41),
    (0.1783, 28.6),
    (0.2144, 25.41),
    (0.2456, 11.69),
    (0.2695, 14.15),
    (0.2953, 12.36),
)

Draw = Callable[[np.random.Generator, int], np.ndarray]
POPULATIONS: dict[str, Draw] = {
    "Beta(.25, 12)": lambda g, m: g.beta(0.25, 12, m),
    "30 % never, else Beta(.4, 40)": lambda g, m: g.beta(0.4, 40, m) * (g.random(m) > 0.3),
    "two bumps: 40 % Beta(6, 14), else Beta(2, 2000)": lambda g, m: np.where(
        g.random(m) < 0.4, g.beta(6, 14, m), g.beta(2, 2000, m)
    ),
    "log-normal hazard (-6, 2.5)": lambda g, m: -np.expm1(-np.exp(g.normal(-6, 2.5, m))),
    "logit-normal (-5, 3)": lambda g, m: expit(g.normal(-5, 3, m)),
    "Kumaraswamy(.3, 4)": lambda g, m: (1 - (1 - g.random(m)) ** 0.25) ** (1 / 0.3),
    "power law: P(p < x) = (x / .3)^.3": lambda g, m: 0.3 * g.random(m) ** (1 / 0.3),
}
STRAIGHT: dict[str, Draw] = {
    "Beta(.17, 65)": lambda g, m: g.beta(0.17, 65, m),
    "Beta(.25, 12)": POPULATIONS["Beta(.25, 12)"],
    "Beta(.3, 12)": lambda g, m: g.beta(0.3, 12, m),
    "Kumaraswamy(.3, 4)": POPULATIONS["Kumaraswamy(.3, 4)"],
    "power law": POPULATIONS["power law: P(p < x) = (x / .3)^.3"],
    "generalized gamma": lambda g, m: np.minimum(0.3 * g.gamma(0.6, 0.2, m) ** (1 / 0.6), 1.0),
    "scaled beta": lambda g, m: 0.6 * g.beta(0.4, 5, m),
}
BENT: dict[str, Draw] = {
    "10 % never": lambda g, m: g.beta(0.3, 15, m) * (g.random(m) > 0.1),
    **{name: POPULATIONS[name] for name in tuple(POPULATIONS)[1:5]},
}


@dataclass
class Scores:
    """Errors of every method, and what became of our intervals."""

    error: dict[str, list[float]] = field(default_factory=dict)
    inside: list[bool] = field(default_factory=list)
    width: list[float] = field(default_factory=list)
    floor_width: list[float] = field(default_factory=list)

    def add(self, method: str, error: float) -> None:
        self.error.setdefault(method, []).append(error)

    def mean(self, method: str) -> float:
        return float(np.mean(np.abs(self.error[method])))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument(
        "--populations", type=int, default=8, help="simulated populations of 1,000 problems per row"
    )
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore", TtscaleWarning)
    command = (
        f"python benchmarks/forecast_accuracy.py --draws {options.draws} --populations {options.populations}"
    )
    lines: list[str] = []
    for line in report(options.data, options.draws, options.populations, command):
        print(line, flush=True)
        lines.append(line)
        if options.out:
            options.out.mkdir(parents=True, exist_ok=True)
            (options.out / "forecast_accuracy.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def report(data: Path, draws: int, populations: int, command: str) -> Iterator[str]:
    yield "# Accuracy of forecasts of coverage"
    yield ""
    yield f"`{command}`; {platform.machine()}, one core of {os.cpu_count()}, Python {platform.python_version()}, NumPy {np.__version__}."
    yield f"Mean absolute error of coverage at {K:,}; intervals at {100 * LEVEL:g} %."
    path = data / "monkeys_pythia_math_counts.csv"
    if path.exists():
        yield ""
        yield from pythia_table(read_counts(path), draws)
    yield ""
    yield from held_out_table(data, draws)
    yield ""
    yield from calibration_table(populations)
    yield ""
    yield from population_table(populations)


def held_out_table(data: Path, draws: int) -> Iterator[str]:
    """Compare methods on benchmarks other than those above: coverage at 100 from fewer samples."""
    tables = dict(held_out(data))
    methods = ("average", *PUBLISHED, BLEND, "plug-in")
    yield f"## Real counts of other models and benchmarks: coverage at 100, {draws} draws each"
    yield ""
    yield "| counts | s | " + " | ".join(methods) + " | bias of ours | interval holds | its width |"
    yield "|" + "---|" * (len(methods) + 5)
    for name, (n, c) in tables.items():
        for s in (10, 30):
            rng = np.random.default_rng(s)
            scores = Scores()
            for _ in range(draws):
                drawn = thin(n, c, s, rng)
                score(scores, drawn.n, drawn.c, float(np.mean(c > 0)), k=100, all_methods=True)
            cells = " | ".join(f"{scores.mean(m):.4f}" for m in methods)
            bias, inside = np.mean(scores.error["average"]), 100 * np.mean(scores.inside)
            yield f"| {name} | {s} | {cells} | {bias:+.4f} | {inside:.0f} % | {np.mean(scores.width):.3f} |"


def held_out(data: Path) -> Iterator[tuple[str, tuple[np.ndarray, np.ndarray]]]:
    path = data / "codet_humaneval_codegen16b_verdicts.jsonl"
    if path.exists():
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        yield "CodeGen-16B, HumanEval", (np.array([r["n"] for r in rows]), np.array([r["c"] for r in rows]))
    path = data / "game24_gpt4_cot_100.json.gz"
    if path.exists():
        games = json.loads(gzip.decompress(path.read_bytes()))
        solved = [sum(sample["r"] for sample in game["infos"]) for game in games]
        yield "GPT-4, Game of 24", (np.full(len(games), 100), np.array(solved))


def read_counts(path: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    table: dict[str, list[tuple[int, int]]] = {}
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            table.setdefault(row["model"], []).append((int(row["n_samples"]), int(row["n_correct"])))
    return {model: (np.array(pairs)[:, 0], np.array(pairs)[:, 1]) for model, pairs in table.items()}


def pythia_table(models: dict[str, tuple[np.ndarray, np.ndarray]], draws: int) -> Iterator[str]:
    methods = ("average", *PUBLISHED, BLEND, "plug-in")
    yield f"## Real counts: {len(models)} Pythia models x 128 MATH problems, {draws} draws each"
    yield ""
    yield (
        "| s | floor | " + " | ".join(methods) + " | ours / floor | interval holds | its width | / floor's |"
    )
    yield "|" + "---|" * (len(methods) + 6)
    by_model: dict[int, dict[str, list[float]]] = {}
    for s in PREFIXES:
        rng = np.random.default_rng(s)
        floor, floor_width = beta_floor(s, rng)
        scores = Scores()
        for model, (n, c) in models.items():
            before = len(scores.error.get("average", []))
            for _ in range(draws):
                drawn = thin(n, c, s, rng)
                score(scores, drawn.n, drawn.c, float(np.mean(c > 0)), all_methods=True)
            by_model.setdefault(s, {})[model] = scores.error["average"][before:]
        cells = [f"{scores.mean(m):.4f}" for m in methods]
        ours = scores.mean("average") / floor
        yield (
            f"| {s} | {floor:.4f} | "
            + " | ".join(cells)
            + f" | {ours:.2f} | {100 * np.mean(scores.inside):.0f} % | "
            f"{np.mean(scores.width):.3f} | {np.mean(scores.width) / floor_width:.2f} |"
        )
    yield ""
    yield "Bias of the average by model (standard deviation over draws):"
    yield ""
    yield "| s | " + " | ".join(models) + " |"
    yield "|" + "---|" * (len(models) + 1)
    for s, errors in by_model.items():
        yield (
            f"| {s} | "
            + " | ".join(f"{np.mean(errors[m]):+.3f} ({np.std(errors[m]):.3f})" for m in models)
            + " |"
        )


def beta_floor(
    s: int, rng: np.random.Generator, problems: int = 128, rounds: int = 1000
) -> tuple[float, float]:
    """Return error and interval width of a forecaster who knows each model's beta law."""
    errors, widths = [], []
    for alpha, beta in BETA_LAWS:
        p = rng.beta(alpha, beta, (rounds, problems))
        open_ = rng.random(p.shape) < (1 - p) ** s
        fallen = open_ & (rng.random(p.shape) < -np.expm1((K - s) * np.log1p(-p)))
        j = np.arange(s, K)
        chance = 1.0 - np.exp(np.sum(np.log1p(-alpha / (alpha + beta + j))))
        errors.append(np.abs(open_.sum(1) * chance - fallen.sum(1)) / problems)
        widths.append(
            (binom.ppf(0.95, open_.sum(1), chance) - binom.ppf(0.05, open_.sum(1), chance)) / problems
        )
    return float(np.mean(errors)), float(np.mean(widths))


def score(
    scores: Scores, n: np.ndarray, c: np.ndarray, truth: float, *, k: int = K, all_methods: bool
) -> None:
    curve = forecast(n, c, k, confidence_level=LEVEL).curve
    value, low, high = float(curve.value[0]), float(curve.low[0]), float(curve.high[0])
    scores.add("average", value - truth)
    scores.inside.append(low - 1e-9 <= truth <= high + 1e-9)
    scores.width.append(high - low)
    if not all_methods:
        return
    published = {law: as_published(law, n, c, k) for law in PUBLISHED}
    published[BLEND] = (published["log-log"] + published["beta-binomial"]) / 2
    published["plug-in"] = float(np.mean(1 - (1 - c / n) ** k))
    for method, forecasted in published.items():
        scores.add(method, forecasted - truth)


def as_published(law: str, n: np.ndarray, c: np.ndarray, k: int = K) -> float:
    try:
        fit = fit_law(law, n, c)
    except InvalidInputError:
        return float(np.mean(c > 0))
    value = float(fit.family.coverage(np.array([float(k)]), theta_of(fit.family, fit.free))[0])
    return value if np.isfinite(value) else float(np.mean(c > 0))


def calibration_table(rounds: int) -> Iterator[str]:
    """Draw every truth anew, as real benchmarks of 128 problems are: here intervals can be judged."""
    yield "## Calibration: simulated benchmarks of 128 problems"
    yield ""
    yield f"{rounds} benchmarks per law, each with problems and samples of its own; {len(STRAIGHT)} laws whose curves are nearly straight, {len(BENT)} whose"
    yield "curves bend beyond the samples or within them."
    yield ""
    yield "| laws | s | floor | average | / floor | log-log | beta-binomial | interval holds | width / floor's |"
    yield "|" + "---|" * 9
    for kind, laws in (("straight", STRAIGHT), ("bent", BENT)):
        for s in PREFIXES:
            scores = Scores()
            for draw in laws.values():
                simulate(scores, draw, 128, s, rounds)
            floor, ours = scores.mean("floor"), scores.mean("average")
            yield (
                f"| {kind} | {s} | {floor:.4f} | {ours:.4f} | {ours / floor:.2f} | {scores.mean('log-log'):.4f} | "
                f"{scores.mean('beta-binomial'):.4f} | {100 * np.mean(scores.inside):.0f} % | "
                f"{np.mean(scores.width) / np.mean(scores.floor_width):.2f} |"
            )


def population_table(populations: int) -> Iterator[str]:
    yield "## Simulated problems"
    yield ""
    yield f"{populations} populations of 1,000 and {max(populations // 2, 2)} of 10,000 problems per row. The floor knows the law and all"
    yield "its parameters, so the best fit of the right family misses it too."
    yield ""
    yield "| law of p | problems | s | floor | average | / floor | bias | log-log | beta-binomial | interval holds | width / floor's |"
    yield "|" + "---|" * 11
    for name, draw in POPULATIONS.items():
        for problems, rounds in ((1000, populations), (10_000, max(populations // 2, 2))):
            for s in (100, 1000):
                yield population_row(name, draw, problems, s, rounds)


def population_row(name: str, draw: Draw, problems: int, s: int, rounds: int) -> str:
    scores = Scores()
    simulate(scores, draw, problems, s, rounds)
    floor, ours = scores.mean("floor"), scores.mean("average")
    return (
        f"| {name} | {problems:,} | {s} | {floor:.4f} | {ours:.4f} | {ours / floor:.1f} | "
        f"{np.mean(scores.error['average']):+.4f} | {scores.mean('log-log'):.4f} | {scores.mean('beta-binomial'):.4f} | "
        f"{100 * np.mean(scores.inside):.0f} % | {np.mean(scores.width) / np.mean(scores.floor_width):.2f} |"
    )


def simulate(scores: Scores, draw: Draw, problems: int, s: int, rounds: int) -> None:
    """Score the floor, ours and two published methods on problems drawn from a law."""
    rng = np.random.default_rng(problems + s)
    log_failure = np.log1p(-np.minimum(draw(rng, 1_000_000), 1 - 1e-16))
    chance = 1.0 - np.exp(K * log_failure).mean() / np.exp(s * log_failure).mean()
    for _ in range(rounds):
        p = np.minimum(draw(rng, problems), 1 - 1e-16)
        c = rng.binomial(s, p)
        fallen = (c == 0) & (rng.random(problems) < -np.expm1((K - s) * np.log1p(-p)))
        truth = float(np.mean((c > 0) | fallen))
        unsolved = np.count_nonzero(c == 0)
        scores.add("floor", float(np.mean(c > 0)) + unsolved * chance / problems - truth)
        ends = binom.ppf([0.05, 0.95], unsolved, chance)
        scores.floor_width.append(float(ends[1] - ends[0]) / problems)
        n = np.full(problems, s)
        score(scores, n, c, truth, all_methods=False)
        for law in ("log-log", "beta-binomial"):
            scores.add(law, as_published(law, n, c) - truth)


if __name__ == "__main__":
    sys.exit(main())
