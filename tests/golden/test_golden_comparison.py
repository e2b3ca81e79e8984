"""Real verifiers compared: a reward model's published scores, and a proof checker that let `sorry` pass."""

from pathlib import Path

import pytest

from ttscale.analysis.comparison.compare import ComparisonSettings, compare_verifiers


def published(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        pytest.skip(f"no {name}")
    return path


def test_qwens_reward_scores_reproduce_the_numbers_found_by_brute_force(shared_data: Path) -> None:
    path = published(shared_data, "qwen_math_cot_100.jsonl")
    settings = ComparisonSettings(k=tuple(range(1, 9)))
    (result,) = compare_verifiers(
        path, ["pred_score", "vote"], oracle="score", answers="pred", settings=settings
    )
    reward, vote = result.verifiers
    assert 100 * result.coverage.value == pytest.approx(
        [91.0, 93.2857, 94.4464, 95.1, 95.4821, 95.7143, 95.875, 96.0], abs=5e-5
    )
    assert 100 * reward.selections[0].curve.value == pytest.approx(
        [91.0, 92.7857, 93.3929, 93.6143, 93.7143, 93.7857, 93.875, 94.0], abs=5e-5
    )
    assert 100 * vote.selections[0].curve.value == pytest.approx(
        [91.0, 91.0, 91.6012, 92.0107, 92.1304, 92.3214, 92.3482, 92.5], abs=5e-5
    )
    assert reward.selections[0].coverage_share[8].value == pytest.approx(94 / 96)
    assert reward.selections[0].gain_share[8].value == pytest.approx(3 / 5)
    assert reward.scale == "sigmoid"  # 57 of the scores are negative


def test_a_checker_that_accepts_sorry_claims_more_than_it_proves(shared_data: Path) -> None:
    path = published(shared_data, "prover_dsv2_minif2f_counts.jsonl")
    (result,) = compare_verifiers(path, ["lean_accepted"], oracle="correct")
    (lean,) = result.verifiers
    assert 100 * result.coverage.value[[0, -1]] == pytest.approx([50.85, 60.25], abs=5e-3)
    assert 100 * lean.claimed.value[[0, -1]] == pytest.approx([56.38, 65.78], abs=5e-3)
    # here a proof with sorry is never mixed with a real one, so resampling reaches all that is proved and no more
    assert 100 * lean.ceiling.value == pytest.approx(60.25, abs=5e-3)
    assert lean.find("precision", "pooled").value == pytest.approx(50.85 / 56.38, abs=2e-4)
    assert lean.find("recall", "pooled").value == 1.0
