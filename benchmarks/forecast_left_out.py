"""Can anything that other benchmarks teach make forecasts better on one that was left out?

Usage: python benchmarks/forecast_left_out.py --counts ../shared/data --draws 4 --out results/benchmarks

The prefixes and benchmarks are those of `forecast_table.py`. Every member of the average (a law under a shape of curve)
says what it makes of a prefix, and of prefixes of that prefix, see `forecast_members.py`. How the default combines them is chosen in
`forecast_nested.py`, on the other benchmarks, too. A rule that learns is taught on all benchmarks but one, each counting the same, and scored on that one.
"""

import argparse
import itertools
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from forecast_members import COARSENESS, IS_STRAIGHT, MODELS, OWN, Row, few_rows, read_rows, simulated_rows
from forecast_nested import BEFORE, DEFAULT, noise
from forecast_nested import report as nested
from forecast_network import network
from forecast_table import LAWS, LEVEL, MEANS, _by_s, _numbers, read_tables
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

from ttscale.stats.forecast.predicting import BLUR, CAUTION, PUBLISHED

PARTS = ("mean", *PUBLISHED)

Rule = Callable[[Sequence[Row], Sequence[Row]], list[float]]
"""Learns on the first rows, whatever it learns, and forecasts the second."""


def fixed(of: Callable[[Row], float]) -> Rule:
    return lambda _, rows: [of(row) for row in rows]


def _equal(row: Row, parts: Sequence[str]) -> float:
    return float(np.mean([row.parts[part] for part in parts]))


def chosen_parts(seen: Sequence[Row], rows: Sequence[Row]) -> list[float]:
    """Take the parts, in equal shares, whose mean erred least on the other benchmarks."""
    sets = [some for size in (1, 2, 3, 4) for some in itertools.combinations(PARTS, size)]
    best = min(sets, key=lambda some: _error(seen, [_equal(row, some) for row in seen]))
    return [_equal(row, best) for row in rows]


def weighed_parts(seen: Sequence[Row], rows: Sequence[Row]) -> list[float]:
    """Weigh the parts so that their mean errs least on the other benchmarks."""
    table = np.array([[row.parts[part] for part in PARTS] for row in seen])
    share, truth = _shares(seen), np.array([row.truth for row in seen])
    starts = [np.zeros(len(PARTS)), *(3.0 * np.eye(len(PARTS)))]
    runs = [
        minimize(lambda free: share @ np.abs(table @ softmax(free) - truth), start, method="Nelder-Mead")
        for start in starts
    ]
    weight = softmax(min(runs, key=lambda run: run.fun).x)
    return [float(weight @ [row.parts[part] for part in PARTS]) for row in rows]


def weighed_on_prefixes(_: Sequence[Row], rows: Sequence[Row]) -> list[float]:
    """Weigh the parts by how well they forecast s samples from s/8, s/4 and s/2, with the variance of that."""

    def forecast(row: Row) -> float:
        now = row.view.known / row.view.n_problems
        variance = 0.05**2 + max(now * (1.0 - now), 0.01) / row.view.n_problems
        parts = [view.parts(view.weights()) for view in row.nested]
        score = [sum((one[part] - now) ** 2 for one in parts) / (2.0 * variance) for part in PARTS]
        return float(softmax(-np.array(score)) @ [row.parts[part] for part in PARTS])

    return [forecast(row) for row in rows]


def members_on_prefixes(_: Sequence[Row], rows: Sequence[Row]) -> list[float]:
    """Weigh the members by evidence and by the predictive probability of s samples from s/8, s/4 and s/2."""

    def forecast(row: Row) -> float:
        score = np.zeros(len(MODELS))
        for view in row.nested:
            solved = int(np.clip(round(row.view.known - view.known), 0, view.n_open))
            score += np.log(view.probabilities[:, solved] + 1e-4)
        return row.view.parts(row.view.weights(prior=OWN + score))["mean"]

    return [forecast(row) for row in rows]


def learnt_prior(seen: Sequence[Row], rows: Sequence[Row]) -> list[float]:
    """Learn the members' prior weights from the other benchmarks: predictive probability, a Dirichlet prior of ten tables."""
    share = _shares(seen)
    log_truth = np.array([_log_probability(row) for row in seen])  # (R, M)
    evidence = np.array([row.view.evidence * COARSENESS / (COARSENESS + row.view.n_problems) for row in seen])
    benchmarks = len({row.benchmark for row in seen})

    def loss(free: np.ndarray) -> float:
        log_prior = free - logsumexp(free)
        scored = logsumexp(evidence + log_truth + log_prior, axis=1) - logsumexp(evidence + log_prior, axis=1)
        return -float(share @ scored) * benchmarks - 10.0 * float(np.exp(OWN) @ log_prior)

    prior = minimize(loss, OWN, method="L-BFGS-B").x
    return [row.view.parts(row.view.weights(prior=prior))["mean"] for row in rows]


def _log_probability(row: Row) -> np.ndarray:
    """Return the log probability of the coverage that came under each member, shape (M,)."""
    view = row.view
    solved = int(np.clip(round(row.truth * view.n_problems - view.known), 0, view.n_open))
    return np.log(view.probabilities[:, solved] + 1e-6 / (view.n_open + 1))


def regression(seen: Sequence[Row], rows: Sequence[Row]) -> list[float]:
    """Amortise: regress the error of the equal mean, as log(-log coverage), on what the counts look like (ridge)."""
    design = np.array([_features(row) for row in [*seen, *rows]])
    spread = np.maximum(design[: len(seen)].std(axis=0), 1e-9)
    design = (design - design[: len(seen)].mean(axis=0)) / spread
    known, asked = np.split(np.column_stack([np.ones(len(design)), design]), [len(seen)])
    missed = np.clip([_level(row.truth) - _level(_equal(row, PARTS)) for row in seen], -1.5, 1.5)
    weight = _shares(seen)[:, None] * len({row.benchmark for row in seen})
    slope = np.linalg.solve(
        known.T @ (weight * known) + np.eye(known.shape[1]), known.T @ (weight[:, 0] * missed)
    )
    return [
        float(np.exp(-np.exp(_level(_equal(row, PARTS)) + one @ slope)))
        for row, one in zip(rows, asked, strict=True)
    ]


def _features(row: Row) -> list[float]:
    parts, view = row.parts, row.view
    straight = float(view.weights()[IS_STRAIGHT].sum())
    now = [view.known / view.n_problems, *(one.known / one.n_problems for one in reversed(row.nested))]
    gains = [
        _level(later) - _level(sooner) for later, sooner in itertools.pairwise([*now, now[-1], now[-1]][:4])
    ]
    gaps = [_level(parts[part]) - _level(parts["mean"]) for part in PUBLISHED]
    return [np.log(row.s), _level(_equal(row, PARTS)), straight, *gains, *gaps]


def _level(coverage: float) -> float:
    return float(np.log(-np.log(np.clip(coverage, 4e-3, 1.0 - 4e-3))))


RULES: dict[str, tuple[str, Rule]] = {
    "default": ("-", fixed(DEFAULT)),
    "default before": ("-", fixed(BEFORE)),
    "equal parts, never fading": ("-", fixed(lambda row: _equal(row, PARTS))),
    "the average alone, its mean": ("-", fixed(lambda row: row.parts["mean"])),
    "the average alone, its median": ("-", fixed(lambda row: row.parts["median"])),
    "median halfway to the log-log line": ("-", fixed(lambda row: _equal(row, ("median", "log-log")))),
    "parts by their score on nested prefixes": ("these samples", weighed_on_prefixes),
    "members by their score on nested prefixes": ("these samples", members_on_prefixes),
    "parts chosen, then equal": ("other benchmarks", chosen_parts),
    "weights of the parts": ("other benchmarks", weighed_parts),
    "prior weights of the members": ("other benchmarks", learnt_prior),
    "network on the counts' looks, its median": ("simulated populations", network(others=False)),
    "network on both": ("and other benchmarks", network(others=True)),
    "ridge regression on the counts' looks": ("other benchmarks", regression),
}
Width = tuple[float, float, float]
"""An interval rule: coarseness of the evidence, caution, and blur."""
WIDTHS: tuple[Width, ...] = tuple(
    itertools.product((200.0, 500.0, 1e9), (0.5, 0.75, 1.0), (0.0, 0.35, 0.7, 1.0))
)
STANDING: Width = (COARSENESS, CAUTION, BLUR)


def _shares(rows: Sequence[Row]) -> np.ndarray:
    """Return weights that sum to 1: benchmarks count alike, and within them the sizes of prefixes."""
    rows_of = Counter((row.benchmark, row.s) for row in rows)
    sizes = Counter(name for name, _ in rows_of)
    return np.array([1.0 / rows_of[row.benchmark, row.s] / sizes[row.benchmark] for row in rows]) / len(sizes)


def _error(rows: Sequence[Row], forecasts: Sequence[float]) -> float:
    return float(_shares(rows) @ np.abs(np.asarray(forecasts) - [row.truth for row in rows]))


def left_out(rule: Rule, rows: Sequence[Row]) -> dict[str, list[float]]:
    """Return a rule's forecasts of each benchmark, taught on the others."""
    names = dict.fromkeys(row.benchmark for row in rows)
    split = {name: ([r for r in rows if r.benchmark != name], [r for r in rows if r.benchmark == name]) for name in names}  # fmt: skip
    return {name: rule(seen, mine) for name, (seen, mine) in split.items()}


def report(rows: Sequence[Row], few: Sequence[Row], simulated: Sequence[Row], command: str) -> Iterator[str]:
    names = list(dict.fromkeys(row.benchmark for row in rows))
    head = f"{' | '.join(names)} | mean |"
    yield "# What other benchmarks teach a forecast: leave one benchmark out"
    yield ""
    yield f"`{command}`; {_numbers()}. Mean absolute error of coverage at 10,000 (or at all samples), averaged over s;"
    yield "a rule that learns from other benchmarks never saw the one that it is scored on."
    yield ""
    yield f"| rule | learns from | {head}"
    yield "|" + "---|" * (len(names) + 3)
    for name, (teacher, rule) in RULES.items():
        yield f"| {name} | {teacher} | {_errors(rows, left_out(rule, rows))}"
    for law in (*LAWS, *MEANS):
        yield f"| *{law}* | - | {_errors(rows, left_out(fixed(lambda row, at=law: row.published[at]), rows))}"
    yield ""
    yield from noise(rows, names)
    yield ""
    yield from nested(rows, simulated)
    yield ""
    yield from intervals(rows, few, names)


def _errors(rows: Sequence[Row], forecasts: dict[str, list[float]]) -> str:
    errors = [_error([row for row in rows if row.benchmark == name], one) for name, one in forecasts.items()]
    return " | ".join(f"{error:.4f}" for error in [*errors, np.mean(errors)]) + " |"


def intervals(rows: Sequence[Row], few: Sequence[Row], names: Sequence[str]) -> Iterator[str]:
    """Choose coarseness, caution and blur by the interval score on the other benchmarks, beside the default's."""
    yield "## Intervals: coarseness of the evidence, caution and blur, chosen on the other benchmarks"
    yield ""
    yield "Nominal 90 % intervals: held, mean width, interval score (Gneiting and Raftery 2007). *Few samples*: coverage at 8 from 2 and at"
    yield "16 from 4 samples, all models' problems together. Chosen: the least score on the others, few samples among them, of the rules that"
    yield "held 90 % of them on average and 75 % of each at every s; where none did, of those that came nearest."
    yield ""
    yield f"| benchmark | default ({_rule(STANDING)}) | chosen on the others | which | few samples: default | chosen on the others |"
    yield "|---|---|---|---|---|---|"
    scored = {
        (width, name, at): _scored(some, name, width)
        for width in WIDTHS
        for at, some in enumerate((rows, few))
        for name in names
        if any(row.benchmark == name for row in some)
    }
    means: list[list[float]] = [[], [], [], []]
    for name in names:
        best = min(WIDTHS, key=lambda width, name=name: _loss(scored, width, name))
        cells = [scored.get((width, name, at)) for at, width in itertools.product((0, 1), (STANDING, best))]
        for held, cell in zip(means, cells, strict=True):
            held.extend([cell[0]] if cell else [])
        shown = ["-" if cell is None else _told(cell) for cell in cells]
        yield f"| {name} | {shown[0]} | {shown[1]} | {_rule(best)} | {shown[2]} | {shown[3]} |"
    mean = [f"{100 * np.mean(held):.0f} %" for held in means]
    yield f"| mean | {mean[0]} | {mean[1]} | | {mean[2]} | {mean[3]} |"


def _loss(scored: dict, width: Width, without: str) -> tuple[float, float]:
    """Return how far a rule is from holding what it must on the other benchmarks, and its mean interval score there."""
    cells = [cell for (at, name, _), cell in scored.items() if at == width and name != without]
    held = [cell[0] for cell in cells]
    return (
        max(0.0, 0.9 - float(np.mean(held))) + max(0.0, 0.75 - min(cell[3] for cell in cells)),
        float(np.mean([cell[2] for cell in cells])),
    )


def _scored(rows: Sequence[Row], name: str, width: Width) -> tuple[float, float, float, float]:
    """Return share held, width and interval score, averaged over s, and the share held at the worst s."""
    coarseness, caution, blur = width
    mine = []
    for row in rows:
        if row.benchmark == name:
            low, high = row.view.ends(row.view.weights(coarseness), caution * (1 - LEVEL) / 2, blur)
            missed = max(0.0, low - row.truth) + max(0.0, row.truth - high)
            mine.append(
                {"s": row.s, "held": missed < 1e-9, "width": high - low, "score": high - low + 20.0 * missed}
            )
    held, wide, score = (_by_s(mine, lambda one, at=what: one[at]) for what in ("held", "width", "score"))
    return float(np.mean(held)), float(np.mean(wide)), float(np.mean(score)), min(held)


def _told(scored: tuple[float, float, float, float]) -> str:
    held, wide, score, _ = scored
    return f"{100 * held:.0f} %, {wide:.2f}, {score:.2f}"


def _rule(width: Width) -> str:
    return ", ".join(f"{number:g}" for number in width)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--counts", type=Path, default=Path("../shared/data"), help="folder of count tables")
    parser.add_argument(
        "--draws", type=int, default=4, help="prefixes per model; three times that of a lone model"
    )
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "ttscale-forecast-table")
    parser.add_argument("--intervals", action="store_true", help="print the section on intervals alone")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    tables = [table for table in read_tables(options.counts) if table.is_unbiased and table.k >= 8]
    command = f"python benchmarks/forecast_left_out.py --draws {options.draws}"
    rows = list(read_rows(tables, options.draws, options.cache, prefixes=not options.intervals))
    if options.intervals:
        names = list(dict.fromkeys(row.benchmark for row in rows))
        print("\n".join(intervals(rows, list(few_rows(tables, options.cache)), names)))
        return
    simulated = list(simulated_rows(options.cache))
    text = "\n".join(report(rows, list(few_rows(tables, options.cache)), simulated, command)) + "\n"
    print(text)
    if options.out:
        page = options.out / "forecast_left_out.md"
        written = page.read_text(encoding="utf-8") if page.exists() else ""
        text += "\n" + written[written.index("## Reading") :] if "## Reading" in written else ""
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
