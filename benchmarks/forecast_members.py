"""What every member of the average, and every published method, makes of prefixes of real counts.

A member is a law under a shape of curve, see `ttscale.stats.forecast.prior`. Its evidence and its posterior are kept for a prefix
and for prefixes of that prefix (s/8, s/4, s/2), whose continuation up to s is known; that costs half a second each, so rules
for combining them (`forecast_left_out.py`) are judged in milliseconds.
"""

import hashlib
import json
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from forecast_table import LAWS, LEVEL, MEANS, Table, _models, _version, published
from scipy.special import gammaln, logsumexp, softmax
from threadpoolctl import threadpool_limits

from ttscale.errors import TtscaleWarning
from ttscale.stats.counts.counts import Counts
from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.forecast.backtesting import thin
from ttscale.stats.forecast.model_averaging import _COARSENESS, _importance_sample, _Observed, _Posterior
from ttscale.stats.forecast.predicting import CAUTION, PUBLISHED
from ttscale.stats.forecast.predictive import open_problems
from ttscale.stats.forecast.prior import STRAIGHT, prior_models

COARSENESS = _COARSENESS
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
    """

    s: int
    known: float
    n_open: int
    n_problems: int
    evidence: np.ndarray
    chance: np.ndarray
    points: dict[str, float]

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
        """Return the members' posterior probabilities, shape (M,)."""
        return softmax(coarseness / (coarseness + self.n_problems) * self.evidence + prior)

    def ends(self, weight: np.ndarray, tail: float) -> tuple[float, float]:
        """Return quantiles of the coverage to come."""
        solved, chance = np.arange(self.n_open + 1), weight @ self.probabilities
        below = np.cumsum(chance / chance.sum())
        at = np.minimum(np.searchsorted(below, [tail, 1.0 - tail]), self.n_open)
        low, high = (self.known + solved[at]) / self.n_problems
        return float(low), float(high)

    def parts(self, weight: np.ndarray) -> dict[str, float]:
        """Return mean and median of the average, and the published methods within its interval."""
        chance = self.chance.ravel()
        order = np.argsort(chance)
        mass = np.repeat(weight / 64, 64)
        median = np.interp(0.5, np.cumsum(mass[order]) - 0.5 * mass[order], chance[order])
        low, high = self.ends(weight, CAUTION * (1 - LEVEL) / 2)
        found = {"mean": float(self.coverage(mass @ chance)), "median": float(self.coverage(median))}
        return found | {
            law: float(np.clip(self.points.get(law, found["median"]), low, high)) for law in PUBLISHED
        }


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """A prefix of one model's samples, what is said of it, and the coverage that came."""

    benchmark: str
    model: str
    s: int
    truth: float
    view: View
    nested: tuple[View, ...]
    parts: dict[str, float]
    published: dict[str, float]


def read_rows(tables: Sequence[Table], draws: int, cache: Path) -> Iterator[Row]:
    warnings.simplefilter("ignore", TtscaleWarning)
    for table in tables:
        truth = float(pass_at_k(table.n, table.c, table.k).mean())
        for s in table.prefixes:
            for draw in range(draws * (1 if _models(tables, table) > 1 else 3)):
                drawn = thin(table.n, table.c, s, np.random.default_rng([s, draw, *table.model.encode()]))
                view, *nested = _views_of(drawn, table.k, draw, cache)
                said = {law: view.points.get(law, view.known / view.n_problems) for law in LAWS}
                said |= {name: float(np.mean([said[law] for law in laws])) for name, laws in MEANS.items()}
                parts = view.parts(view.weights())
                yield Row(table.benchmark, table.model, s, truth, view, tuple(nested), parts, said)


def _views_of(drawn: Counts, k: int, draw: int, cache: Path) -> list[View]:
    """Return the view of a prefix and of its own prefixes, made or read."""
    digest = hashlib.sha256(drawn.n.tobytes() + drawn.c.tobytes() + f"{k} {draw} {_version()}".encode())
    file = cache / f"members-{digest.hexdigest()}.json"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps(list(_views(drawn, k, draw))))
        partial.replace(file)
    return [
        View(**{**view, "evidence": np.array(view["evidence"]), "chance": np.array(view["chance"])})
        for view in json.loads(file.read_text())
    ]


def _views(drawn: Counts, k: int, draw: int) -> Iterator[dict]:
    s = int(drawn.n.min())
    yield _view(drawn, k)
    rng = np.random.default_rng([draw, s])
    for at in sorted({max(1, s // part) for part in (8, 4, 2)} - {s}):
        yield _view(thin(drawn.n, drawn.c, at, rng), s)


def _view(drawn: Counts, k: int) -> dict:
    problems = open_problems(drawn, np.array([k]))
    observed = _Observed(drawn.unique(), max(k, 10_000))
    rng, evidence, chances = np.random.default_rng(0), [], []
    for model, own in zip(MODELS, OWN, strict=True):
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
        "evidence": evidence,
        "chance": chances,
        "points": {law: answer[0] for law, answer in answers.items() if answer},
    }
