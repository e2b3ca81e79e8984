"""What score a sample counts with where its verifier gave none, and what a verifier accepts."""

import polars as pl
import pytest

from ttscale.analysis.reading.verified import VerifierScores, dense_rank, verifier_scores
from ttscale.types import Outcome


def said(outcomes: list[Outcome | None], values: list[float | None]) -> VerifierScores:
    frame = pl.DataFrame(
        {
            "outcome:v": [None if one is None else str(one) for one in outcomes],
            "score:v": values,
            "class:v": [None] * len(values),
        },
        schema={"outcome:v": pl.String, "score:v": pl.Float64, "class:v": pl.UInt32},
    )
    return verifier_scores(frame, "v")


def test_no_answer_is_as_bad_as_the_worst_even_where_all_scores_are_negative() -> None:
    found = said([Outcome.SCORED, Outcome.NO_ANSWER, Outcome.SCORED], [-3.0, None, -1.5])
    assert found.score.tolist() == [-3.0, -3.0, -1.5]
    assert found.accepted is None  # it only scores


def test_no_answer_is_worse_than_answers_that_are_all_alike() -> None:
    found = said([Outcome.SCORED, Outcome.NO_ANSWER, Outcome.SCORED], [-2.0, None, -2.0])
    assert found.score[1] < found.score[0] == found.score[2]


def test_a_verifier_without_scores_scores_what_it_accepts() -> None:
    found = said([Outcome.CORRECT, Outcome.INCORRECT, Outcome.NO_ANSWER], [None, None, None])
    assert found.score.tolist() == [1.0, 0.0, 0.0]
    assert found.accepted is not None
    assert found.accepted.tolist() == [True, False, False]


@pytest.mark.parametrize("values", [[None, -1.0], [None, None]])
@pytest.mark.parametrize("outcome", [Outcome.ERROR, None])
def test_neither_an_error_nor_a_missing_verdict_is_a_score(
    outcome: Outcome | None, values: list[float | None]
) -> None:
    found = said([outcome, Outcome.CORRECT], values)
    assert found.failed.tolist() == [True, False]
    assert found.n_failed == 1
    assert found.accepted is not None
    assert not found.accepted[0]


def test_answers_rank_as_they_sort_and_none_stays_none() -> None:
    texts = ["b", None, "10", "é", "9", "b", "", None]
    frame = pl.DataFrame(
        {"text": texts, "number": pl.Series([2, None, 1, 5, 3, 2, 0, None], dtype=pl.UInt32)}
    )
    place = {text: rank for rank, text in enumerate(sorted({t for t in texts if t is not None}), start=1)}
    ranks = frame.select(dense_rank("text"), dense_rank("number"))
    assert ranks["text"].to_list() == [None if text is None else place[text] for text in texts]
    assert ranks["number"].to_list() == [3, None, 2, 5, 4, 3, 1, None]
