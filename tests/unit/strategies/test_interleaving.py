"""Attempts kept apart and moved on: what is asked, answered, refused, repeated, and what a strategy may not do."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest

from ttscale.errors import StrategyError
from ttscale.strategies.contract import Attempt, Completion, Generate, Judge
from ttscale.strategies.interleaving import Asked, Interleaver, Totals, attempt_rng
from ttscale.types import Outcome, Problem, Verdict

PROBLEM = Problem(problem_id="p", prompt="1+1=", answer="2", hidden={"tests": ["x"]})


class Scripted:
    """A strategy made of one generator function."""

    needs: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, steps: Callable[[Problem, np.random.Generator], Any]) -> None:
        self.attempt = steps


def at_work(steps: Callable[..., Any], **options: Any) -> Interleaver:
    return Interleaver(Scripted(steps), "scripted", run_seed=7, **options)


def completion(asked: Asked, text: str = "2", **more: Any) -> Completion:
    known = {"finish_reason": "stop", "prompt_tokens": 5, "cached_tokens": 0, "completion_tokens": 2, **more}
    return Completion(path=asked.path, text=text, **known)


def one_call(problem: Problem, rng: np.random.Generator) -> Any:
    return Attempt.of((yield Generate()))


def two_then_judge(problem: Problem, rng: np.random.Generator) -> Any:
    drafts = yield [Generate(), Generate(role="second")]
    verdict = yield Judge.of(drafts[1])
    return Attempt.of(drafts[verdict.outcome is Outcome.CORRECT])


def test_an_attempt_sees_neither_key_nor_hidden_tests() -> None:
    seen = []

    def look(problem: Problem, rng: np.random.Generator) -> Any:
        seen.append(problem)
        return (yield from one_call(problem, rng))

    work = at_work(look)
    work.begin(PROBLEM, 0)
    assert (seen[0].answer, seen[0].hidden, seen[0].prompt) == (None, {}, "1+1=")


def test_answers_of_one_step_may_come_in_any_order() -> None:
    work = at_work(two_then_judge)
    work.begin(PROBLEM, 4)
    first, second = work.calls.popleft(), work.calls.popleft()
    assert [(one.path, one.attempt) for one in (first, second)] == [("0", ("p", 4)), ("0.1", ("p", 4))]
    work.answer(second, completion(second, "B"))
    assert not work.judgements  # the other draft is awaited
    work.answer(first, completion(first, "A"))
    (judgement,) = work.judgements
    assert (judgement.path, judgement.ask.text) == ("1", "B")
    work.answer(judgement, Verdict(outcome=Outcome.CORRECT, prompt_tokens=3))
    (finished,) = work.finished
    assert finished.attempt.text == "B"
    totals = finished.totals
    assert (totals.calls, totals.judged, totals.judge_tokens) == (2, 1, 3)
    assert (totals.prompt_tokens, totals.completion_tokens, totals.later_prompt_tokens) == (10, 4, 5)
    assert work.n_running == 0


def test_what_is_recorded_is_not_asked_again() -> None:
    recorded = {"0": completion(Asked(PROBLEM, 0, "0", Generate()), "A")}
    work = at_work(two_then_judge, recorded=lambda key: recorded if key == ("p", 0) else {})
    work.begin(PROBLEM, 0)
    assert [one.path for one in work.calls] == ["0.1"]
    work.begin(PROBLEM, 1)
    assert [(one.index, one.path) for one in work.calls] == [(0, "0.1"), (1, "0"), (1, "0.1")]


def test_an_attempt_that_is_all_recorded_is_done_when_it_begins() -> None:
    work = at_work(one_call, recorded=lambda key: {"0": completion(Asked(PROBLEM, 0, "0", Generate()), "A")})
    work.begin(PROBLEM, 0)
    assert (len(work.calls), work.finished[0].attempt.text) == (0, "A")


@pytest.mark.parametrize("fails_by", ["refusal", "verifier"])
def test_a_failure_ends_its_attempt_and_no_other(fails_by: str) -> None:
    work = at_work(two_then_judge)
    for index in (0, 1):
        work.begin(PROBLEM, index)
    if fails_by == "refusal":
        work.refuse(work.calls.popleft(), "too long")
        assert {one.index for one in work.calls} == {1}
    else:
        for asked in [work.calls.popleft() for _ in range(2)]:
            work.answer(asked, completion(asked))
        work.answer(work.judgements.popleft(), Verdict(outcome=Outcome.ERROR, detail="no server"))
    (failed,) = work.failed
    assert (failed.problem_id, failed.index) == ("p", 0)
    assert failed.reason in ("too long", "no server")
    assert work.n_running == 1


def test_an_answer_to_an_attempt_that_failed_meanwhile_is_passed_over() -> None:
    work = at_work(two_then_judge)
    work.begin(PROBLEM, 0)
    first, second = work.calls.popleft(), work.calls.popleft()
    work.refuse(first, "too long")
    work.answer(second, completion(second))
    work.refuse(second, "again")
    assert (len(work.failed), len(work.finished)) == (1, 0)


def broken(what: Any) -> Callable[..., Any]:
    def steps(problem: Problem, rng: np.random.Generator) -> Any:
        return (yield what)

    return steps


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("text", "yielded str at problem 'p', attempt 0, step 0. Yield a Generate"),
        ([Generate(), 3], "yielded int"),
        (Generate(prompt=""), "empty prompt"),
        (Generate(messages=()), "empty prompt"),
        (Generate(max_tokens=0), "at most 0 tokens"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name_and_place(what: Any, message: str) -> None:
    with pytest.raises(StrategyError, match=message):
        at_work(broken(what)).begin(PROBLEM, 0)


def test_a_strategy_must_return_an_attempt() -> None:
    work = at_work(broken(Generate()))
    work.begin(PROBLEM, 0)
    with pytest.raises(
        StrategyError, match="returned Completion instead of an Attempt at problem 'p', attempt 0"
    ):
        work.answer(asked := work.calls.popleft(), completion(asked))


def test_a_strategy_that_raises_is_named_with_its_error() -> None:
    def steps(problem: Problem, rng: np.random.Generator) -> Any:
        yield Generate()
        raise KeyError("score")

    work = at_work(steps)
    work.begin(PROBLEM, 0)
    with pytest.raises(
        StrategyError, match="'scripted' broke at problem 'p', attempt 0, step 1: KeyError: 'score'"
    ):
        work.answer(asked := work.calls.popleft(), completion(asked))


@pytest.mark.parametrize("step", [[], Generate()], ids=["nothing", "calls"])
def test_an_attempt_without_end_is_stopped(step: Any) -> None:
    def steps(problem: Problem, rng: np.random.Generator) -> Any:
        while True:
            yield step

    work = at_work(steps, most_calls=3)
    with pytest.raises(StrategyError, match="more than 3 things"):
        work.begin(PROBLEM, 0)
        while True:
            work.answer(asked := work.calls.popleft(), completion(asked))


def test_unknown_counts_stay_unknown_and_other_models_are_no_later_calls() -> None:
    totals = Totals()
    first = Asked(PROBLEM, 0, "0", Generate())
    totals.add(completion(first, prompt_tokens=None))
    assert (totals.prompt_tokens, totals.completion_tokens) == (None, 2)
    later = Asked(PROBLEM, 0, "1", Generate())
    totals.add(completion(later, cached_tokens=4), model="target")
    assert (totals.others, totals.later_prompt_tokens) == (1, 0)
    totals.add(completion(later, cached_tokens=4))
    assert (totals.later_prompt_tokens, totals.later_cached_tokens, totals.calls) == (5, 4, 3)


def test_the_generator_depends_on_run_problem_and_attempt_alone() -> None:
    drawn = {key: attempt_rng(*key).random() for key in [(7, "p", 0), (7, "p", 1), (7, "q", 0), (8, "p", 0)]}
    assert len(set(drawn.values())) == 4
    assert attempt_rng(7, "p", 0).random() == drawn[7, "p", 0]
    assert attempt_rng(7, "\ud800", 0).random() != drawn[7, "p", 0]  # any id will do
