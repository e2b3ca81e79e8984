"""What a completion says of itself, and what of it can be gone on from."""

import pytest

from ttscale.errors import StrategyError
from ttscale.strategies.contract import Attempt, Completion, Judge, Tokens


def completion(finish_reason: str = "stop", **more: object) -> Completion:
    return Completion(path="2.1", text="so 2", finish_reason=finish_reason, **more)


@pytest.mark.parametrize(
    ("finish_reason", "is_truncated", "is_open"),
    [("stop", False, False), ("stop_text", False, True), ("length", True, True), ("MAX_TOKENS", True, True)],
)
def test_a_text_that_the_model_did_not_end_is_open(
    finish_reason: str, is_truncated: bool, is_open: bool
) -> None:
    found = completion(finish_reason)
    assert (found.is_truncated, found.is_open) == (is_truncated, is_open)


@pytest.mark.parametrize(
    ("finish_reason", "tokens", "counted", "n"),
    [
        ("stop", (5, 6, 7), 4, 3),  # the ids are the text's own
        ("stop", (), 4, 3),  # the end token was counted
        ("length", (), 4, 4),
        ("stop", (), 0, 0),
        ("stop", (), None, 0),
    ],
)
def test_the_end_token_is_no_token_of_the_text(
    finish_reason: str, tokens: tuple[int, ...], counted: int | None, n: int
) -> None:
    assert completion(finish_reason, tokens=tokens, completion_tokens=counted).n_tokens == n


def test_the_first_tokens_are_continued_by_their_ids_and_the_whole_by_what_there_is() -> None:
    with_ids, without = completion(tokens=(5, 6, 7)), completion()
    assert with_ids.first(2) == Tokens((5, 6), "2.1")
    assert with_ids.whole() == Tokens((5, 6, 7), "2.1", "so 2")
    assert without.whole() == Tokens((), "2.1", "so 2")
    with pytest.raises(StrategyError, match=r"tokens of call 2\.1 are not there.*Generate\(tokens=True\)"):
        without.first(2)


def test_an_attempt_is_a_completion_behind_what_it_continued() -> None:
    last = completion()
    assert Attempt.of(last, before="Well, ", notes={"draws": 2}).text == "Well, so 2"
    assert Attempt.of(last) == Attempt(text="so 2", last=last, notes={})
    assert Judge.of(last, by="classes") == Judge("so 2", last, "classes")
