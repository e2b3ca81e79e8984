"""The verify stage against verifiers that misbehave."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl
import pytest
from pydantic import BaseModel

from ttscale.errors import StoreError, VerifierError
from ttscale.pipeline.building import NamedVerifier
from ttscale.pipeline.known import KnownVerdicts
from ttscale.pipeline.progress import Progress
from ttscale.pipeline.verifying import candidates, problems_for, verify_cell, verify_in_batches
from ttscale.store.run import RunStore
from ttscale.store.samples import samples_frame
from ttscale.store.verdicts import VerdictSetInfo
from ttscale.types import Outcome, Problem, Sample, Verdict
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
            raise RuntimeError("no good\x1b[31m")
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


def test_an_oracle_must_judge_and_what_is_scored_has_a_score() -> None:
    class Scores(Base):
        def judge(self, candidate: Candidate) -> Verdict:
            score = None if candidate.sample.completion == "none" else 0.5
            return Verdict(outcome=Outcome.SCORED, score=score)

    class ScoresBlindly(Scores):
        sees_answer: ClassVar[bool] = False

    assert outcomes(Scores(), rows("2", "none")) == ["error", "error"]
    assert outcomes(ScoresBlindly(), rows("2", "none")) == ["scored", "error"]


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


def test_candidates_known_from_an_earlier_block_are_not_verified_again() -> None:
    verifier, known = Raises(), KnownVerdicts()
    problems = problems_for(verifier, PROBLEMS)
    first = pl.concat(list(verify_in_batches(verifier, problems, rows("2", "3", "bad"), known)))
    assert first["outcome"].to_list() == ["correct", "incorrect", "error"]
    verifier.seen.clear()
    later = pl.concat(list(verify_in_batches(verifier, problems, rows("3", "4", "2", "bad"), known)))
    by_index = dict(later.select("sample_index", "outcome").iter_rows())
    assert by_index == {0: "incorrect", 1: "incorrect", 2: "correct", 3: "error"}
    assert {each.sample.completion for each in verifier.seen} == {"4", "bad"}  # an error may have passed


def test_a_memory_that_is_full_forgets_and_nothing_else() -> None:
    verifier, known = Base(), KnownVerdicts(largest_bytes=1)
    problems = problems_for(verifier, PROBLEMS)
    for completions in (["2", "3"], ["5", "6"], ["2", "6"]):
        verified = pl.concat(list(verify_in_batches(verifier, problems, rows(*completions), known)))
        assert verified.sort("sample_index")["outcome"].to_list() == [
            "correct" if completion == "2" else "incorrect" for completion in completions
        ]
    assert [each.sample.completion for each in verifier.seen] == ["2", "3", "5", "6", "2"]


def test_errors_are_judged_again_when_asked_and_the_new_verdict_counts(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    writer = store.sample_writer("c", "s")
    writer.add([sample(0, "2"), sample(1, "bad"), sample(2, "3")])
    writer.flush()
    info = VerdictSetInfo(verifier="v", version="1", options={}, sees_answer=True)

    notes: list[str] = []
    progress = Progress()
    progress.note = notes.append  # type: ignore[method-assign]

    def verify(verifier: Base, **options: bool) -> tuple[int, list[str]]:
        with store.writing():
            store.begin(name="r", version="0", config_yaml="", cells={"c": {}})
            store.keep_problems("c", PROBLEMS)
            n = verify_cell(store, "c", NamedVerifier(verifier, info), progress, **options)
        return n, store.verdict_set(info).scan("c").sort("sample_index").collect()["outcome"].to_list()

    assert verify(Raises()) == (3, ["correct", "error", "incorrect"])
    assert (
        "'v' failed on 1 of 3 samples" in notes[0] and r"(1): RuntimeError: no good\x1b[31m." in notes[0]
    ), notes
    assert verify(Base()) == (0, ["correct", "error", "incorrect"])
    assert verify(Raises(), retry_errors=True) == (1, ["correct", "error", "incorrect"])
    repaired = Base()
    assert verify(repaired, retry_errors=True) == (1, ["correct", "incorrect", "incorrect"])
    assert [each.sample.completion for each in repaired.seen] == ["bad"]
    assert verify(Raises(), retry_errors=True) == (0, ["correct", "incorrect", "incorrect"])


def test_an_extension_recalls_what_was_said_of_equal_candidates(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    info = VerdictSetInfo(verifier="v", version="1", options={}, sees_answer=True)

    def extended(verifier: Base, session: str, first: int, completions: Sequence[str]) -> list[str]:
        writer = store.sample_writer("c", session)
        writer.add([sample(first + i, completion) for i, completion in enumerate(completions)])
        writer.flush()
        with store.writing():
            store.begin(name="r", version="0", config_yaml="", cells={"c": {}})
            store.keep_problems("c", PROBLEMS)
            assert verify_cell(store, "c", NamedVerifier(verifier, info), Progress()) == len(completions)
        return list(dict.fromkeys(each.sample.completion for each in verifier.seen))

    assert extended(Raises(), "s1", 0, ["2", "3", "bad", "2"]) == ["2", "3", "bad"]
    unheard = ["2", *(f"new {i}" for i in range(63))]  # those that show how slow the verifier is
    assert extended(Base(), "s2", 4, [*unheard, "3", "2", "bad", "new 0", "newer"]) == [
        *unheard,
        "bad",  # an error is no verdict
        "newer",
    ]
    assert store.verdict_set(info).count("c") == 4 + 69
    stored = store.verdict_set(info).scan("c").sort("sample_index").collect()["outcome"].to_list()
    assert stored[4 + 64 :] == ["incorrect", "correct", "incorrect", "incorrect", "incorrect"]


def test_a_verifier_may_be_given_batches_at_once_and_their_order_stays() -> None:
    class Meets(Base):
        batches_at_once: ClassVar[int] = 2

        def __init__(self) -> None:
            super().__init__()
            self.both = threading.Barrier(2, timeout=60)

        def judge(self, candidate: Candidate) -> Verdict:
            return Verdict(outcome=Outcome.INCORRECT, answer=candidate.sample.completion)

        def verify(self, batch: Sequence[Candidate]) -> Sequence[Verdict]:
            self.both.wait()  # breaks where the other batch does not come before this one is done
            return super().verify(batch)

    frame = rows(*map(str, range(128)))
    verified = pl.concat(verify_in_batches(Meets(), problems_for(Base(), PROBLEMS), frame))
    assert verified["answer"].to_list() == frame["completion"].to_list()


def sample(index: int, completion: str) -> Sample:
    return Sample(
        problem_id="a",
        sample_index=index,
        completion=completion,
        finish_reason="stop",
        prompt_tokens=1,
        completion_tokens=1,
    )


def test_a_verifier_that_compares_gets_whole_problems() -> None:
    class Compares(Base):
        by_problem: ClassVar[bool] = True

        def verify(self, batch: Sequence[Candidate]) -> Sequence[Verdict]:
            batches.append([each.sample.problem_id for each in batch])
            return super().verify(batch)

    batches: list[list[str]] = []
    some = [rows(*(f"{part}{i}" for i in range(40)), problem_id="ab"[part % 2]) for part in range(4)]
    frame = pl.concat(some).with_columns(sample_index=pl.int_range(pl.len()).over("problem_id"))
    assert len(outcomes(Compares(), frame)) == 160
    assert batches == [["a"] * 80, ["b"] * 80]


def test_candidates_are_the_stored_samples_with_every_field() -> None:
    stored = Sample(
        problem_id="b",
        sample_index=7,
        completion="3",
        finish_reason="length",
        prompt_tokens=5,
        completion_tokens=6,
        cumulative_logprob=-1.5,
        token_logprobs=(-1.0, -0.5),
        top_logprobs=np.array([[-0.25, -1.0], [-0.5, -2.0]], np.float32),
        seed=9,
    )
    (found,) = candidates(samples_frame([stored], "c"), {problem.problem_id: problem for problem in PROBLEMS})
    assert found == Candidate(PROBLEMS[1], stored)
    assert found.sample.top_logprobs is not None
    assert found.sample.top_logprobs.tolist() == [[-0.25, -1.0], [-0.5, -2.0]]
    assert set(Sample.__slots__) <= set(samples_frame([stored], "c").columns)
