"""Options of the sampler `openai`: servers, requests, prices."""

from typing import Any

import pytest
from pydantic import ValidationError

from ttscale.samplers.openai.options import REQUEST_KEYS, OpenAIOptions


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"base_url": "http://a/v1", "base_urls": ["http://b/v1"]}, "give base_url or base_urls, not both"),
        ({"base_urls": ["http://a/v1", "http://a/v1"]}, "a server stands here twice"),
        ({"n_per_request": 0}, "it should be 1 or more, or auto"),
        ({"n_per_request": "many"}, "auto"),
        ({"extra_body": {"messages": []}}, "'messages' is set by the task"),
        (
            {"price": {"prompt_usd_per_million": -1, "completion_usd_per_million": 1}},
            "greater than or equal to 0",
        ),
        ({"timeout_s": 0}, "greater than 0"),
        ({"base_ulr": "http://a/v1"}, "Extra inputs"),
    ],
)
def test_what_contradicts_itself_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        OpenAIOptions(**options)


@pytest.mark.parametrize("key", sorted(REQUEST_KEYS))
def test_no_extra_key_takes_the_place_of_ours(key: str) -> None:
    with pytest.raises(ValidationError, match=f"'{key}' is set by"):
        OpenAIOptions(extra_body={key: None})


def test_the_servers_are_those_named_or_the_usual_one() -> None:
    assert OpenAIOptions().urls == ("http://127.0.0.1:8000/v1",)
    assert OpenAIOptions(base_url="http://a:1/v1/").urls == ("http://a:1/v1",)
    assert OpenAIOptions(base_urls=["http://a/v1", "http://b/v1"]).urls == ("http://a/v1", "http://b/v1")


def test_where_and_how_fast_is_no_part_of_a_sample() -> None:
    free = OpenAIOptions.NOT_PART_OF_A_SAMPLE
    assert free <= OpenAIOptions.model_fields.keys()
    assert not free & {"endpoint", "extra_body", "keep_reasoning", "served_model"}
