"""The verifiers `regex` and `regex-form`: patterns that cost at most their own sample."""

from typing import Any

import pytest
from judging import candidate, judge
from pydantic import ValidationError

from ttscale.registry import load_plugin
from ttscale.types import Outcome


@pytest.mark.parametrize(
    ("options", "completion", "key", "outcome", "answer"),
    [
        ({"pattern": r"\b{answer}\b"}, "it is 42!", "42", Outcome.CORRECT, "42"),
        ({"pattern": r"\b{answer}\b"}, "it is 421", "42", Outcome.INCORRECT, None),
        ({"pattern": r"(?i)is ({answer})"}, "It IS a.b", "A.B", Outcome.CORRECT, "a.b"),
        ({"pattern": "is {answer}"}, "is axb", "a.b", Outcome.INCORRECT, None),
        ({"pattern": "x{answer}"}, "x", None, Outcome.ERROR, None),
    ],
)
def test_regex_finds_the_pattern_with_the_key_in_it(
    options: dict[str, Any], completion: str, key: str | None, outcome: Outcome, answer: str | None
) -> None:
    verdict = judge("regex", completion, key, workers=1, **options)
    assert (verdict.outcome, verdict.answer) == (outcome, answer)


@pytest.mark.parametrize(
    ("options", "completion", "outcome", "answer"),
    [
        ({"pattern": r"[a-z]{3}\d"}, "xyz1", Outcome.CORRECT, "xyz1"),
        ({"pattern": r"\d+", "full_match": True}, " 12 \n", Outcome.CORRECT, "12"),
        ({"pattern": r"\d+", "full_match": True}, "12 a", Outcome.INCORRECT, None),
        ({"pattern": "x|(y)"}, "x", Outcome.CORRECT, "x"),
    ],
)
def test_regex_form_needs_no_key(
    options: dict[str, Any], completion: str, outcome: Outcome, answer: str | None
) -> None:
    verdict = judge("regex-form", completion, None, workers=1, **options)
    assert (verdict.outcome, verdict.answer) == (outcome, answer)
    assert not load_plugin("verifiers", "regex-form").sees_answer


@pytest.mark.parametrize("pattern", [r"\d+", "answer", "{answers}", r"#### (\d+)"])
def test_a_regex_without_the_key_is_no_oracle(pattern: str) -> None:
    with pytest.raises(ValidationError, match=r"holds no \{answer\}.*extract: 'regex:.*regex-form"):
        load_plugin("verifiers", "regex").Options(pattern=pattern)


def test_a_hopeless_search_costs_its_own_sample_alone() -> None:
    verifier = load_plugin("verifiers", "regex-form")
    options = verifier.Options(pattern="^(a+)+$", time_limit_s=0.2, workers=1)
    batch = [candidate(text, None) for text in ("aaa", "a" * 60 + "!", "b", "\x00\ud800")]
    outcomes = [verdict.outcome for verdict in verifier(options).verify(batch)]
    assert outcomes == [Outcome.CORRECT, Outcome.TIMEOUT, Outcome.INCORRECT, Outcome.INCORRECT]


def test_regex_refuses_what_is_no_pattern() -> None:
    with pytest.raises(ValidationError, match="not a regular expression"):
        load_plugin("verifiers", "regex").Options(pattern="(")
