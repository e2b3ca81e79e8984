"""Samples in the style of lm-evaluation-harness: one line per problem with all its repeats."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from ttscale.exchange.export.columns import CellExport
from ttscale.exchange.export.files import appearing
from ttscale.exchange.naming import safe_name
from ttscale.store.run import RunStore
from ttscale.store.verdicts import VerdictSet
from ttscale.types import Outcome, Problem

_TIME = "2000-01-01T00-00-00.000000"
"""The tool finds a file by its name, which ends in a time; the same export has the same name."""
_SETTINGS = {
    "sampling.temperature": "temperature",
    "sampling.top_p": "top_p",
    "sampling.max_tokens": "max_gen_toks",
}


def write_lm_eval(store: RunStore, oracles: dict[str, VerdictSet | None], out: Path) -> None:
    """Write ``MODEL/samples_TASK_TIME.jsonl`` per cell; verdicts of the oracle, and of verifiers that see the key, become metrics.

    Args:
        store: The run.
        oracles: Cell -> the verdict set that defines *correct*; the cells that are written.
        out: A folder that is not there yet.
    """
    cells = store.manifest()["cells"]
    with appearing(out) as folder:
        for cell, oracle in oracles.items():
            model = str(cells[cell].get("model.path", "unknown"))
            home = folder / safe_name(cell)
            home.mkdir(parents=True)
            task = safe_name(str(cells[cell].get("task.name", "task")))
            settings = {own: cells[cell][key] for key, own in _SETTINGS.items() if key in cells[cell]}
            with (home / f"samples_{task}_{_TIME}.jsonl").open("w", encoding="utf-8") as file:
                for line in _lines(store, cell, oracle, settings):
                    file.write(json.dumps(line, ensure_ascii=False) + "\n")
            results = {"config": {"model": "hf", "model_args": {"pretrained": model}}, "model_name": model}
            (home / f"results_{_TIME}.json").write_text(
                json.dumps(results, indent=2) + "\n", encoding="utf-8"
            )


def _lines(
    store: RunStore, cell: str, oracle: VerdictSet | None, settings: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    problems = {problem.problem_id: problem for problem in store.problems(cell)}
    export = CellExport(store, cell, oracle)
    for rows in export.all_rows():
        metrics = [name for name in rows.columns if name.startswith("verdict:") or name == export.outcome]
        for key, part in rows.group_by("problem_id", maintain_order=True):
            yield _line(problems[str(key[0])], part, metrics, settings)


def _line(
    problem: Problem, rows: pl.DataFrame, metrics: list[str], settings: dict[str, Any]
) -> dict[str, Any]:
    prompt = problem.prompt
    if problem.messages is not None:
        prompt = json.dumps(
            [{"role": m.role, "content": m.content} for m in problem.messages], ensure_ascii=False
        )
    names = [metric.partition(":")[2] for metric in metrics]
    answers = next((f"answer:{name}" for name in names if f"answer:{name}" in rows.columns), None)
    texts = [text or "" for text in rows["completion"]]
    return {
        "doc_id": problem.problem_id,
        "doc": dict(problem.metadata),
        "target": problem.answer,
        "arguments": {"gen_args_0": {"arg_0": prompt, "arg_1": settings}},
        "resps": [texts],
        "filtered_resps": [[answer or "[invalid]" for answer in rows[answers]] if answers else texts],
        "filter": "none",
        "metrics": names,
        **{
            name: [_as_number(outcome) for outcome in rows[metric]]
            for name, metric in zip(names, metrics, strict=True)
        },
    }


def _as_number(outcome: str | None) -> float | None:
    """Return 1 or 0; null for what is not known."""
    if outcome is None or outcome == Outcome.ERROR:
        return None
    return float(outcome == Outcome.CORRECT)
