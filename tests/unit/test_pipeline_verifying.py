"""The verify stage against verifiers that misbehave."""

from collections.abc import Sequence
from typing import ClassVar

import polars as pl
import pytest
from pydantic import BaseModel

from ttscale.errors import StoreError, VerifierError
from ttscale.pipeline.verifying import problems_for, verify_in_batches
from ttscale.types import Outcome, Problem, Verdict
from ttscale.verifiers.contract import Candidate

PROBLEMS = [
    Problem(problem_id="a", prompt="1+1=", answer="2"),
    Problem(problem_id="b", prompt="", answer="3"),
]


def rows(*completions: str, problem_id: str = "a") -> pl.DataFrame:
    count = len(completions)
    return pl.DataFrame(
        {
            "problem_id": [problem_id] * count,
            "sample_index": range(count),
            "completion": completions,
            "finish_reason": ["stop"] * count,
            "prompt_tokens": [1] * count,
            "completion_tokens": [1] * count,
            "cumulative_logprob": [None] * count,
            "token_logprobs": [None] * count,
            "seed": [None] * count,
        }
    )


class Base:
    Options: ClassVar[type[BaseModel]] = BaseModel
    version: ClassVar[str] = "1"
    sees_answer: ClassVar[bool] = True
    deterministic: ClassVar[bool] = True

    def __init__(self, options: object = None) -> None:
        self.seen: list[Candidate] = []

    def judge(self, candidate: Candidate) -> Verdict:
        right = candidate.sample.completion == candidate.problem.answer
        return Verdict(outcome=Outcome.CORRECT if right else Outcome.INCORRECT)

    def verify(self, batch: Sequence[Candidate]) -> Sequence[Verdict]:
        self.seen += batch
        return [self.judge(candidate) for candidate in batch]


class Raises(Base):
    def judge(self, candidate: Candidate) -> Verdict:
        if candidate.sample.completion == "bad":
            raise RuntimeError("no good")
        return super().judge(candidate)


class CountsWrong(Base):
    def verify(self, batch: Sequence[Candidate]) -> Sequence[Verdict]:
        return [verdict for verdict in super().verify(batch) if verdict.outcome is Outcome.CORRECT]


class ScoresNan(Base):
    def judge(self, candidate: Candidate) -> Verdict:
        return Verdict(outcome=Outcome.CORRECT, score=float("nan"))


class CannotRun(Base):
    def verify(self, batch: Sequence[Candidate]) -> Sequence[Verdict]:
        raise VerifierError("no sandbox")


def outcomes(verifier: Base, frame: pl.DataFrame) -> list[str]:
    problems = problems_for(verifier, PROBLEMS)
    verified = pl.concat(list(verify_in_batches(verifier, problems, frame))).sort(
        "problem_id", "sample_index"
    )
    assert verified.height == frame.height
    return verified["outcome"].to_list()


def test_equal_completions_are_verified_once_and_every_sample_gets_its_verdict() -> None:
    verifier = Base()
    assert outcomes(verifier, rows("2", "3", "2", "2")) == ["correct", "incorrect", "correct", "correct"]
    assert len(verifier.seen) == 2


def test_equal_completions_of_different_problems_are_different_candidates() -> None:
    verifier = Base()
    frame = pl.concat([rows("3"), rows("3", problem_id="b")])
    assert outcomes(verifier, frame) == ["incorrect", "correct"]


def test_a_verifier_that_is_not_deterministic_sees_every_sample() -> None:
    class Random(Base):
        deterministic: ClassVar[bool] = False

    verifier = Random()
    outcomes(verifier, rows("2", "2", "2"))
    assert len(verifier.seen) == 3


def test_an_exception_is_an_error_on_the_candidate_that_caused_it_alone() -> None:
    verifier = Raises()
    assert outcomes(verifier, rows("2", "bad", "3")) == ["correct", "error", "incorrect"]
    verified = next(verify_in_batches(Raises(), problems_for(verifier, PROBLEMS), rows("bad")))
    assert "RuntimeError: no good" in verified["detail"][0]


def test_a_wrong_number_of_verdicts_is_an_error_not_a_shift() -> None:
    assert outcomes(CountsWrong(), rows("2", "3", "4")) == ["correct", "error", "error"]


def test_a_nan_score_is_an_error() -> None:
    assert outcomes(ScoresNan(), rows("2")) == ["error"]


def test_a_verifier_that_cannot_run_at_all_stops_the_stage() -> None:
    with pytest.raises(VerifierError, match="no sandbox"):
        outcomes(CannotRun(), rows("2"))


def test_a_verifier_that_must_not_peek_gets_no_key() -> None:
    class Blind(Base):
        sees_answer: ClassVar[bool] = False

    verifier = Blind()
    outcomes(verifier, rows("2"))
    assert [candidate.problem.answer for candidate in verifier.seen] == [None]


def test_samples_of_unknown_problems_are_refused() -> None:
    with pytest.raises(StoreError, match=r"unknown problems.*zzz"):
        outcomes(Base(), rows("2", problem_id="zzz"))
