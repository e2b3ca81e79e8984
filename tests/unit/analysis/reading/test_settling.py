"""What an error of a verifier counts as, sample by sample, and what is said of it."""

import polars as pl
import pytest

from ttscale.analysis.reading.settling import settle
from ttscale.errors import InvalidInputError
from ttscale.exchange.scores import ScoreTable


def table(**columns: list[object]) -> ScoreTable:
    """Return samples of two problems with the outcomes of an oracle and of `v`, whose scores are the sample numbers."""
    size = len(columns["oracle"])
    frame = pl.DataFrame(
        {
            "problem_id": ["a"] * 3 + ["b"] * (size - 3),
            "sample_index": list(range(size)),
            "answer_class": ["x"] * size,
            "outcome:oracle": columns["oracle"],
            "score:oracle": columns.get("scores", [None] * size),
            "outcome:v": columns["v"],
            "score:v": [float(i) for i in range(size)],
            "class:v": ["x"] * size,
            "seconds:v": [1.0] * size,
            "prompt_tokens:v": [None] * size,
            "completion_tokens:v": [None] * size,
        },
        schema_overrides={
            "score:oracle": pl.Float64,
            "prompt_tokens:v": pl.Int64,
            "completion_tokens:v": pl.Int64,
        },
    )
    return ScoreTable(label="cell", oracle="oracle", verifiers=("v",), frame=frame)


RIGHT = ["correct", "incorrect", "correct", "correct"]


def test_without_an_error_every_sample_counts_and_nothing_is_said() -> None:
    found = settle(table(oracle=RIGHT, v=["correct"] * 4))
    assert found.problem.tolist() == [0, 0, 0, 1]
    assert found.correct.tolist() == [True, False, True, True]
    assert found.notes == ()


def test_an_error_stops_unless_it_is_said_what_it_counts_as() -> None:
    broken = table(oracle=RIGHT, v=["correct", "error", "correct", "error"])
    with pytest.raises(
        InvalidInputError, match=r"'v' failed on 2 of 4 samples.*--errors drop.*--errors wrong"
    ):
        settle(broken)


def test_dropped_errors_are_left_out_for_all_and_a_problem_may_go_with_them() -> None:
    found = settle(table(oracle=RIGHT, v=["correct", "error", "correct", "error"]), "drop")
    assert found.problem.tolist() == [0, 0]
    assert found.verifiers[0].score.tolist() == [0, 2]
    assert found.notes == (
        "'v' failed on 2 of 4 samples; they are left out for all verifiers.",
        "1 problems have no sample left and are not in the comparison.",
    )


def test_errors_that_count_as_wrong_are_rejected_with_the_lowest_score() -> None:
    found = settle(table(oracle=RIGHT, v=["correct", "correct", "error", "correct"]), "wrong")
    (said,) = found.verifiers
    assert said.score.tolist() == [0, 1, 0, 3]
    assert said.accepted is not None and said.accepted.tolist() == [True, True, False, True]
    assert found.notes == ("'v' failed on 1 of 4 samples; they are counted as rejected.",)


def test_what_was_never_asked_is_no_error_and_can_only_be_left_out() -> None:
    unasked = table(oracle=RIGHT, v=["correct", None, "correct", "correct"])
    for errors in ("stop", "wrong"):
        with pytest.raises(InvalidInputError, match="Verdicts are missing: 'v' lacks 1 of 4 samples"):
            settle(unasked, errors)  # type: ignore[arg-type]
    assert settle(unasked, "drop").problem.tolist() == [0, 0, 1]


def test_an_oracle_that_only_scores_needs_a_threshold() -> None:
    scored = table(oracle=["scored"] * 4, v=["correct"] * 4, scores=[0.1, 0.5, 0.9, None])
    with pytest.raises(InvalidInputError, match=r"'oracle' only scores.*--threshold oracle=0.5"):
        settle(scored)
    assert settle(scored, thresholds={"oracle": 0.5}).correct.tolist() == [False, True, True, False]


def test_a_threshold_replaces_a_verifiers_own_verdict() -> None:
    found = settle(table(oracle=RIGHT, v=["incorrect"] * 4), thresholds={"v": 2.0})
    accepted = found.verifiers[0].accepted
    assert accepted is not None and accepted.tolist() == [False, False, True, True]


def test_nothing_left_is_an_error() -> None:
    with pytest.raises(InvalidInputError, match="No sample of cell has a verdict of every verifier"):
        settle(table(oracle=RIGHT, v=["error"] * 4), "drop")
