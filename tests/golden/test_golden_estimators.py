"""Published numbers, and numbers found by brute force over all subsets of real samples."""

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.coverage.coverage import coverage_curve
from ttscale.stats.selectors.selection import best_of_k_curve
from ttscale.stats.selectors.voting import majority_curve

K8 = np.arange(1, 9)


def lines(path: Path) -> list[dict]:
    if not path.is_file():
        pytest.skip(f"no {path.name}")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def qwen(shared_data: Path) -> list[dict]:
    return lines(shared_data / "qwen_math_cot_100.jsonl")


def columns(rows: list[dict]) -> dict[str, np.ndarray]:
    return {
        "problem": np.repeat(np.arange(len(rows)), 8),
        "correct": np.concatenate([row["score"] for row in rows]),
        "score": np.concatenate([np.ravel(row["pred_score"]) for row in rows]),
        "answer_class": np.concatenate([[row["pred"].index(a) for a in row["pred"]] for row in rows]),
    }


def test_pass_at_k_of_qwen_answers(qwen):
    correct = columns(qwen)["correct"].reshape(100, 8).sum(axis=1)
    expected = [91.0, 93.2857, 94.4464, 95.1, 95.4821, 95.7143, 95.875, 96.0]
    assert 100 * coverage_curve(8, correct, K8).value == pytest.approx(expected, abs=5e-5)


def test_majority_of_qwen_answers(qwen):
    data = columns(qwen)
    curve = majority_curve(data["problem"], data["answer_class"], data["correct"], K8)
    expected = [91.0, 91.0, 91.6012, 92.0107, 92.1304, 92.3214, 92.3482, 92.5]
    assert 100 * curve.value == pytest.approx(expected, abs=5e-5)
    assert curve.standard_error is None


def test_best_of_k_of_qwen_answers(qwen):
    data = columns(qwen)
    curve = best_of_k_curve(data["problem"], data["score"], data["correct"], K8)
    expected = [91.0, 92.7857, 93.3929, 93.6143, 93.7143, 93.7857, 93.875, 94.0]
    assert 100 * curve.value == pytest.approx(expected, abs=5e-5)
    assert int((data["score"] < 0).sum()) == 57


@pytest.mark.parametrize(
    ("column", "expected"), [("lean_accepted", (56.38, 65.78)), ("correct", (50.85, 60.25))]
)
def test_prover_with_and_without_sorry(shared_data, column, expected):
    rows = lines(shared_data / "prover_dsv2_minif2f_counts.jsonl")
    correct = [sum(row[column]) for row in rows]
    value = 100 * pass_at_k(8, correct, [1, 8]).mean(axis=0)
    assert value == pytest.approx(expected, abs=5e-3)


def test_game_of_24(shared_data):
    path = shared_data / "game24_gpt4_cot_100.json.gz"
    if not path.is_file():
        pytest.skip(f"no {path.name}")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = json.load(file)
    solved = [sum(info["r"] for info in row["infos"]) for row in rows]
    drawn = [len(row["infos"]) for row in rows]
    curve = coverage_curve(drawn, solved, [1, 100])
    assert 100 * curve.value == pytest.approx([4.03, 49], abs=5e-3)


def test_codegen_on_humaneval(shared_data):
    rows = lines(shared_data / "codet_humaneval_codegen16b_verdicts.jsonl")
    curve = coverage_curve([row["n"] for row in rows], [sum(row["correct"]) for row in rows], [1, 10, 100])
    assert 100 * curve.value == pytest.approx([22.12, 50.38, 73.78], abs=5e-3)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("Pythia 70M", [0.00065, 0.00597, 0.03610, 0.12414, 0.26562]),
        ("Pythia 160M", [0.00267, 0.02509, 0.16191, 0.41016, 0.57031]),
        ("Pythia 410M", [0.00622, 0.05172, 0.22718, 0.48180, 0.65625]),
        ("Pythia 1B", [0.00833, 0.06646, 0.27452, 0.54619, 0.74219]),
        ("Pythia 2.8B", [0.02031, 0.13475, 0.42204, 0.67779, 0.81250]),
        ("Pythia 6.9B", [0.01856, 0.13140, 0.43165, 0.68773, 0.83594]),
        ("Pythia 12B", [0.02319, 0.15682, 0.48343, 0.72325, 0.87500]),
    ],
)
def test_coverage_of_pythia_on_math(shared_data, model, expected):
    path = shared_data / "monkeys_pythia_math_counts.csv"
    if not path.is_file():
        pytest.skip(f"no {path.name}")
    with path.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["model"] == model]
    n = [int(row["n_samples"]) for row in rows]
    c = [int(row["n_correct"]) for row in rows]
    assert len(rows) == 128
    # printed to five decimals, so half a unit of the last one (plus a hair where a tie was rounded)
    assert coverage_curve(n, c, [1, 10, 100, 1000, 10000]).value == pytest.approx(expected, abs=5.1e-6)
