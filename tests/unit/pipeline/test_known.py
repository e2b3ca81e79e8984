"""Verdicts of candidates verified before: used for equal candidates, forgotten where they must not be trusted."""

import polars as pl

from ttscale.pipeline.known import FINGERPRINT, KnownVerdicts, with_verdicts
from ttscale.store.verdicts import VERDICT_COLUMNS, VERDICT_SCHEMA
from ttscale.types import Outcome

COLUMNS = {name: VERDICT_SCHEMA[name] for name in VERDICT_COLUMNS}


def samples(*completions: str, problem_id: str = "a", finish_reason: str = "stop") -> pl.DataFrame:
    n = len(completions)
    return pl.DataFrame(
        {
            "problem_id": [problem_id] * n,
            "sample_index": pl.Series(range(n), dtype=pl.Int64),
            "completion": completions,
            "finish_reason": [finish_reason] * n,
        }
    )


def keyed(known: KnownVerdicts, rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(known.fingerprints()).select("problem_id", "sample_index", *FINGERPRINT)


def verified(known: KnownVerdicts, rows: pl.DataFrame, *outcomes: Outcome) -> pl.DataFrame:
    verdicts = pl.DataFrame({"outcome": list(map(str, outcomes))}).with_columns(
        pl.lit(None, dtype).alias(name) for name, dtype in COLUMNS.items() if name != "outcome"
    )
    return pl.concat(
        [keyed(known, rows).select(FINGERPRINT), verdicts.select(VERDICT_COLUMNS)], how="horizontal"
    )


def outcomes_of(known: KnownVerdicts, rows: pl.DataFrame) -> dict[int, str]:
    return dict(known.of(keyed(known, rows)).select("sample_index", "outcome").iter_rows())


def test_nothing_is_known_of_a_fresh_memory() -> None:
    known = KnownVerdicts()
    assert known.of(keyed(known, samples("1", "2"))).height == 0


def test_equal_candidates_have_the_verdict_and_others_none() -> None:
    known = KnownVerdicts()
    known.add(verified(known, samples("2", "3"), Outcome.CORRECT, Outcome.INCORRECT))
    assert outcomes_of(known, samples("3", "2", "4", "2")) == {0: "incorrect", 1: "correct", 3: "correct"}


def test_another_problem_or_another_ending_is_another_candidate() -> None:
    known = KnownVerdicts()
    known.add(verified(known, samples("2"), Outcome.CORRECT))
    assert outcomes_of(known, samples("2", problem_id="b")) == {}
    assert outcomes_of(known, samples("2", finish_reason="length")) == {}


def test_an_error_is_asked_again() -> None:
    known = KnownVerdicts()
    known.add(verified(known, samples("2", "3"), Outcome.ERROR, Outcome.TIMEOUT))
    assert outcomes_of(known, samples("2", "3")) == {1: "timeout"}


def test_beyond_the_bound_the_oldest_are_forgotten_and_the_newest_never() -> None:
    known = KnownVerdicts(largest_bytes=1)
    for completion in ("1", "2", "3"):
        known.add(verified(known, samples(completion), Outcome.CORRECT))
    assert outcomes_of(known, samples("1", "2", "3")) == {2: "correct"}


def test_fingerprints_differ_between_memories() -> None:
    """Their keys are drawn: nobody can write a completion that collides with another one."""
    rows = samples("2")
    first, second = (keyed(KnownVerdicts(), rows).select(FINGERPRINT).row(0) for _ in range(2))
    assert first != second


def test_samples_without_a_verified_candidate_are_left_out_and_the_order_stays() -> None:
    known = KnownVerdicts()
    keys = keyed(known, samples("1", "2", "1", "3"))
    found = with_verdicts(keys, verified(known, samples("1", "3"), Outcome.CORRECT, Outcome.INCORRECT))
    assert found["sample_index"].to_list() == [0, 2, 3]
    assert found["outcome"].to_list() == ["correct", "correct", "incorrect"]
