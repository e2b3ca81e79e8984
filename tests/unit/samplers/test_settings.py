"""Settings of sampling: what contradicts itself is refused when it is read."""

from typing import Any

import pytest
from pydantic import ValidationError

from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.samplers.until import UntilSettings


@pytest.mark.parametrize(
    "wrong",
    [
        {"n": 0},
        {"n": 1, "temperature": -0.1},
        {"n": 1, "top_p": 0},
        {"n": 1, "top_k": 0},
        {"n": 1, "typo": 1},
    ],
    ids=str,
)
def test_values_outside_their_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SamplingSettings(**wrong)


@pytest.mark.parametrize(
    ("settings", "keeps"),
    [
        ({}, True),
        ({"logprobs": False}, False),
        ({"logprobs": False, "token_logprobs": True}, True),
        ({"logprobs": False, "top_logprobs": 5}, True),
    ],
)
def test_log_probabilities_are_kept_where_anything_needs_them(settings: dict[str, Any], keeps: bool) -> None:
    assert SamplingSettings(n=1, **settings).keeps_logprobs is keeps


@pytest.mark.parametrize("quantity", ["coverage", "difference"])
def test_a_rule_at_more_samples_than_are_allowed_is_refused(quantity: str) -> None:
    rule = {"quantity": quantity, "k": 9, "width": 0.1} | ({"to": "b"} if quantity == "difference" else {})
    with pytest.raises(ValidationError, match=f"until asks for {quantity} at k = 9, but n allows 8 samples"):
        SamplingSettings(n=8, until=rule)
    assert SamplingSettings(n=9, until=rule).until is not None


def test_a_forecast_may_look_beyond_the_samples() -> None:
    assert SamplingSettings(n=8, until={"quantity": "forecast", "k": 1000, "width": 0.1}).until is not None


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({}, "one rule is needed"),
        ({"successes": 1, "quantity": "coverage", "k": 1, "width": 0.1}, "one rule is needed"),
        ({"successes": 1, "k": 4}, "'k' belongs to a quantity"),
        ({"successes": 1, "to": "b"}, "'to' belongs to a quantity"),
        ({"quantity": "coverage", "k": 4}, "a coverage needs both k and width"),
        ({"quantity": "forecast", "width": 0.1}, "a forecast needs both k and width"),
        ({"quantity": "difference", "k": 4, "width": 0.1}, "'to' names the other cell"),
        ({"quantity": "coverage", "k": 4, "width": 0.1, "to": "b"}, "'to' names the other cell"),
    ],
)
def test_a_rule_that_is_none_or_two_is_refused_with_what_is_wrong(rule: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        UntilSettings.model_validate(rule)


@pytest.mark.parametrize(
    ("rule", "short", "sentence"),
    [
        ({"successes": 1}, "1 success", "a problem has 1 success"),
        ({"successes": 3}, "3 successes", "a problem has 3 successes"),
        (
            {"quantity": "coverage", "k": 8, "width": 0.05},
            "coverage@8 width 0.05",
            "the coverage at k = 8 has an interval narrower than 0.05, over samples",
        ),
        (
            {"quantity": "forecast", "k": 100, "width": 0.1},
            "forecast@100 width 0.1",
            "the forecast at k = 100 has an interval narrower than 0.1",
        ),
        (
            {"quantity": "difference", "k": 8, "width": 0.1, "to": "b", "over": "problems"},
            "difference@8 to b width 0.1",
            "the difference at k = 8 to b has an interval narrower than 0.1, over problems",
        ),
    ],
)
def test_a_rule_says_itself_in_a_table_and_in_a_sentence(
    rule: dict[str, Any], short: str, sentence: str
) -> None:
    settings = UntilSettings.model_validate(rule)
    assert (settings.short, str(settings)) == (short, sentence)


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        ModelSettings(path="m").path = "other"
