"""Results to report on: counts with a heavy tail, made up from a seed, with estimates from the real estimators."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from ttscale.analysis.run.results import CellResult, RunResult, SamplingTotals
from ttscale.stats.counts.curve import Curve
from ttscale.stats.coverage.coverage import coverage_curve
from ttscale.stats.laws.fitting import fit_law

CONFIG = """\
name: demo
out: runs/demo
model:
  path: demo-arithmetic
task:
  name: arithmetic
sampling:
  n: 1000
  temperature: 1.0
verifiers:
- name: exact
- name: last-digit
- name: casting-out-nines
"""


def make_result(
    *,
    n_problems: int = 128,
    n: int = 1000,
    seed: int = 0,
    cells: Sequence[str] = ("demo-arithmetic",),
    completions: Sequence[str] = ("{given}",),
    law: bool = True,
    warnings: tuple[str, ...] = (),
) -> RunResult:
    """Build a run: success rates are 10^Normal(-2, 1) over problems, so that some are never solved."""
    table_k = tuple(sorted({k for k in (1, 10, 100, 256) if k < n} | {n}))
    return RunResult(
        name="demo",
        path=Path("runs/demo"),
        config_yaml=CONFIG,
        manifest={"schema_version": 1, "sessions": [{"engine": "vllm", "version": "0.32.0"}]},
        table_k=table_k,
        cells=tuple(
            make_cell(
                name,
                n_problems=n_problems,
                n=n,
                seed=seed + shift,
                table_k=table_k,
                completions=completions,
                law=law,
                warnings=warnings,
            )
            for shift, name in enumerate(cells)
        ),
    )


def make_cell(
    name: str,
    *,
    n_problems: int,
    n: int,
    seed: int,
    table_k: tuple[int, ...],
    completions: Sequence[str],
    law: bool,
    warnings: tuple[str, ...],
) -> CellResult:
    rng = np.random.default_rng(seed)
    p = np.minimum(10 ** rng.normal(-2 + 0.3 * seed, 1, n_problems), 0.95)
    drawn = np.full(n_problems, n)
    c = rng.binomial(drawn, p)
    k = np.union1d(np.geomspace(1, n, 48).round().astype(np.int64), np.array(table_k))
    coverage = coverage_curve(drawn, c, k, n_resamples=200, rng=0)
    return CellResult(
        cell=name,
        model="demo-arithmetic",
        task="arithmetic",
        oracle="exact",
        problems=make_problems(p, drawn, c, completions, rng),
        coverage=coverage,
        selectors={
            "majority vote": share_of(coverage, 0.42, 0.7, "maj_at_k"),
            "best by logprob": share_of(coverage, 0.34, 0.8, "best_of_k"),
            "best by last-digit": share_of(coverage, 0.36, 0.9, "best_of_k"),
            "best by casting-out-nines": share_of(coverage, 0.55, 0.95, "best_of_k"),
        },
        law=fit_law("exponentiated-power-law", drawn, c) if law else None,
        outcomes={
            "exact": {
                "correct": int(c.sum()),
                "incorrect": int((drawn - c).sum()) - 211,
                "no_answer": 200,
                "error": 11,
            },
            "last-digit": {"correct": int(0.17 * n * n_problems), "incorrect": int(0.83 * n * n_problems)},
        },
        totals=SamplingTotals(
            n_samples=n * n_problems,
            n_truncated=37,
            prompt_tokens=11 * n_problems,
            completion_tokens=(7 + seed) * n * n_problems,
            seconds=141.5,
        ),
        warnings=warnings,
    )


def share_of(coverage: Curve, share: float, power: float, metric: str) -> Curve:
    """Make a selector's curve that starts with coverage and collects less and less of it."""
    value = coverage.value[0] + (coverage.value - coverage.value[0]) ** (1 / power) * share
    half = 0.5 * (coverage.high - coverage.low)
    return Curve(
        metric=metric,
        k=coverage.k,
        value=value,
        low=np.maximum(value - half, 0),
        high=np.minimum(value + half, 1),
        confidence_level=coverage.confidence_level,
        over=coverage.over,
        method="made up for a test",
        n_problems=coverage.n_problems,
    )


def make_problems(
    p: np.ndarray, n: np.ndarray, c: np.ndarray, completions: Sequence[str], rng: np.random.Generator
) -> pl.DataFrame:
    rows = []
    for i in range(n.size):
        left, right = rng.integers(1, 10 ** int(rng.integers(1, 5)), 2)
        answer = str(left * right)
        wrong = [str(left * right + shift) for shift in (10, -1, 100)]
        counts = np.sort(rng.multinomial(n[i] - c[i], [0.6, 0.3, 0.1]))[::-1]
        answers = [
            {"answer": a, "count": int(m), "correct": False} for a, m in zip(wrong, counts, strict=True)
        ]
        if c[i]:
            answers.append({"answer": answer, "count": int(c[i]), "correct": True})
        rows.append(
            {
                "problem_id": f"mul-{i:03d}",
                "prompt": f"{left} * {right} =",
                "answer": answer,
                "n": int(n[i]),
                "c": int(c[i]),
                "success_rate": c[i] / n[i],
                "answers": sorted(answers, key=lambda a: -a["count"]),
                "examples": [
                    {
                        "sample_index": j,
                        "completion": completions[(6 * i + j) % len(completions)].replace(
                            "{given}", answer if j == 0 and c[i] else wrong[j % 3]
                        ),
                        "outcome": "correct" if j == 0 and c[i] else "incorrect",
                        "finish_reason": "length" if j == 5 else "stop",
                    }
                    for j in range(6)
                ],
            }
        )
    return pl.DataFrame(rows)
