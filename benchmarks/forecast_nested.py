"""Which rule for the point would have been chosen without a benchmark, and how far is it off there?

The candidates stand here, fixed. For each benchmark the rule is chosen on the others and on simulated populations (each
group counts like a benchmark) by its mean absolute error, and scored on that one: so nothing of it chose its rule.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from forecast_members import COARSENESS, Row
from forecast_table import LAWS, MEANS, _by_s

from ttscale.stats.forecast.predicting import PUBLISHED, SUBSTANTIAL

STRONG = 10.0  # evidence that Jeffreys calls strong, as he does `SUBSTANTIAL` substantial
_RESAMPLES = 400


@dataclass(frozen=True, slots=True)
class Candidate:
    """A rule for the point: the average's middle, and the published methods as far as the counts allow.

    Attributes:
        evidence: Whether the evidence counts "in full" or is "discounted" where problems are many.
        fades: What the published methods fade with: "straight" curves (all of them); what each supposes by its "own";
            or "nothing"; "none" takes none in.
        until: Evidence against, as odds, up to which they count in full.
        middle: Of the average.
        shared: Whether what a faded method loses goes to all that are left instead of to the average.
    """

    evidence: Literal["in full", "discounted"]
    fades: Literal["straight", "own", "nothing", "none"]
    until: float = 1.0
    middle: Literal["mean", "median"] = "mean"
    shared: bool = False

    @property
    def name(self) -> str:
        until = (
            ""
            if self.until == 1.0 or self.fades in ("nothing", "none")
            else f" from odds of {self.until:.2g}"
        )
        fades = {
            "straight": "published fade with straight curves",
            "own": "published fade with what each supposes",
            "nothing": "published never fade",
            "none": "the average alone",
        }[self.fades]
        return f"{self.middle}, evidence {self.evidence}, {fades}{until}{', shared' if self.shared else ''}"

    def __call__(self, row: Row) -> float:
        view = row.view
        coarseness = np.inf if self.evidence == "in full" else COARSENESS
        found = view.middle(view.weights(coarseness))
        if not view.points:
            return found["median"]
        middle = found[self.middle]
        straight, beta = view.odds(coarseness)
        odds = {
            "straight": [straight] * 3,
            "own": [straight, straight, beta],
            "nothing": [np.inf] * 3,
            "none": [0.0] * 3,
        }
        trust = np.minimum(1.0, self.until * np.array(odds[self.fades]))
        gaps = np.array([row.parts[law] - middle for law in PUBLISHED])
        return float(middle + trust @ gaps / (1.0 + (trust.sum() if self.shared else len(PUBLISHED))))


DEFAULT = Candidate("in full", "own", SUBSTANTIAL)
BEFORE = Candidate("discounted", "straight")
CANDIDATES: tuple[Candidate, ...] = (
    BEFORE,
    *(Candidate("discounted", "own", until) for until in (1.0, SUBSTANTIAL, STRONG)),
    Candidate("in full", "straight"),
    Candidate("in full", "own"),
    DEFAULT,
    Candidate("in full", "own", STRONG),
    *(Candidate("in full", "own", until, "median") for until in (SUBSTANTIAL, STRONG)),
    *(Candidate("in full", "own", until, shared=True) for until in (SUBSTANTIAL, STRONG)),
    Candidate("discounted", "nothing"),
    *(Candidate("in full", "none", middle=middle) for middle in ("mean", "median")),
)


def errors(rows: Sequence[Row], rule: Candidate) -> dict[str, float]:
    """Return a rule's mean absolute error on each benchmark or group, averaged over s."""
    scored = [{"benchmark": row.benchmark, "s": row.s, "error": abs(rule(row) - row.truth)} for row in rows]
    names = dict.fromkeys(row.benchmark for row in rows)
    return {
        name: float(
            np.mean(_by_s([one for one in scored if one["benchmark"] == name], lambda one: one["error"]))
        )
        for name in names
    }


def chosen(table: dict[Candidate, dict[str, float]], without: str) -> Candidate:
    """Return the rule with the least mean error on all but one."""
    return min(
        table, key=lambda rule: np.mean([error for name, error in table[rule].items() if name != without])
    )


def report(rows: Sequence[Row], simulated: Sequence[Row]) -> Iterator[str]:
    names = list(dict.fromkeys(row.benchmark for row in rows))
    groups = list(dict.fromkeys(row.benchmark for row in simulated))
    table = {rule: errors([*rows, *simulated], rule) for rule in CANDIDATES}
    yield "## The rule for the point, chosen without the benchmark that it is scored on"
    yield ""
    yield f"{len(CANDIDATES)} rules, fixed beforehand; chosen: the least mean error over the other benchmarks and the {len(groups)} groups of"
    yield "simulated populations. *Mean* is over benchmarks, *with simulated* over groups, too."
    yield ""
    yield f"| rule | {' | '.join([*names, *groups])} | mean | with simulated |"
    yield "|" + "---|" * (len(names) + len(groups) + 3)
    for rule in CANDIDATES:
        cells = [table[rule][name] for name in (*names, *groups)]
        mark = " (default)" if rule == DEFAULT else " (before)" if rule == BEFORE else ""
        shown = " | ".join(f"{cell:.4f}" for cell in [*cells, np.mean(cells[: len(names)]), np.mean(cells)])
        yield f"| {rule.name}{mark} | {shown} |"
    picked = {name: chosen(table, name) for name in names}
    scored = [table[picked[name]][name] for name in names]
    shown = " | ".join(f"{error:.4f}" for error in scored)
    yield f"| *chosen on the others* | {shown} | {' | '.join('-' for _ in groups)} | {np.mean(scored):.4f} | - |"
    yield ""
    yield "| left out | chosen on the others | its error there | the default's |"
    yield "|---|---|---|---|"
    for name in names:
        yield f"| {name} | {picked[name].name} | {table[picked[name]][name]:.4f} | {table[DEFAULT][name]:.4f} |"


def noise(rows: Sequence[Row], names: Sequence[str]) -> Iterator[str]:
    """Compare the default with the published method that did best, with the chance of other problems and models."""
    yield "## The default against the best published method of each benchmark"
    yield ""
    yield f"Standard errors by {_RESAMPLES} bootstraps over problems (the same for all models) and, where there are several, over models;"
    yield "each method's chance of the open problems is kept. The best published method is the best in hindsight."
    yield ""
    yield "| benchmark | models | default | standard error | best published | its error | default − it | standard error |"
    yield "|---|---|---|---|---|---|---|---|"
    for name in names:
        mine = [row for row in rows if row.benchmark == name]
        ours = bootstrapped(mine, [DEFAULT(row) for row in mine])
        others = {law: bootstrapped(mine, [row.published[law] for row in mine]) for law in (*LAWS, *MEANS)}
        best = min(others, key=lambda law: others[law][0])
        gap = ours - others[best]
        models = len({row.model for row in mine})
        yield (
            f"| {name} | {models} | {ours[0]:.4f} | {ours[1:].std():.4f} | {best} | {others[best][0]:.4f} | "
            f"{gap[0]:+.4f} | {gap[1:].std():.4f} |"
        )


def bootstrapped(rows: Sequence[Row], forecasts: Sequence[float]) -> np.ndarray:
    """Return the mean absolute error, averaged over s, and what it is with problems and models drawn anew, shape (1 + B,)."""
    rng, models = np.random.default_rng(0), sorted({row.model for row in rows})
    size = len(rows[0].drawn.n)
    weight = np.vstack([np.ones(size), rng.multinomial(size, np.full(size, 1 / size), _RESAMPLES)]) / size
    among = np.vstack(
        [
            np.ones(len(models)),
            rng.multinomial(len(models), np.full(len(models), 1 / len(models)), _RESAMPLES),
        ]
    )
    found = []
    for s in sorted({row.s for row in rows}):
        total, count = np.zeros((len(weight), 1)), np.zeros((len(weight), 1))
        for row, forecast in zip(rows, forecasts, strict=True):
            if row.s == s:
                drawn = among[:, [models.index(row.model)]]
                total += drawn * _missed(row, forecast, weight)
                count += drawn
        found.append(total / np.where(count > 0, count, np.nan))
    return np.nanmean(np.hstack(found), axis=1)


def _missed(row: Row, forecast: float, weight: np.ndarray) -> np.ndarray:
    """Return the absolute error with problems weighed (B, P), shape (B, 1): solved ones count as such, open ones by the method's chance."""
    enough = row.drawn.n >= row.k
    known = np.where(enough, row.passed, row.drawn.c > 0)
    is_open = ~enough & (row.drawn.c == 0)
    chance = (forecast - known.mean()) / max(is_open.mean(), 1e-12)
    return np.abs(weight @ (known + chance * is_open - row.passed))[:, None]
