"""Published samples through `ttscale import table`: the analysis gives the reference numbers."""

import gzip
import json
from pathlib import Path

import pytest

from ttscale.analysis.run.analyze import analyze_run
from ttscale.analysis.run.results import CellResult
from ttscale.pipeline.importing import import_samples


def percent(cell: CellResult, curve: str) -> list[float]:
    found = cell.coverage if curve == "coverage" else cell.selectors[curve]
    return [100 * value for value in found.value.tolist()]


def test_qwen_math_with_rewards(shared_data: Path, tmp_path: Path) -> None:
    """FORMULAS 8: by brute force over all subsets of 8 answers to 100 MATH problems."""
    columns = "problem_id=idx,completion=code,correct=score,answer=pred,score:rm=pred_score"
    path = shared_data / "qwen_math_cot_100.jsonl"
    first = json.loads(path.read_text(encoding="utf-8").split("\n", 1)[0])
    known = ",".join(pair for pair in columns.split(",") if pair.partition("=")[2] in first)
    store = import_samples([path], tmp_path / "run", format_name="table", options={"map": known}).store
    (cell,) = analyze_run(store).cells
    assert percent(cell, "coverage") == pytest.approx(
        [91.0, 93.2857, 94.4464, 95.1, 95.4821, 95.7143, 95.875, 96.0], abs=1e-4
    )
    assert percent(cell, "majority vote") == pytest.approx(
        [91.0, 91.0, 91.6012, 92.0107, 92.1304, 92.3214, 92.3482, 92.5], abs=1e-4
    )
    assert percent(cell, "best by rm") == pytest.approx(
        [91.0, 92.7857, 93.3929, 93.6143, 93.7143, 93.7857, 93.875, 94.0], abs=1e-4
    )


def test_codet_programs_with_their_verdicts(shared_data: Path, tmp_path: Path) -> None:
    """FORMULAS 8: 164 HumanEval problems x 100 programs of CodeGen-16B, 22.12/50.38/73.78 at k = 1/10/100."""
    with gzip.open(shared_data / "codet_humaneval_codegen16b.jsonl.gz", "rt", encoding="utf-8") as file:
        programs = [json.loads(line) for line in file]
    verdicts = (
        (shared_data / "codet_humaneval_codegen16b_verdicts.jsonl").read_text(encoding="utf-8").splitlines()
    )
    path = tmp_path / "samples.jsonl_results.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number, (problem, line) in enumerate(zip(programs, verdicts, strict=True)):
            graded = next(value for value in json.loads(line).values() if isinstance(value, list))
            for text, passed in zip(problem["samples"], graded, strict=True):
                row = {"task_id": f"HumanEval/{number}", "completion": text, "passed": bool(passed)}
                file.write(json.dumps(row) + "\n")
    store = import_samples([path], tmp_path / "run").store
    (cell,) = analyze_run(store).cells
    assert cell.totals.n_samples == 16_400
    at = {int(k): 100 * value for k, value in zip(cell.coverage.k, cell.coverage.value, strict=True)}
    assert [round(at[k], 2) for k in (1, 10, 100)] == [22.12, 50.38, 73.78]
