"""A stored run of two cells with known samples, tokens, verdicts and sessions, for tests of budgets."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict

from ttscale.config.cells import cells
from ttscale.config.loading import check_config, dump_config
from ttscale.costs.contract import Charges, ModelFacts, Usage
from ttscale.store.run import RunStore, Session
from ttscale.store.verdicts import VERDICT_SCHEMA, VerdictSetInfo
from ttscale.types import Problem, Sample

CONFIG: dict[str, Any] = {
    "name": "two",
    "out": "unused",
    "model": "demo-arithmetic",
    "task": "arithmetic",
    "sampling": {"n": 40, "max_tokens": 100, "request_size": 8},
    "verifiers": ["exact", "last-digit"],
    "sweep": {"axes": {"sampling.temperature": [0.5, 1.0]}},
}
ORACLE = VerdictSetInfo(verifier="exact", version="1", options={}, sees_answer=True)
CHECKER = VerdictSetInfo(verifier="last-digit", version="1", options={}, sees_answer=False)
N_PROBLEMS, N = 12, 40
PROMPT_TOKENS = 10
SECONDS_PER_TOKEN = 0.02
VERIFYING_S = 0.25
RATES = (np.linspace(0.0, 0.6, N_PROBLEMS), np.linspace(0.5, 0.05, N_PROBLEMS))
"""Of the two cells: each solves what the other finds hard."""


class TwiceTheTokens:
    """A cost model from elsewhere: two tokens for every one generated, prompts for nothing."""

    class Options(BaseModel):
        model_config = ConfigDict(extra="forbid", frozen=True)

    unit: ClassVar[str] = "tokens"
    needs: ClassVar[frozenset[str]] = frozenset({"tokens"})

    def __init__(self, options: Options) -> None:
        self._options = options

    def charges(self, usage: Usage, facts: ModelFacts) -> Charges:
        per_sample = 2.0 * usage.mean_per_problem(usage.completion_tokens)
        nothing = np.zeros_like(per_sample)
        return Charges(unit=self.unit, per_sample=per_sample, once=nothing, per_request=nothing)


def build_two_cells(
    path: Path, *, problems: Sequence[int] = range(N_PROBLEMS), checked: bool = True
) -> RunStore:
    """Write the run; problem i of cell a is solved with `RATES[a][i]`.

    A sample takes 20 tokens where it is wrong and 20, 60 or 100 where it is right, every fourth right one ending at the
    limit; the checker accepts right ones and one wrong one in ten.
    """
    config = check_config({**CONFIG, "out": str(path)})
    names = [cell.name for cell in cells(config)]
    store = RunStore(path)
    rng = np.random.default_rng(0)
    with store.writing():
        identity = {name: {"model.path": "demo-arithmetic"} for name in names}
        store.begin(name="two", version="0", config_yaml=dump_config(config), cells=identity)
        for name, rates in zip(names, RATES, strict=True):
            store.keep_problems(
                name,
                [
                    Problem(problem_id=f"p{i}", prompt="?", answer="1", metadata={"level": 1 + i % 2})
                    for i in problems
                ],
            )
            rows = [row for i in problems for row in _samples(i, float(rates[i]), rng)]
            _write(store, name, rows, checked)
    return store


def _samples(problem: int, rate: float, rng: np.random.Generator) -> list[Mapping[str, Any]]:
    rows = []
    for index in range(N):
        right = bool(rng.random() < rate)
        tokens = int(rng.choice([20, 60, 60, 100])) if right else 20
        accepted = right or bool(rng.random() < 0.1)
        rows.append(
            {"problem": problem, "index": index, "right": right, "tokens": tokens, "accepted": accepted}
        )
    return rows


def _write(store: RunStore, cell: str, rows: Sequence[Mapping[str, Any]], checked: bool) -> None:
    writer = store.sample_writer(cell, f"s-{cell}")
    writer.add(
        [
            Sample(
                problem_id=f"p{row['problem']}",
                sample_index=row["index"],
                completion="1" if row["right"] else "2",
                finish_reason="length" if row["tokens"] == 100 else "stop",
                prompt_tokens=PROMPT_TOKENS,
                completion_tokens=row["tokens"],
                cumulative_logprob=-float(row["index"]),
            )
            for row in rows
        ]
    )
    writer.flush()
    tokens = sum(row["tokens"] for row in rows)
    store.write_session(
        Session(
            session=f"s-{cell}",
            cell=cell,
            started_at="2026-01-01T00:00:00+00:00",
            seconds=SECONDS_PER_TOKEN * tokens,
            n_samples=len(rows),
            completion_tokens=tokens,
            engine={"engine": "vllm", "device": "cpu", "detail": {"max_num_seqs": 16}},
        )
    )
    for info in (ORACLE, CHECKER) if checked else (ORACLE,):
        column = "right" if info is ORACLE else "accepted"
        verdicts = [
            {
                "cell": cell,
                "problem_id": f"p{row['problem']}",
                "sample_index": row["index"],
                "outcome": "correct" if row[column] else "incorrect",
                "score": None,
                "answer": "1" if row["right"] else "2",
                "answer_class": "1" if row["right"] else "2",
                "seconds": VERIFYING_S,
                "detail": None,
            }
            for row in rows
        ]
        store.verdict_set(info).write(cell, pl.DataFrame(verdicts, schema=VERDICT_SCHEMA), "v1")
