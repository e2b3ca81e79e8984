"""Populations that are written anew, with prompts by hand."""

import pytest
from driven import driven
from pydantic import ValidationError

from ttscale.strategies.rsa import RsaOptions

SHOWN = {"template": "{problem}|{candidates}", "candidate_template": "{number}:{candidate}", "separator": ";"}


def test_each_new_answer_sees_a_subset_of_the_last_population() -> None:
    attempt, asked = driven("rsa", ["one", "two", "ONE", "TWO"], population=2, subset=2, steps=2, **SHOWN)
    assert attempt.text in ("ONE", "TWO")
    for ask in asked[2:]:
        assert ask.prompt in ("What?|1:one;2:two", "What?|1:two;2:one")
        assert ask.parents == (("0", "1") if "1:one" in ask.prompt else ("1", "0"))
        assert ask.role == "step 1"


def test_a_tail_shows_only_the_end() -> None:
    _, asked = driven("rsa", ["abcdef", "x"], population=1, subset=1, steps=2, tail=2, **SHOWN)
    assert asked[1].prompt == "What?|1:ef"


def test_candidates_that_hold_a_placeholder_stay_as_they_are() -> None:
    _, asked = driven("rsa", ["{number} {problem}", "x"], population=1, subset=1, steps=2, **SHOWN)
    assert asked[1].prompt == "What?|1:{number} {problem}"


def test_one_step_draws_one_answer_alone() -> None:
    attempt, asked = driven("rsa", ["one"], population=4, subset=2, steps=1)
    assert (attempt.text, len(asked), asked[0].prompt) == ("one", 1, None)


def test_a_subset_larger_than_the_population_is_refused() -> None:
    with pytest.raises(ValidationError, match="subset is 4, more than the population of 2"):
        RsaOptions(population=2)
