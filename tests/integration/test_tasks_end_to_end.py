"""Whole runs on benchmarks, from the file to coverage, without a verifier named: the task's own judges."""

from pathlib import Path
from typing import Any

import pytest

from ttscale.analysis.run.analyze import analyze_run
from ttscale.config.loading import check_config
from ttscale.pipeline.run import run


@pytest.mark.parametrize(
    ("name", "file", "options"),
    [
        ("gsm8k", "gsm8k_test.jsonl", {"limit": 12, "seed": 0}),
        ("math-500", "math500.jsonl", {"limit": 6}),
        ("amc", "amc23.jsonl", {"limit": 12}),
        ("reasoning-gym:chain_sum", None, {"problems": 6}),
    ],
)
def test_half_right_samples_give_exactly_their_coverage(
    name: str, file: str | None, options: dict[str, Any], shared_data: Path, tmp_path: Path
) -> None:
    if file is None:
        pytest.importorskip("reasoning_gym")
    task = {"name": name, **options} | ({"path": str(shared_data / file)} if file else {})
    config = check_config(
        {
            "name": "end-to-end", "out": str(tmp_path / "run"), "task": task, "sampling": {"n": 4},
            "model": {"path": "none", "engine": "half_right:HalfRightSampler"},
        }
    )  # fmt: skip
    cell = analyze_run(run(config)).cells[0]
    assert cell.coverage.k.tolist() == [1, 2, 3, 4]
    # 2 of 4 are right: 1 - C(2, k) / C(4, k)
    assert cell.coverage.value.tolist() == pytest.approx([1 / 2, 5 / 6, 1.0, 1.0])
