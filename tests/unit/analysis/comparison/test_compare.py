"""Comparing verifiers on small tables where every number is known, errors included."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ttscale.analysis.comparison.compare import ComparisonSettings, compare_samples, compare_verifiers
from ttscale.analysis.comparison.results import Comparison
from ttscale.analysis.reading.settling import settle
from ttscale.config.models import PluginSettings
from ttscale.errors import ConfigError, InvalidInputError
from ttscale.exchange.scores import ScoreTable, read_score_tables
from ttscale.pipeline.building import build_verifier
from ttscale.stats.selectors.accepting import utility
from ttscale.stats.selectors.selection import best_of_k
from ttscale.stats.selectors.voting import maj_at_k, weighted_maj_at_k

P, N = 30, 8


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A reward with negative scores, a check with known errors, an all-knowing one, and answers to vote with."""
    rng = np.random.default_rng(0)
    problem = np.repeat(np.arange(P), N)
    correct = rng.random(P * N) < rng.beta(0.5, 1.0, P)[problem]
    answer = np.where(correct, 0, rng.integers(1, 4, P * N))
    path = tmp_path / "scores.parquet"
    pl.DataFrame(
        {
            "problem_id": problem,
            "correct": correct,
            "answer_class": answer,
            "reward": rng.normal(correct, 1.0),
            "check": correct | (rng.random(P * N) < 0.2),
            "truth": correct,
        }
    ).write_parquet(path)
    return path


def compared(path: Path, *verifiers: str, **settings: object) -> Comparison:
    (result,) = compare_verifiers(path, list(verifiers), settings=ComparisonSettings(**settings))
    return result


def spoiled(path: Path, column: str, rows: list[int]) -> Path:
    frame = pl.read_parquet(path).with_row_index()
    hurt = pl.when(pl.col("index").is_in(rows)).then(None).otherwise(pl.col(column)).alias(column)
    other = path.with_name("spoiled.parquet")
    frame.with_columns(hurt).drop("index").write_parquet(other)
    return other


def test_curves_are_those_of_the_estimators(table: Path) -> None:
    frame = pl.read_parquet(table)
    problem, correct = frame["problem_id"].to_numpy(), frame["correct"].to_numpy()
    result = compared(table, "reward", "vote", k=(1, 3, 8))
    reward, vote = result.verifiers
    assert reward.selections[0].curve.k.tolist() == [1, 2, 3, 4, 8]
    expected = best_of_k(problem, frame["reward"].to_numpy(), correct, [1, 2, 3, 4, 8]).mean(axis=0)
    assert reward.selections[0].curve.value == pytest.approx(expected)
    expected = maj_at_k(problem, frame["answer_class"].to_numpy(), correct, [1, 2, 3, 4, 8]).mean(axis=0)
    assert vote.selections[0].curve.value == pytest.approx(expected)
    at = dict(zip(result.differences_at, result.differences.value, strict=True))
    assert at["reward", "vote", 8] == pytest.approx(
        reward.selections[0].curve.value[-1] - vote.selections[0].curve.value[-1]
    )
    assert {k for _, _, k in result.differences_at} == {3, 8}  # nothing to choose at k = 1


def test_a_vote_weighted_by_verdicts_is_the_plurality_of_the_accepted(table: Path) -> None:
    frame = pl.read_parquet(table)
    problem, correct = frame["problem_id"].to_numpy(), frame["correct"].to_numpy()
    answer, check = frame["answer_class"].to_numpy(), frame["check"].to_numpy()
    (report,) = compared(table, "check").verifiers
    vote = next(one.curve for one in report.selections if one.name == "weighted vote")
    assert vote.standard_error is None
    expected = weighted_maj_at_k(problem, answer, check.astype(float), correct, vote.k)  # by enumeration
    assert vote.value == pytest.approx(expected.value.mean(axis=0))


def test_a_verifier_that_knows_all_collects_all(table: Path) -> None:
    result = compared(table, "truth")
    (truth,) = result.verifiers
    for selection in truth.selections:
        # with this knowledge, every way of picking finds a correct sample where there is one
        assert selection.curve.value == pytest.approx(result.coverage.value, abs=0.01), selection.name
        assert selection.gain_share[8].value == pytest.approx(1.0, abs=0.01)
    assert truth.find("auroc", "pooled").value == 1.0
    assert truth.find("ece", "pooled").value == 0.0
    assert truth.claimed.value == pytest.approx(result.coverage.value)
    assert truth.ceiling.value == pytest.approx(result.coverage.value[-1])
    assert result.differences is None


def test_the_ceiling_and_the_best_budget_follow_the_closed_forms(table: Path) -> None:
    frame = pl.read_parquet(table)
    by = frame.group_by("problem_id", maintain_order=True).agg(
        A=pl.col("check").sum(), T=(pl.col("check") & pl.col("correct")).sum()
    )
    A, T = by["A"].to_numpy(), by["T"].to_numpy()
    (check,) = compared(table, "check", cost_wrong=4.0, cost_per_draw=0.01).verifiers
    assert check.ceiling.value == pytest.approx(np.mean(T / np.maximum(A, 1)))
    gain = utility(N, A, T, np.arange(1, N + 1), cost_wrong=4.0, cost_per_draw=0.01).mean(axis=0)
    best = int(np.argmax(gain)) + 1 if gain.max() > 0 else 0
    assert (check.decision.k, check.policy) == (best, "first accepted")


def test_what_only_scores_has_no_verdicts_until_a_threshold_gives_them(table: Path) -> None:
    (reward,) = compared(table, "reward").verifiers
    assert reward.find("precision", "pooled") is None
    assert reward.ceiling is None
    assert [one.name for one in reward.selections] == ["best of k", "weighted vote"]
    (strict,) = compared(table, "reward", thresholds={"reward": 0.5}).verifiers
    frame = pl.read_parquet(table)
    accepted = frame.filter(pl.col("reward") >= 0.5)
    assert strict.find("precision", "pooled").value == pytest.approx(accepted["correct"].mean())


def test_scores_within_the_unit_interval_are_probabilities_and_logits_are_squashed(table: Path) -> None:
    reward, check = compared(table, "reward", "check").verifiers
    assert (reward.scale, check.scale) == ("sigmoid", "as is")
    assert {one.metric for one in reward.calibration} == {"ece", "calibration error"}


def test_the_ensemble_uses_the_others_and_says_how(table: Path) -> None:
    result = compared(table, "reward", "check", "vote", "ensemble")
    ensemble = result.verifiers[-1]
    assert list(ensemble.detail) == [
        "log-odds per standard deviation of reward",
        "log-odds per standard deviation of check",
    ]
    assert all(value > 0 for value in ensemble.detail.values())
    assert ensemble.find("auroc", "pooled").value > 0.8
    with pytest.raises(InvalidInputError, match="combines other verifiers"):
        compared(table, "vote", "ensemble")


def test_errors_stop_with_the_choices_and_are_never_silently_wrong(table: Path) -> None:
    path = spoiled(table, "check", [0, 1, 17])
    with pytest.raises(
        InvalidInputError, match=r"'check' failed on 3 of 240 samples.*--errors drop.*--errors wrong"
    ):
        compared(path, "reward", "check")


def test_dropping_errors_leaves_the_same_samples_to_every_verifier(table: Path) -> None:
    path = spoiled(table, "check", [0, 1, 17])
    result = compared(path, "reward", "check", errors="drop")
    assert result.n_samples == P * N - 3
    assert int(result.coverage.k[-1]) == N - 2  # problem 0 lost two samples
    assert "'check' failed on 3 of 240 samples; they are left out for all verifiers." in result.notes
    assert result.verifiers[1].outcomes["error"] == 3
    alone = compared(path, "reward")
    assert alone.n_samples == P * N


def test_counting_errors_as_wrong_rejects_those_samples(table: Path) -> None:
    frame = pl.read_parquet(table)
    rows = np.flatnonzero(frame["correct"].to_numpy())[:5].tolist()
    samples = settle(read_score_tables(spoiled(table, "check", rows), ["check"])[0], "wrong")
    (check,) = samples.verifiers
    assert check.failed.sum() == 5
    assert not check.accepted[rows].any()
    assert (check.score[rows] == 0).all()
    assert len(samples.problem) == P * N


def test_errors_of_a_verifier_that_accepts_all_else_still_rank_last(tmp_path: Path) -> None:
    path = tmp_path / "always.csv"
    path.write_text("problem_id,correct,always\na,1,1\na,0,\nb,1,1\nb,0,\n", encoding="utf-8")
    (always,) = settle(read_score_tables(path, ["always"])[0], "wrong").verifiers
    assert always.score.tolist() == [1.0, 0.0, 1.0, 0.0]


def test_oracle_errors_are_subject_to_the_same_choice(table: Path) -> None:
    path = spoiled(table, "correct", [3])
    with pytest.raises(InvalidInputError, match="'correct' failed on 1 of 240"):
        compared(path, "reward")
    assert compared(path, "reward", errors="drop").n_samples == P * N - 1
    counted = settle(read_score_tables(path, ["reward"])[0], "wrong")
    assert not counted.correct[3]


def test_budgets_beyond_the_samples_are_refused(table: Path) -> None:
    with pytest.raises(InvalidInputError, match="ask for k <= 8"):
        compared(table, "reward", k=(16,))


def test_the_vote_needs_answers(table: Path) -> None:
    path = table.with_name("no_answers.parquet")
    pl.read_parquet(table).drop("answer_class").write_parquet(path)
    with pytest.raises(InvalidInputError, match="'vote' needs answers"):
        compared(path, "vote")
    assert [one.name for one in compared(path, "reward").verifiers[0].selections] == ["best of k"]


def test_one_sample_per_problem_is_compared_without_a_choice_to_make(tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    path.write_text(
        "problem_id,correct,a,b\n" + "".join(f"{i},{i % 2},{i},{-i}\n" for i in range(1, 9)), encoding="utf-8"
    )
    result = compared(path, "a", "b")
    assert result.differences is None
    assert result.verifiers[0].selections[0].plateau.k is None
    assert np.isnan(result.verifiers[0].selections[0].gain_share[1].value)
    assert result.collected_table() and result.judgement_table() and result.decision_table()


def test_rows_are_tidy_and_carry_their_interval(table: Path) -> None:
    result = compared(table, "reward", "check", "vote", "ensemble")
    rows = list(result.to_rows())
    metrics = {row["metric"] for row in rows}
    assert metrics >= {
        "coverage", "claimed coverage", "accuracy", "coverage share", "gain share", "plateau k", "auroc", "precision",
        "recall", "specificity", "ece", "calibration error", "reliability", "ceiling", "best k", "utility at best k",
        "difference",
    }  # fmt: skip
    for row in rows:
        if row["metric"] in ("accuracy", "auroc", "difference", "ceiling"):
            assert row["low"] <= row["value"] <= row["high"], row
            assert {"method", "n_problems", "confidence_level"} <= row.keys()


def test_the_same_seed_repeats(table: Path) -> None:
    first, again, other = (
        compared(table, "reward", "vote", "ensemble", seed=seed).judgement_table() for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_samples_in_memory_need_no_file(table: Path) -> None:
    samples = settle(read_score_tables(table, ["reward"])[0])
    assert compare_samples(samples, ["reward"], ComparisonSettings()).n_samples == P * N


@pytest.mark.parametrize("name", ["vote", "ensemble"])
def test_a_configuration_that_asks_for_a_derived_verifier_is_told_the_command(name: str) -> None:
    with pytest.raises(ConfigError, match=f"'{name}' .*ttscale compare RUN --verifiers {name}"):
        build_verifier(PluginSettings(name=name))


def test_without_answers_of_the_oracle_a_verifiers_own_classes_vote() -> None:
    """As CodeT does: the classes are sets of tests passed, and a class weighs (programs) x (tests)."""
    frame = pl.DataFrame(
        {
            "problem_id": ["a"] * 4,
            "answer_class": pl.Series([None] * 4, dtype=pl.String),
            "outcome:code": ["correct", "correct", "incorrect", "incorrect"],
            "score:code": [None] * 4,
            "class:code": pl.Series([None] * 4, dtype=pl.String),
            "seconds:code": [None] * 4,
            "outcome:tests": ["scored"] * 4,
            "score:tests": [3.0, 3.0, 5.0, 0.0],
            "class:tests": ["abc", "abc", "cdefg", None],
            "seconds:tests": [0.5, 1.5, None, None],
        }
    )
    table = ScoreTable(label="codet", oracle="code", verifiers=("tests",), frame=frame)
    (report,) = compare_samples(settle(table), ["tests"], ComparisonSettings()).verifiers
    curves = {one.name: one.curve.value[-1] for one in report.selections}
    assert curves == {"best of k": 0.0, "weighted vote, own classes": 1.0}  # 2 x 3 against 1 x 5
    assert report.seconds_per_sample == 1.0


def test_a_verifier_that_only_scores_has_no_precision_until_a_threshold_is_given() -> None:
    frame = scored_by("reward", ["scored", "scored", "scored", "no_answer"], [0.1, 0.9, 0.4, None])
    table = ScoreTable(label="t", oracle="key", verifiers=("reward",), frame=frame)
    (only_scores,) = compare_samples(settle(table), ["reward"], ComparisonSettings()).verifiers
    assert only_scores.find("precision", "pooled") is None
    assert only_scores.claimed is None and only_scores.ceiling is None
    (judges,) = compare_samples(
        settle(table, thresholds={"reward": 0.5}), ["reward"], ComparisonSettings()
    ).verifiers
    precision = judges.find("precision", "pooled")
    assert precision is not None and precision.value == 1.0


def test_a_verifier_that_accepts_everything_has_the_precision_of_no_verifier() -> None:
    frame = scored_by("optimist", ["correct"] * 4, [0.1, 0.9, 0.4, 0.5])
    table = ScoreTable(label="t", oracle="key", verifiers=("optimist",), frame=frame)
    (report,) = compare_samples(settle(table), ["optimist"], ComparisonSettings()).verifiers
    precision = report.find("precision", "pooled")
    assert precision is not None and precision.value == 0.5


def test_scores_define_what_is_correct_only_with_a_threshold() -> None:
    frame = scored_by("reward", ["scored"] * 4, [0.1, 0.9, 0.4, 0.6])
    table = ScoreTable(label="t", oracle="reward", verifiers=("key",), frame=frame)
    with pytest.raises(InvalidInputError, match=r"'reward' only scores.*--threshold reward="):
        settle(table)
    assert settle(table, thresholds={"reward": 0.5}).correct.tolist() == [False, True, False, True]


def scored_by(name: str, outcomes: list[str], scores: list[float | None]) -> pl.DataFrame:
    """Two problems of two samples, the second of each correct, and one verifier beside the oracle `key`."""
    nothing = pl.Series([None] * 4, dtype=pl.String)
    return pl.DataFrame(
        {
            "problem_id": ["a", "a", "b", "b"],
            "answer_class": nothing,
            "outcome:key": ["incorrect", "correct", "incorrect", "correct"],
            "score:key": pl.Series([None] * 4, dtype=pl.Float64),
            "class:key": nothing,
            "seconds:key": pl.Series([None] * 4, dtype=pl.Float64),
            f"outcome:{name}": outcomes,
            f"score:{name}": pl.Series(scores, dtype=pl.Float64),
            f"class:{name}": nothing,
            f"seconds:{name}": pl.Series([None] * 4, dtype=pl.Float64),
        }
    )


def test_tokens_spent_on_judging_are_shown_as_its_price() -> None:
    frame = scored_by("judge", ["correct", "incorrect", "correct", "correct"], [1.0, 0.0, 0.7, 0.8])
    frame = frame.with_columns(
        pl.Series("prompt_tokens:judge", [100, 200, 300, None]),
        pl.Series("completion_tokens:judge", [10, 20, 30, None]),
    )
    table = ScoreTable(label="t", oracle="key", verifiers=("judge",), frame=frame)
    result = compare_samples(settle(table), ["judge", "ensemble"], ComparisonSettings(n_folds=2))
    assert [one.tokens_per_sample for one in result.verifiers] == [(200.0, 20.0)] * 2
    assert [row["tokens/sample"] for row in result.judgement_table()] == ["200 + 20"] * 2
    metrics = {row["metric"]: row["value"] for row in result.to_rows() if row["verifier"] == "judge"}
    assert metrics["prompt tokens per sample"] == 200.0
