"""An amortised forecast: a small network taught on simulated populations, and on other benchmarks, to read counts.

It sees nothing of which problem is which: the curve at eight budgets on a log scale, its slopes, and how many problems are
solved once, twice, rarely, often. It answers with a mixture of beta-binomials for how many of the open problems will fall.
Needs torch, which ttscale itself does not.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from forecast_members import Row

from ttscale.stats.counts.pass_at_k import pass_at_k

SIMULATED = 40_000
_SHARES = np.array([0.0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 1.0])  # of log s: where the curve is read
_MIXED, _HIDDEN, _BATCH = 3, 64, 512
_EPOCHS, _MORE_EPOCHS = 12, 6


def network(*, others: bool) -> Callable[[Sequence[Row], Sequence[Row]], list[float]]:
    """Return a rule: the median of a network taught on simulated populations, and on the other benchmarks if asked."""

    def rule(seen: Sequence[Row], rows: Sequence[Row]) -> list[float]:
        net = _taught_on(seen) if others else _taught()
        return [_median(net, row) for row in rows]

    return rule


def features(n: np.ndarray, c: np.ndarray, k: int) -> np.ndarray:
    """Return what the network sees, the same in any order of the problems."""
    s, size, rate = int(n.min()), len(n), c / n
    at = np.unique(np.maximum(1, np.rint(s**_SHARES).astype(int)))
    curve = np.interp(_SHARES * np.log(max(s, 2)), np.log(at), pass_at_k(n, c, at).mean(axis=0))
    floor = 0.2 / size
    level = np.log(-np.log(np.clip(curve, floor, 1.0 - floor)))
    edges = [c == 1, c == 2, (c > 2) & (rate < 0.1), (rate >= 0.1) & (rate < 0.5), rate >= 0.5]
    shares = [float(np.mean(edge)) for edge in edges]
    return np.array([np.log(s), np.log(k / s), np.log(size), *level, *np.diff(level), *shares, curve[-1]])


def population(rng: np.random.Generator, size: int) -> np.ndarray:
    """Draw success rates of a population of a random kind: ceilings, beta laws, bells, heavy tails, two kinds."""

    def one() -> np.ndarray:
        kind, a, b = rng.integers(5), np.exp(rng.normal(-1.3, 0.9)), np.exp(rng.uniform(0, 5))
        if kind == 0:
            return rng.beta(a, b, size)
        if kind == 1:
            return -np.expm1(-np.exp(rng.normal(rng.uniform(-11, 0), np.exp(rng.normal(0.7, 0.5)), size)))
        if kind == 2:
            return 1.0 / (1.0 + np.exp(-rng.normal(rng.uniform(-11, 1), np.exp(rng.normal(0.8, 0.5)), size)))
        if kind == 3:
            return (1.0 - (1.0 - rng.random(size)) ** (1.0 / b)) ** (1.0 / a)
        power = np.exp(rng.normal(-0.3, 0.7))
        return rng.beta(min(a / power, 80.0), b, size) ** (1.0 / power)

    p = one()
    if rng.random() < 0.35:
        p = np.where(rng.random(size) < rng.beta(1.5, 1.5), p, one())
    if rng.random() < 0.35:
        p = p * (rng.random(size) >= rng.beta(1, 3))
    return np.clip(p * (rng.uniform(0.3, 1) if rng.random() < 0.2 else 1.0), 0.0, 1.0 - 1e-12)


def _simulated(rng: np.random.Generator) -> tuple[np.ndarray, int, int]:
    """Return features, open problems and those of them that fall."""
    size = int(np.exp(rng.uniform(np.log(60), np.log(400))))
    if rng.random() < 0.25:
        s = int(np.exp(rng.uniform(np.log(2), np.log(40))))
        k = int(s * np.exp(rng.uniform(np.log(2.5), np.log(12))))
    else:
        s = int(np.exp(rng.uniform(np.log(25), np.log(1200))))
        k = 10_000 if rng.random() < 0.8 else int(s * np.exp(rng.uniform(np.log(5), np.log(300))))
    p = population(rng, size)
    c = rng.binomial(s, p)
    falls = (c == 0) & (rng.random(size) < -np.expm1((k - s) * np.log1p(-p)))
    return features(np.full(size, s), c, k), int(np.sum(c == 0)), int(falls.sum())


@cache
def _examples(number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    looks, n_open, fallen = zip(*(_simulated(rng) for _ in range(number)), strict=True)
    return np.array(looks), np.array(n_open), np.array(fallen)


def _example(row: Row) -> tuple[np.ndarray, int, int]:
    fallen = round(row.truth * row.view.n_problems - row.view.known)
    return (
        features(row.drawn.n, row.drawn.c, row.k),
        row.view.n_open,
        int(np.clip(fallen, 0, row.view.n_open)),
    )


@cache
def _taught() -> Any:
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(1)  # the matrices are small: threads that wait for each other take longer
    looks, n_open, fallen = _examples(SIMULATED)
    layers = [torch.nn.Linear(looks.shape[1], _HIDDEN), torch.nn.SiLU(), torch.nn.Linear(_HIDDEN, _HIDDEN)]
    net = torch.nn.Sequential(*layers, torch.nn.SiLU(), torch.nn.Linear(_HIDDEN, 3 * _MIXED))
    return _teach(net, (_scaled(looks), n_open, fallen), _EPOCHS, 2e-3)


def _taught_on(seen: Sequence[Row]) -> Any:
    """Go on from the simulated populations with as many prefixes of benchmarks, each benchmark as often."""
    import copy

    rng, names = np.random.default_rng(1), sorted({row.benchmark for row in seen})
    looks, n_open, fallen = (part[: SIMULATED // 4] for part in _examples(SIMULATED))
    of_name = {name: [_example(row) for row in seen if row.benchmark == name] for name in names}
    drawn = [of_name[name][rng.integers(len(of_name[name]))] for name in rng.choice(names, len(looks))]
    more = [np.concatenate([one, np.array(two)]) for one, two in zip((looks, n_open, fallen), zip(*drawn, strict=True), strict=True)]  # fmt: skip
    return _teach(copy.deepcopy(_taught()), (_scaled(more[0]), more[1], more[2]), _MORE_EPOCHS, 5e-4)


def _scaled(looks: np.ndarray) -> Any:
    import torch

    known = _examples(SIMULATED)[0]
    scaled = (looks - known.mean(axis=0)) / (known.std(axis=0) + 1e-6)
    return torch.tensor(scaled, dtype=torch.float32).clamp(-5, 5)


def _teach(net: Any, examples: tuple[Any, np.ndarray, np.ndarray], epochs: int, rate: float) -> Any:
    import torch

    looks, n_open, fallen = examples[0], *(torch.tensor(part, dtype=torch.float32) for part in examples[1:])
    optimizer = torch.optim.Adam(net.parameters(), lr=rate)
    steps = epochs * -(-len(looks) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    for _ in range(epochs):
        for some in torch.randperm(len(looks)).split(_BATCH):
            optimizer.zero_grad()
            loss = -_log_probability(net(looks[some]), n_open[some], fallen[some]).mean()
            loss.backward()
            optimizer.step()
            schedule.step()
    return net


def _parameters(out: Any) -> tuple[Any, Any, Any]:
    """Return log weights and both parameters of each beta law, each of shape (B, 3)."""
    weight, mean, size = out[:, :_MIXED], out[:, _MIXED : 2 * _MIXED].sigmoid(), out[:, 2 * _MIXED :]
    size, mean = size.clamp(-1, 7).exp(), mean.clamp(1e-5, 1 - 1e-5)
    return weight.log_softmax(1), mean * size + 1e-4, (1 - mean) * size + 1e-4


def _log_probability(out: Any, n_open: Any, fallen: Any) -> Any:
    import torch

    weight, a, b = _parameters(out)
    n, f, log_gamma = n_open[:, None], fallen[:, None], torch.lgamma
    ways = log_gamma(n + 1) - log_gamma(f + 1) - log_gamma(n - f + 1)
    beta = log_gamma(f + a) + log_gamma(n - f + b) - log_gamma(n + a + b)
    return torch.logsumexp(weight + ways + beta + log_gamma(a + b) - log_gamma(a) - log_gamma(b), 1)


def _median(net: Any, row: Row) -> float:
    import torch

    with torch.no_grad():
        looks = _scaled(features(row.drawn.n, row.drawn.c, row.k)[None])
        weight, a, b = (part[0].double().numpy() for part in _parameters(net(looks)))
    rng, chosen = np.random.default_rng(0), np.exp(weight) / np.exp(weight).sum()
    which = rng.choice(_MIXED, 2000, p=chosen)
    return float(row.view.coverage(np.median(rng.beta(a[which], b[which]))))
