"""The table of forecasts is made from whatever counts lie in a folder."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests_paths import ROOT

SCRIPT = ROOT / "benchmarks" / "forecast_table.py"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two benchmarks of two models, one whose later samples were drawn by verdict, and a file without counts."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "counts"
    folder.mkdir()
    rows = ["benchmark,model,problem_id,n,c"]
    for model in ("small", "large"):
        rows += [f"Sums,{model},{i},60,{rng.binomial(60, p)}" for i, p in enumerate(rng.beta(0.5, 4.0, 25))]
    rows += [f"Sums,stopped,{i},{12 if i % 2 else 60},1" for i in range(25)]
    (folder / "sums.csv").write_text("\n".join(rows) + "\n")
    (folder / "notes.csv").write_text("a,b\n1,2\n")
    return folder


def made(folder: Path, tmp_path: Path) -> tuple[str, str]:
    command = [sys.executable, str(SCRIPT), "--counts", str(folder), "--draws", "1", "--processes", "1"]
    command += ["--cache", str(tmp_path / "cache"), "--out", str(tmp_path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=SCRIPT.parent)
    return (tmp_path / "forecast_table.md").read_text(), done.stderr


def test_every_table_of_counts_in_the_folder_is_a_benchmark(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "forecast_table.md").write_text("old\n\n## Reading\n\nWhat people wrote.\n")
    text, said = made(folder, tmp_path)
    assert "notes.csv: no counts" in said
    assert (
        "2 models, coverage at 60" in text
    )  # the model that was stopped by its verdicts has no unbiased truth
    assert text.endswith("## Reading\n\nWhat people wrote.\n")
    (folder / "dropped.csv").write_text("problem_id,n,c\n" + "".join(f"{i},40,{i % 7}\n" for i in range(20)))
    again, _ = made(folder, tmp_path)
    assert "## dropped" in again
    for method in ("average", "log-log", "beta-binomial", "least possible"):
        assert again.count(f"| {method} |") >= 2
    old, new = (part[part.index("## Sums") :].split("\n\n## ")[0] for part in (text, again))
    assert old == new  # other benchmarks keep their draws
