"""What every member of the average, and every published method, makes of prefixes of real counts.

A member is a law under a shape of curve, see `ttscale.stats.forecast.prior`. Its evidence and its posterior are kept for a prefix
and for prefixes of that prefix (s/8, s/4, s/2), whose continuation up to s is known; that costs half a second each, so rules
for combining them (`forecast_left_out.py`) are judged in milliseconds.
"""

import hashlib
import itertools
import json
import os
import warnings
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from forecast_accuracy import BENT, POPULATIONS, PREFIXES
from forecast_accuracy import STRAIGHT as NEARLY_STRAIGHT
from forecast_table import LARGEST, LAWS, LEVEL, MEANS, Table, _models, published
from scipy.special import gammaln, logsumexp, softmax
from threadpoolctl import threadpool_limits

from ttscale import stats
from ttscale.errors import TtscaleWarning
from ttscale.stats.counts.counts import Counts
from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.forecast.backtesting import thin
from ttscale.stats.forecast.model_averaging import _COARSENESS, _importance_sample, _Observed, _Posterior
from ttscale.stats.forecast.predicting import BLUR, CAUTION, PUBLISHED
from ttscale.stats.forecast.predictive import OpenProblems, Predictive, open_problems
from ttscale.stats.forecast.prior import STRAIGHT, beta_model, prior_models

COARSENESS = _COARSENESS
FEW = ((2, 8), (4, 16))
"""Samples per problem, and budget, of prefixes with few samples."""
_FEW_DRAWS = 16
_QUANTILES = (np.arange(64) + 0.5) / 64  # that stand for a member's posterior
MODELS = prior_models()
OWN = np.log([model.prior.weight * model.shape.weight for model in MODELS])
IS_STRAIGHT = np.array([model.shape is STRAIGHT for model in MODELS])


@dataclass(frozen=True, eq=False)
class View:
    """What is said from s samples about coverage at k.

    Attributes:
        s: Samples per problem.
        known: Sum of pass@k of the problems that are not open.
        n_open: Open problems.
        n_problems: All problems.
        evidence: Log evidence of each member, shape (M,).
        chance: Quantiles of the mean chance of the open problems by each member, shape (M, 64).
        points: Coverage at k by each published method; empty where none can follow a curve.
        beta: Log evidence of a beta law of success rates, which is no member.
    """

    s: int
    known: float
    n_open: int
    n_problems: int
    evidence: np.ndarray
    chance: np.ndarray
    points: dict[str, float]
    beta: float = 0.0

    def coverage(self, chance: np.ndarray) -> np.ndarray:
        return (self.known + self.n_open * chance) / self.n_problems

    @cached_property
    def probabilities(self) -> np.ndarray:
        """Chance of each number of open problems that will be solved by each member, shape (M, n_open + 1)."""
        solved = np.arange(self.n_open + 1)
        chance = np.clip(self.chance, 1e-12, 1.0 - 1e-12)[..., None]
        ways = gammaln(self.n_open + 1) - gammaln(solved + 1) - gammaln(self.n_open - solved + 1)
        return np.exp(ways + solved * np.log(chance) + (self.n_open - solved) * np.log1p(-chance)).mean(
            axis=1
        )

    def weights(self, coarseness: float = COARSENESS, prior: np.ndarray = OWN) -> np.ndarray:
        """Return the members' posterior probabilities, shape (M,); the evidence in full where the coarseness is infinite."""
        return softmax(self.part(coarseness) * self.evidence + prior)

    def part(self, coarseness: float) -> float:
        """Return the share of the evidence that counts."""
        return 1.0 if np.isinf(coarseness) else coarseness / (coarseness + self.n_problems)

    def odds(self, coarseness: float) -> tuple[float, float]:
        """Return posterior over prior odds of straight curves and of a beta law, against all members."""
        straight = self.weights(coarseness)[IS_STRAIGHT].sum() / np.exp(OWN[IS_STRAIGHT]).sum()
        against = self.beta - logsumexp(self.evidence + OWN)
        return float(straight), float(np.exp(np.clip(self.part(coarseness) * against, -700, 700)))

    def ends(self, weight: np.ndarray, tail: float, blur: float = BLUR) -> tuple[float, float]:
        """Return quantiles of the coverage to come."""
        open_ = OpenProblems(
            np.array([self.s]),
            np.array([self.known]),
            np.zeros(1),
            np.array([[self.n_open]]),
            self.n_problems,
        )
        plain = Predictive(open_, self.chance.reshape(-1, 1), np.repeat(weight / 64, 64))
        wide = plain.blurred(blur / self.s)
        return float(wide.quantile(tail)[0]), float(wide.quantile(1.0 - tail)[0])

    def middle(self, weight: np.ndarray) -> dict[str, float]:
        """Return mean and median of the average."""
        chance = self.chance.ravel()
        order = np.argsort(chance)
        mass = np.repeat(weight / 64, 64)
        median = np.interp(0.5, np.cumsum(mass[order]) - 0.5 * mass[order], chance[order])
        return {"mean": float(self.coverage(mass @ chance)), "median": float(self.coverage(median))}

    def parts(self, weight: np.ndarray) -> dict[str, float]:
        """Return mean and median of the average, and the published methods within its interval."""
        low, high = self.ends(weight, CAUTION * (1 - LEVEL) / 2)
        found = self.middle(weight)
        return found | {
            law: float(np.clip(self.points.get(law, found["median"]), low, high)) for law in PUBLISHED
        }


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """A prefix of one model's samples, what is said of it, and the coverage that came.

    Problem by problem: `drawn`, and what each solves at k, shape (P,).
    """

    benchmark: str
    model: str
    s: int
    truth: float
    view: View
    nested: tuple[View, ...]
    parts: dict[str, float]
    published: dict[str, float]
    k: int = LARGEST
    drawn: Counts | None = None
    passed: np.ndarray | None = None


def read_rows(tables: Sequence[Table], draws: int, cache: Path, *, prefixes: bool = True) -> Iterator[Row]:
    """Draw prefixes of every table; what is said of them, and of their own prefixes where those are wanted, is made or read."""
    warnings.simplefilter("ignore", TtscaleWarning)
    for table in tables:
        passed = np.ravel(pass_at_k(table.n, table.c, table.k))
        for s in table.prefixes:
            for draw in range(draws * (1 if _models(tables, table) > 1 else 3)):
                drawn = thin(table.n, table.c, s, np.random.default_rng([s, draw, *table.model.encode()]))
                nested = [view_of(one, s, cache) for one in _prefixes(drawn, draw)] if prefixes else []
                yield _row(
                    table.benchmark,
                    table.model,
                    float(passed.mean()),
                    view_of(drawn, table.k, cache),
                    nested=tuple(nested),
                    k=table.k,
                    drawn=drawn,
                    passed=passed,
                )


def _row(benchmark: str, model: str, truth: float, view: View, **more: Any) -> Row:
    said = {law: view.points.get(law, view.known / view.n_problems) for law in LAWS}
    said |= {name: float(np.mean([said[law] for law in laws])) for name, laws in MEANS.items()}
    row = Row(benchmark, model, view.s, truth, view, (), view.parts(view.weights()), said)
    return replace(row, **more)


def few_rows(tables: Sequence[Table], cache: Path) -> Iterator[Row]:
    """Draw prefixes of two and four samples, all models of a benchmark together: many problems, few samples of each."""
    warnings.simplefilter("ignore", TtscaleWarning)
    for name in dict.fromkeys(table.benchmark for table in tables):
        mine = [table for table in tables if table.benchmark == name]
        n, c = (np.concatenate([getattr(table, which) for table in mine]) for which in ("n", "c"))
        for (s, k), draw in itertools.product(FEW, range(_FEW_DRAWS)):
            if n.min() >= k:
                rng = np.random.default_rng([s, k, draw])
                came = thin(n, c, k, rng)
                drawn = thin(came.n, came.c, s, rng)
                yield _row(name, "all", float(np.mean(came.c > 0)), view_of(drawn, k, cache), k=k)


def simulated_rows(cache: Path) -> Iterator[Row]:
    """Draw populations of the laws of `forecast_accuracy.py`, 128, 1,000 and 10,000 problems; what is said is made or read."""
    warnings.simplefilter("ignore", TtscaleWarning)
    for group, law, problems, s, round_ in _simulations():
        rng = np.random.default_rng([zlib.crc32(law.encode()), problems, s, round_])
        p = np.minimum({**NEARLY_STRAIGHT, **BENT, **POPULATIONS}[law](rng, problems), 1 - 1e-16)
        drawn = Counts(np.full(problems, s), rng.binomial(s, p))
        falls = rng.random(problems) < -np.expm1((LARGEST - s) * np.log1p(-p))
        truth = float(np.mean((drawn.c > 0) | falls))
        yield _row(group, law, truth, view_of(drawn, LARGEST, cache))


def _simulations() -> Iterator[tuple[str, str, int, int, int]]:
    for group, laws in (("nearly straight", NEARLY_STRAIGHT), ("bent", BENT)):
        yield from itertools.product([f"simulated, {group}"], laws, [128], PREFIXES, range(4))
    for problems, rounds in ((1000, 3), (10_000, 2)):
        group = f"simulated, {problems:,} problems"
        yield from itertools.product([group], POPULATIONS, [problems], (100, 1000), range(rounds))


def _prefixes(drawn: Counts, draw: int) -> Iterator[Counts]:
    """Thin a prefix to its own prefixes."""
    s = int(drawn.n.min())
    rng = np.random.default_rng([draw, s])
    for at in sorted({max(1, s // part) for part in (8, 4, 2)} - {s}):
        yield thin(drawn.n, drawn.c, at, rng)


def view_of(drawn: Counts, k: int, cache: Path) -> View:
    """Return what is said of coverage at k, made or read."""
    digest = hashlib.sha256(drawn.n.tobytes() + drawn.c.tobytes() + f"{k} {_version()}".encode())
    file = cache / f"view-{digest.hexdigest()}.json"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps(_view(drawn, k)))
        partial.replace(file)
    view = json.loads(file.read_text())
    return View(**{**view, "evidence": np.array(view["evidence"]), "chance": np.array(view["chance"])})


@lru_cache
def _version() -> str:
    """Return what a view depends on: the sources of counts, laws, prior and posterior, and not how they are combined."""
    folder = Path(stats.__path__[0])
    forecast = [folder / "forecast" / f"{name}.py" for name in ("model_averaging", "predictive", "prior")]
    sources = [*sorted(folder.glob("counts/*.py")), *sorted(folder.glob("laws/*.py")), *forecast]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]


def _view(drawn: Counts, k: int) -> dict:
    problems = open_problems(drawn, np.array([k]))
    observed = _Observed(drawn.unique(), max(k, 10_000))
    rng, evidence, chances = np.random.default_rng(0), [], []
    for model, own in zip((*MODELS, beta_model()), (*OWN, 0.0), strict=True):
        with threadpool_limits(1, user_api="blas"):
            sample = _importance_sample(_Posterior(model, observed), 256, rng)
        at = np.append(problems.n, k)
        failure = sample.mass @ np.exp(-np.multiply.outer(np.exp(observed.x), at)) + sample.zero[:, None]
        chance = problems.mean_chance(failure[:, :-1], failure[:, -1:])[:, 0]
        total = logsumexp(sample.log_weight)
        weight = np.exp(sample.log_weight - total)
        order = np.argsort(chance)
        below = np.cumsum(weight[order]) - 0.5 * weight[order]
        evidence.append(float(total - np.log(len(weight)) - own))
        chances.append(np.interp(_QUANTILES, below, chance[order]).round(6).tolist())
    answers = {law: published(law, drawn.n, drawn.c, k) for law in LAWS} if drawn.c.any() else {}
    return {
        "s": int(drawn.n.min()),
        "known": float(problems.known[0]),
        "n_open": int(problems.n_open[0]),
        "n_problems": len(drawn),
        "evidence": evidence[:-1],
        "beta": evidence[-1],
        "chance": chances[:-1],
        "points": {law: answer[0] for law, answer in answers.items() if answer},
    }
