"""How well are coverages forecast on real counts: every method, every benchmark, every number of samples.

Usage: python benchmarks/forecast_table.py --counts ../shared/data --out results/benchmarks

Every table of counts in the folder is a benchmark: one row per problem with n and c (CSV, Parquet or JSON Lines), and
columns ``benchmark`` and ``model`` where a file holds several. Drop a file there and it joins. Of each model s samples
per problem are drawn without replacement, exactly hypergeometric; coverage at 10,000, or at all samples, is forecast,
and known. Models whose later samples were drawn by looking at the earlier ones are left out: their truth is biased.

The narrowest interval is that of a forecaster who knows how success rates are distributed over these problems, from all
samples, and not which problem has which.
"""

import argparse
import gzip
import hashlib
import json
import os
import platform
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy.stats import binom

from ttscale import stats
from ttscale.errors import TtscaleError, TtscaleWarning
from ttscale.exchange.counts import read_counts, read_table
from ttscale.stats.counts.counts import Counts
from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.forecast.backtesting import thin
from ttscale.stats.forecast.forecasting import curve_of, forecast
from ttscale.stats.forecast.predicting import predict
from ttscale.stats.laws.fitting import fit_law
from ttscale.stats.laws.searching import theta_of

LARGEST = 10_000
LEVEL = 0.9
LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Of the calibration plot."""
PREFIXES = (32, 100, 300, 1000)
NAMES = {"codet_humaneval_codegen16b_verdicts": "HumanEval", "success-rates": "arithmetic"}
"""Benchmarks of files that do not say it."""
DEMO = Path(__file__).parents[1] / "results" / "demo-arithmetic" / "figures" / "success-rates.csv"
"""Counts of a run of our own, which join the folder's tables."""
RARE = 2e-5
"""Mean success rate below which a model counts as one that solves next to nothing: a kind of its own."""

LAWS = ("log-log", "exponentiated-power-law", "beta-binomial", "zero-inflated-beta")
MEANS = {
    "mean of exponentiated-power-law and beta-binomial": ("exponentiated-power-law", "beta-binomial"),
    "mean of log-log and beta-binomial": ("log-log", "beta-binomial"),
}
OURS = "average"
METHODS = (OURS, *LAWS, *MEANS)


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Counts of one model on one benchmark."""

    benchmark: str
    model: str
    n: np.ndarray
    c: np.ndarray

    @property
    def k(self) -> int:
        return int(min(self.n.min(), LARGEST))

    @property
    def prefixes(self) -> tuple[int, ...]:
        if self.k >= 5 * PREFIXES[0]:
            return tuple(s for s in PREFIXES if 5 * s <= self.k)
        return tuple(sorted({max(2, self.k // 10), max(2, self.k // 3)}))

    @property
    def is_unbiased(self) -> bool:
        """Whether no verdict can have decided how many samples a problem has, as far as the truth goes."""
        return self.n.min() >= LARGEST or self.n.max() <= 1.01 * self.n.min()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--counts", type=Path, default=Path("../shared/data"), help="folder of count tables")
    parser.add_argument(
        "--draws", type=int, default=4, help="prefixes per model; three times that of a lone model"
    )
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "ttscale-forecast-table")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    tables = [table for table in read_tables(options.counts) if table.is_unbiased and table.k >= 8]
    jobs = [
        (table, s, draw, options.cache)
        for table in tables
        for s in table.prefixes
        for draw in range(options.draws * (1 if _models(tables, table) > 1 else 3))
    ]
    with ProcessPoolExecutor(options.processes) as pool:
        rows = list(pool.map(score, jobs, chunksize=4))
    command = f"python benchmarks/forecast_table.py --draws {options.draws}"
    text = "\n".join(report(rows, tables, command)) + "\n"
    print(text)
    if options.out:
        page = options.out / "forecast_table.md"
        page.write_text(text + _reading(page), encoding="utf-8")
        draw(rows, options.out / "forecast_table.svg")


def _reading(page: Path) -> str:
    """Return what people wrote below the tables of the page, which stays."""
    written = page.read_text(encoding="utf-8") if page.exists() else ""
    return "\n" + written[written.index("## Reading") :] if "## Reading" in written else ""


def _models(tables: Sequence[Table], one: Table) -> int:
    return sum(table.benchmark == one.benchmark for table in tables)


def read_tables(folder: Path) -> Iterator[Table]:
    """Read every file of the folder that holds counts, and the demo run's; the others are named on stderr."""
    for path in (DEMO, *sorted(folder.iterdir())):
        try:
            found = list(_tables_of(path))
        except (TtscaleError, KeyError, TypeError):
            print(f"{path.name}: no counts", file=sys.stderr)
            continue
        yield from found


def _tables_of(path: Path) -> Iterator[Table]:
    if path.name.startswith("game24") and path.suffix == ".gz":
        games = json.loads(gzip.decompress(path.read_bytes()))
        c = np.array([sum(sample["r"] for sample in game["infos"]) for game in games])
        yield Table("Game of 24", "GPT-4", np.full(len(c), len(games[0]["infos"])), c)
    elif path.name.startswith("prover"):
        proofs = [json.loads(line)["correct"] for line in path.read_text(encoding="utf-8").splitlines()]
        yield Table("miniF2F", "DeepSeek-Prover-V2", *np.array([(len(p), sum(p)) for p in proofs]).T)
    elif path.suffix in (".csv", ".parquet", ".jsonl"):
        by = [name for name in ("benchmark", "model") if name in read_table(path).columns]
        for group in read_counts(path, by=by):
            name = group.labels.get("benchmark", NAMES.get(path.stem, path.stem))
            if group.c.sum() < RARE * group.n.sum():
                name += ", next to nothing solved"
            yield Table(name, group.labels.get("model", "-"), group.n, group.c)


def score(job: tuple[Table, int, int, Path]) -> dict[str, object]:
    """Forecast from one prefix by every method; what is in the cache is read from there."""
    table, s, draw, cached = job
    warnings.simplefilter("ignore", TtscaleWarning)
    truth = float(pass_at_k(table.n, table.c, table.k).mean())
    drawn = thin(table.n, table.c, s, np.random.default_rng([s, draw, *table.model.encode()]))
    known = float(np.mean(drawn.c > 0))
    key = hashlib.sha256(drawn.n.tobytes() + drawn.c.tobytes() + bytes(table.k)).hexdigest()
    answers = _kept(
        cached / f"{key}.json",
        lambda: {law: published(law, drawn.n, drawn.c, table.k) or [known, known, known] for law in LAWS},
    )
    answers |= {
        name: [float(np.mean([answers[law][0] for law in laws])), None, None] for name, laws in MEANS.items()
    }
    mine = _kept(cached / f"{key}-{_version()}.json", lambda: ours(drawn, table.k))
    held = {level: low - 1e-9 <= truth <= high + 1e-9 for level, (_, low, high) in mine.items()}
    answers[OURS] = mine[f"{LEVEL:g}"]
    return {
        "benchmark": table.benchmark,
        "model": table.model,
        "s": s,
        "k": table.k,
        "truth": truth,
        "answers": answers,
        "held": held,
        **narrowest(table, s, int(np.sum(drawn.c == 0))),
    }


def ours(drawn: Counts, k: int) -> dict[str, list[float]]:
    """Return the default's value and ends at every level; its posterior is drawn once."""
    prediction = predict(drawn, np.array([k]), OURS, 0)
    curves = {f"{at:g}": curve_of(prediction, at) for at in LEVELS}
    return {
        at: [float(end[0]) for end in (curve.value, curve.low, curve.high)] for at, curve in curves.items()
    }


@cache
def _version() -> str:
    """Return what the default's answers depend on: the sources of the statistics."""
    sources = sorted(Path(stats.__path__[0]).rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]


def _kept(file: Path, make: Callable[[], dict[str, list[float]]]) -> dict[str, list[float]]:
    """Return what was kept, or make and keep it; a run that was stopped goes on from there."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps(make()))
        partial.replace(file)
    answers: dict[str, list[float]] = json.loads(file.read_text())
    return answers


def published(law: str, n: np.ndarray, c: np.ndarray, k: int) -> list[float] | None:
    """Return a law's own curve at k, as published, and the ends of ttscale's interval for it."""
    try:
        fit = fit_law(law, n, c)
        curve = forecast(n, c, k, method=law, confidence_level=LEVEL).curve
    except TtscaleError:
        return None
    value = float(fit.family.coverage(np.array([float(k)]), theta_of(fit.family, fit.free))[0])
    return [value, float(curve.low[0]), float(curve.high[0])] if np.isfinite(value) else None


def narrowest(table: Table, s: int, n_open: int) -> dict[str, float]:
    """Return error and width of a forecaster who knows how these problems' rates are distributed."""
    failing = 1.0 - pass_at_k(table.n, table.c, [s, table.k]).mean(axis=0)
    law = binom(n_open, float(np.clip(1.0 - failing[1] / max(failing[0], 1e-12), 0.0, 1.0)))
    solved = np.arange(n_open + 1)
    error = float(law.pmf(solved) @ np.abs(solved - law.mean())) / len(table.n)
    return {"least_error": error, "least_width": float(law.ppf(0.95) - law.ppf(0.05)) / len(table.n)}


def draw(rows: list[dict], path: Path) -> None:
    """Draw how often intervals of each level hold, one line per benchmark with several models."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 4.6), layout="constrained")
    axes = figure.subplots()
    axes.plot([0.4, 1], [0.4, 1], color="0.7", lw=1)
    for name in dict.fromkeys(row["benchmark"] for row in rows):
        mine = [row for row in rows if row["benchmark"] == name]
        shares = [np.mean(_by_s(mine, lambda row, at=f"{level:g}": row["held"][at])) for level in LEVELS]
        models = len({row["model"] for row in mine})
        axes.plot(LEVELS, shares, marker="o", ms=3, label=f"{name} ({models})", ls="-" if models > 1 else ":")
    axes.set(xlabel="level of the interval", ylabel="share that held the coverage to come", ylim=(0.4, 1.02))
    axes.legend(fontsize=7, frameon=False, title="benchmark (models)", title_fontsize=7)
    figure.savefig(path)


@cache
def _numbers() -> str:
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, NumPy {np.__version__}"


def report(rows: list[dict], tables: Sequence[Table], command: str) -> Iterator[str]:
    names = list(dict.fromkeys(table.benchmark for table in tables))
    yield "# Forecasts on real counts, benchmark by benchmark"
    yield ""
    yield f"`{command}`; {_numbers()}. Forecasts of coverage at 10,000 (or at all samples) from s"
    yield f"samples per problem, drawn without replacement; intervals at {100 * LEVEL:g} %. `average` is the default of `ttscale forecast`."
    yield ""
    yield from summary(rows, names)
    for name in names:
        yield ""
        yield from benchmark_table(name, [row for row in rows if row["benchmark"] == name])


def summary(rows: list[dict], names: Sequence[str]) -> Iterator[str]:
    yield "## Mean absolute error, averaged over s"
    yield ""
    yield "| benchmark | models | " + " | ".join(METHODS) + " | least possible |"
    yield "|" + "---|" * (len(METHODS) + 3)
    table = []
    for name in names:
        mine = [row for row in rows if row["benchmark"] == name]
        cells = [float(np.mean(_by_s(mine, lambda row, m=method: _error(row, m)))) for method in METHODS]
        table.append([*cells, float(np.mean(_by_s(mine, lambda row: row["least_error"])))])
        models = len({row["model"] for row in mine})
        yield f"| {name} | {models} | " + " | ".join(f"{cell:.3f}" for cell in table[-1]) + " |"
    yield "| mean | | " + " | ".join(f"{cell:.4f}" for cell in np.mean(table, axis=0)) + " |"
    yield ""
    yield "## How often the 90 % interval of `average` holds, and how wide it is"
    yield ""
    yield "| benchmark | holds | at the worst s | width | narrowest possible | ratio |"
    yield "|" + "---|" * 6
    held = []
    for name in names:
        mine = [row for row in rows if row["benchmark"] == name]
        hits = _by_s(mine, lambda row: _holds(row, OURS))
        width = float(np.mean(_by_s(mine, lambda row: _width(row, OURS))))
        least = float(np.mean(_by_s(mine, lambda row: row["least_width"])))
        held.append(np.mean(hits))
        yield f"| {name} | {100 * held[-1]:.0f} % | {100 * min(hits):.0f} % | {width:.3f} | {least:.3f} | {width / max(least, 1e-9):.1f} |"
    yield f"| mean | {100 * np.mean(held):.0f} % | | | | |"


def benchmark_table(name: str, rows: list[dict]) -> Iterator[str]:
    budgets = sorted({row["k"] for row in rows})
    reach = f"{budgets[-1]:,}" if len(budgets) == 1 else f"{budgets[0]:,} to {budgets[-1]:,}"
    models = len({row["model"] for row in rows})
    yield f"## {name}"
    yield ""
    yield f"{models} model{'s' if models > 1 else ''}, coverage at {reach}, {len(rows)} prefixes. Per cell: error, bias, interval holds, its width."
    yield ""
    sizes = sorted({row["s"] for row in rows})
    yield "| method | " + " | ".join(f"s = {s:,}" for s in sizes) + " |"
    yield "|" + "---|" * (len(sizes) + 1)
    for method in METHODS:
        yield (
            f"| {method} | "
            + " | ".join(_cell([r for r in rows if r["s"] == s], method) for s in sizes)
            + " |"
        )
    least = [[r for r in rows if r["s"] == s] for s in sizes]
    yield (
        "| least possible | "
        + " | ".join(
            f"{np.mean([r['least_error'] for r in some]):.3f}, width {np.mean([r['least_width'] for r in some]):.2f}"
            for some in least
        )
        + " |"
    )


def _cell(rows: list[dict], method: str) -> str:
    error = np.mean([_error(row, method) for row in rows])
    bias = np.mean([row["answers"][method][0] - row["truth"] for row in rows])
    if rows[0]["answers"][method][1] is None:
        return f"{error:.3f}, {bias:+.3f}"
    holds = np.mean([_holds(row, method) for row in rows])
    width = np.mean([_width(row, method) for row in rows])
    return f"{error:.3f}, {bias:+.3f}, {100 * holds:.0f} %, {width:.2f}"


def _by_s(rows: list[dict], of) -> list[float]:
    return [
        float(np.mean([of(row) for row in rows if row["s"] == s])) for s in sorted({r["s"] for r in rows})
    ]


def _error(row: dict, method: str) -> float:
    return abs(row["answers"][method][0] - row["truth"])


def _holds(row: dict, method: str) -> bool:
    _, low, high = row["answers"][method]
    return low - 1e-9 <= row["truth"] <= high + 1e-9


def _width(row: dict, method: str) -> float:
    _, low, high = row["answers"][method]
    return high - low


if __name__ == "__main__":
    sys.exit(main())
