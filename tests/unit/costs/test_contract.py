"""Token counts cut to some problems and samples, and where a prompt is paid."""

import numpy as np
import pytest

from ttscale.costs.contract import Charges, CostLine, LaterCalls, Usage, split_prompt, usage
from ttscale.errors import InvalidInputError

FIELDS = (
    "calls",
    "prompt_tokens",
    "cached_tokens",
    "first_tokens",
    "squared_tokens",
    "crossed_tokens",
    "attended_read",
    "attended_whole",
)
LATER = LaterCalls(**{name: np.arange(5.0) + 10 * i for i, name in enumerate(FIELDS)})
WHOLE = Usage(
    prompt_tokens=np.array([1.0, 2.0, 3.0]),
    completion_tokens=np.array([10.0, 11.0, 20.0, 30.0, 31.0]),
    problem=np.array([0, 0, 1, 2, 2]),
    later=LATER,
)


def test_values_of_samples_are_averaged_within_their_problem() -> None:
    assert WHOLE.mean_per_problem(WHOLE.completion_tokens).tolist() == [10.5, 20.0, 30.5]


def test_some_samples_keep_every_number_of_theirs() -> None:
    some = WHOLE.rows(np.array([4, 1, 2]))
    assert some.completion_tokens.tolist() == [31, 11, 20]
    assert some.problem.tolist() == [2, 0, 1]
    assert some.later is not None
    for name in FIELDS:
        assert getattr(some.later, name).tolist() == getattr(LATER, name)[[4, 1, 2]].tolist()


def test_some_problems_are_numbered_anew_in_the_order_given() -> None:
    some = WHOLE.for_problems(np.array([2, 0]))
    assert some.prompt_tokens.tolist() == [3, 1]
    assert some.problem.tolist() == [0, 0, 1, 1]
    assert some.completion_tokens.tolist() == [30, 31, 10, 11]
    assert some.later is not None and some.later.calls.tolist() == [3, 4, 0, 1]


def test_cached_tokens_of_later_prompts_are_read_again_only_where_no_prompt_is_reused() -> None:
    for reuse in ("problem", "request"):
        assert LATER.read(reuse).tolist() == (LATER.prompt_tokens - LATER.cached_tokens).tolist()  # type: ignore[arg-type]
        assert LATER.attended(reuse) is LATER.attended_read  # type: ignore[arg-type]
    assert LATER.read("sample") is LATER.prompt_tokens
    assert LATER.attended("sample") is LATER.attended_whole


@pytest.mark.parametrize(("prompt", "completion", "size"), [(5, 7, 1), ([5, 6], 7, 2), (5, [7, 8, 9], 3)])
def test_typical_lengths_hold_for_every_problem(prompt: object, completion: object, size: int) -> None:
    found = usage(prompt, completion, n_problems=size)  # type: ignore[arg-type]
    assert len(found.prompt_tokens) == len(found.completion_tokens) == size
    assert found.problem.tolist() == list(range(size))


@pytest.mark.parametrize(
    ("reuse", "parts"),
    [
        ("problem", ([4, 6], [0, 0], [1, 1])),
        ("request", ([0, 0], [4, 6], [1, 1])),
        ("sample", ([0, 0], [0, 0], [5, 7])),
    ],
)
def test_a_prompt_is_paid_once_and_at_one_place(reuse: str, parts: tuple[list[float], ...]) -> None:
    found = split_prompt(np.array([4.0, 6.0]), reuse, np.ones(2))  # type: ignore[arg-type]
    assert [part.tolist() for part in found] == [list(map(float, part)) for part in parts]


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -1.0])
def test_charges_that_are_no_costs_are_refused_with_their_values(wrong: float) -> None:
    one = np.ones(2)
    with pytest.raises(InvalidInputError, match=r"Costs of 'm' must be finite and at least 0"):
        Charges(unit="tokens", per_sample=one, once=one * wrong, per_request=one).line("m")


def test_the_line_is_the_mean_over_problems_and_requests_are_whole() -> None:
    charges = Charges(
        unit="tokens",
        per_sample=np.array([1.0, 3.0]),
        once=np.array([0.0, 10.0]),
        per_request=np.array([4.0, 4.0]),
        request_size=3,
    )
    line = charges.line()
    assert line == CostLine(unit="tokens", once=5, per_request=4, per_sample=2, request_size=3)
    assert line.cost([0, 1, 3, 4]).tolist() == [0, 5 + 4 + 2, 5 + 4 + 6, 5 + 8 + 8]
    assert line.affordable([10, 11, 15, 20, 21]).tolist() == [0, 1, 3, 3, 4]
