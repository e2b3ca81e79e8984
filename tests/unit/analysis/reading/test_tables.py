"""What score a sample counts with where its verifier gave none."""

import numpy as np
import polars as pl
import pytest

from ttscale.analysis.reading.tables import _score
from ttscale.types import Outcome


def scores(outcomes: list[Outcome], values: list[float | None]) -> list[float]:
    frame = pl.DataFrame(
        {"outcome:v": [str(one) for one in outcomes], "score:v": values},
        schema_overrides={"score:v": pl.Float64},
    )
    return _score(frame, "v").tolist()


def test_no_answer_is_as_bad_as_the_worst_even_where_all_scores_are_negative() -> None:
    found = scores([Outcome.SCORED, Outcome.NO_ANSWER, Outcome.SCORED], [-3.0, None, -1.5])
    assert found == [-3.0, -3.0, -1.5]


def test_a_verifier_without_scores_scores_what_it_accepts() -> None:
    assert scores([Outcome.CORRECT, Outcome.INCORRECT, Outcome.NO_ANSWER], [None, None, None]) == [
        1.0,
        0.0,
        0.0,
    ]


@pytest.mark.parametrize("values", [[None, -1.0], [None, None]])
def test_an_error_is_no_score(values: list[float | None]) -> None:
    found = scores([Outcome.ERROR, Outcome.CORRECT], values)
    assert np.isnan(found[0])
    assert not np.isnan(found[1])
