"""Arms on shared problems, apart by stratum, and cut down: whose samples stay with whom."""

from dataclasses import replace

import numpy as np
import pytest

from ttscale.analysis.budget.arms import (
    Arm,
    ArmSamples,
    VerifierColumns,
    as_pilot,
    at_token_limits,
    by_stratum,
    on_shared_problems,
)
from ttscale.costs.contract import Usage
from ttscale.errors import InvalidInputError


def arm(label: str, ids: tuple[str, ...] | None, n: list[int], **more: object) -> Arm:
    return Arm(label=label, model="m", problem_ids=ids, n=np.array(n), c=np.array(n) // 2, **more)


def sampled(tokens: list[int], problem: list[int], correct: list[bool], truncated: list[bool]) -> Arm:
    """Return an arm with samples, whose scores number them and whose verifier accepts them all."""
    size, P = len(tokens), max(problem) + 1
    n = np.bincount(problem, minlength=P)
    samples = ArmSamples(
        problem=np.array(problem),
        correct=np.array(correct),
        answer_class=np.arange(size),
        completion_tokens=np.array(tokens),
        truncated=np.array(truncated),
        verifiers={
            "v": VerifierColumns(
                score=np.arange(size, dtype=float), accepted=np.ones(size, bool), seconds=None
            )
        },
    )
    usage = Usage(
        prompt_tokens=np.full(P, 5.0),
        completion_tokens=np.array(tokens, dtype=float),
        problem=np.array(problem),
    )
    c = np.bincount(problem, weights=correct, minlength=P).astype(int)
    return Arm(
        label="a",
        model="m",
        problem_ids=tuple("xyz"[:P]),
        n=n,
        c=c,
        usage=usage,
        samples=samples,
        max_tokens=max(tokens),
    )


def test_arms_are_compared_on_what_all_have_in_the_first_ones_order() -> None:
    first, second = arm("one", ("a", "b", "c"), [2, 4, 6]), arm("two", ("d", "c", "a"), [8, 10, 12])
    (one, two), notes = on_shared_problems([first, second])
    assert one.problem_ids == two.problem_ids == ("a", "c")
    assert (one.n.tolist(), two.n.tolist()) == ([2, 6], [12, 10])
    assert notes == [
        "Arms are compared on the 2 problems that all of them have. Left out, as not all have them: 1 of 3 (one), 1 of 3 (two)."
    ]


def test_one_arm_or_arms_that_agree_lose_nothing_and_say_nothing() -> None:
    alone = arm("one", ("a",), [2])
    assert on_shared_problems([alone]) == ([alone], [])
    assert on_shared_problems([alone, replace(alone, label="two")])[1] == []


def test_tables_without_names_are_matched_by_row_where_they_are_as_long() -> None:
    unnamed = arm("table", None, [2, 2])
    _, notes = on_shared_problems([unnamed, arm("run", ("a", "b"), [4, 4])])
    assert "row i of every arm is taken as one problem" in notes[0]
    with pytest.raises(InvalidInputError, match=r"2 \(table\), 1 \(run\).*Add a problem_id column"):
        on_shared_problems([unnamed, arm("run", ("a",), [4])])


def test_arms_without_a_common_problem_are_refused_with_how_each_begins() -> None:
    with pytest.raises(InvalidInputError, match=r"share no problem.*'a' \(one\), 'b' \(two\)"):
        on_shared_problems([arm("one", ("a",), [2]), arm("two", ("b",), [2])])


def test_strata_are_apart_and_so_are_tasks_that_have_nothing_in_common() -> None:
    easy = arm("one", ("a",), [2], stratum=(("level", "1"),))
    hard = arm("one", ("b",), [2], stratum=(("level", "2"),))
    assert {key: len(own) for key, own in by_stratum([easy, hard, easy]).items()} == {
        (("level", "1"),): 2,
        (("level", "2"),): 1,
    }
    sums, words = arm("one", ("a",), [2], task="sums"), arm("two", ("b",), [2], task="words")
    assert list(by_stratum([sums, words])) == [(("task", "sums"),), (("task", "words"),)]
    assert list(by_stratum([sums, replace(words, problem_ids=("a",))])) == [()]


def test_some_problems_take_their_samples_and_tokens_along() -> None:
    whole = sampled([10, 20, 30, 40], [0, 0, 1, 1], [True, False, True, True], [False] * 4)
    some = whole.for_problems(np.array([1, 0]))
    assert some.samples is not None and some.usage is not None
    assert some.samples.problem.tolist() == [0, 0, 1, 1]
    assert some.samples.completion_tokens.tolist() == [30, 40, 10, 20]
    assert some.usage.completion_tokens.tolist() == [30, 40, 10, 20]
    assert some.samples.verifiers["v"].score.tolist() == [2, 3, 0, 1]
    assert (some.n.tolist(), some.c.tolist(), some.problem_ids) == ([2, 2], [2, 1], ("y", "x"))
    alone = whole.for_problems(np.array([1]))
    assert alone.samples is not None and alone.samples.problem.tolist() == [0, 0]


def test_a_pilot_keeps_so_many_random_samples_of_each_problem_and_all_of_smaller_ones() -> None:
    whole = sampled([10, 20, 30, 40, 50], [0, 0, 0, 0, 1], [True] * 5, [False] * 5)
    pilots = [as_pilot(whole, 2, np.random.default_rng(seed)) for seed in range(30)]
    assert all(one.n.tolist() == [2, 1] for one in pilots)
    seen = {tuple(one.samples.completion_tokens[:2]) for one in pilots if one.samples is not None}
    assert len(seen) == 6  # every pair of the four
    for one in pilots:
        assert one.samples is not None and one.usage is not None
        assert one.samples.completion_tokens.tolist() == one.usage.completion_tokens.tolist()
    with pytest.raises(InvalidInputError, match="at least 1 sample per problem, not 0"):
        as_pilot(whole, 0, np.random.default_rng(0))


def test_a_token_limit_cuts_what_is_longer_which_is_then_unsolved_and_never_chosen() -> None:
    whole = sampled([10, 20, 30], [0, 0, 0], [True, True, False], [False, False, True])
    (short, full), notes = at_token_limits([whole], [30, 15, 15])
    assert (short.label, full.label) == ("a @ 15 tokens", "a @ 30 tokens")
    assert (short.c.tolist(), full.c.tolist()) == ([1], [2])
    assert short.samples is not None and short.usage is not None
    assert short.samples.completion_tokens.tolist() == short.usage.completion_tokens.tolist() == [10, 15, 15]
    assert short.samples.answer_class.tolist() == [0, -1, -1]
    columns = short.samples.verifiers["v"]
    assert columns.accepted is not None and columns.accepted.tolist() == [True, False, False]
    assert int(np.argmax(columns.score)) == 0
    assert len(notes) == 1  # none that was cut off is correct


@pytest.mark.parametrize(
    ("limit", "said"), [(0, "a limit of 0"), (31, "a limit of 31. Give --limits from 1 to 30")]
)
def test_a_limit_that_was_not_sampled_with_is_refused(limit: int, said: str) -> None:
    whole = sampled([10, 30], [0, 0], [True, False], [False, False])
    with pytest.raises(InvalidInputError, match=said):
        at_token_limits([whole], [limit])


def test_limits_need_samples_and_their_tokens() -> None:
    with pytest.raises(InvalidInputError, match="is a table of counts: token limits need a run"):
        at_token_limits([arm("table", ("a",), [2])], [5])
    whole = sampled([10, 30], [0, 0], [True, False], [False, False])
    with pytest.raises(InvalidInputError, match="is not known, so nothing is known of token limits"):
        at_token_limits([replace(whole, usage=None)], [5])
