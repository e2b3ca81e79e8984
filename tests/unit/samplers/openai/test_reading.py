"""Answers as servers send them: what is a sample, what is drawn again, what stays unknown."""

import math
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ttscale.execution.http.secrets import redacted
from ttscale.samplers.openai.reading import Answer, Reader, count, is_broken_off, places
from ttscale.store.samples import samples_frame
from ttscale.types import TRUNCATED, Sample

CHAT = Reader(chat=True, keep_reasoning=True, keep_top_logprobs=2)


def choice(content: Any = "4", reason: Any = "stop", **more: Any) -> dict[str, Any]:
    return {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": reason} | more


def read(*choices: Any, usage: Any = None, reader: Reader = CHAT) -> Answer:
    return reader.read(
        {"choices": list(choices), "usage": {"completion_tokens": 9} if usage is None else usage}
    )


@pytest.mark.parametrize(
    "reason",
    ["abort", "aborted", "ABORTED", "error", "cancelled", "canceled", "insufficient_system_resource", "timeout", "timed_out",
     "network_error", "engine_overloaded", "service_unavailable", "preempted", "worker_failed", "interrupted", "disconnect",
     "internal_server_error", "MALFORMED_FUNCTION_CALL", "shutdown"],
)  # fmt: skip
def test_what_a_server_broke_off_is_no_sample(reason: str) -> None:
    assert is_broken_off(reason)
    with pytest.raises(ValueError, match="broke the completion off"):
        read(choice(reason=reason))


@pytest.mark.parametrize(
    "reason", ["stop", "eos", "eos_token", "end_turn", "stop_sequence", "tool_calls", "content_filter", "COMPLETE", "STOP", "SAFETY",
               *sorted(TRUNCATED)],
)  # fmt: skip
def test_what_ended_of_itself_is_a_sample_with_the_servers_word(reason: str) -> None:
    assert read(choice(reason=reason)).choices[0].finish_reason == reason


@pytest.mark.parametrize(
    ("reason", "kept"), [(None, "unknown"), (3, "3"), (True, "True"), ({}, "unknown"), ([1], "unknown"), ("a\ud800b", "a?b"), ("x" * 999, "x" * 100)]
)  # fmt: skip
def test_a_reason_of_any_kind_can_be_stored(reason: Any, kept: str) -> None:
    (found,) = read(choice(reason=reason)).choices
    assert found.finish_reason == kept
    assert samples_frame([sample_of(found)], "cell")["finish_reason"].to_list() == [kept]


def sample_of(found: Any, answer: Answer | None = None) -> Sample:
    return Sample(
        problem_id="p", sample_index=0, completion=found.text, finish_reason=found.finish_reason,
        prompt_tokens=answer.prompt_tokens if answer else None, completion_tokens=found.n_tokens, token_logprobs=found.logprobs,
        cumulative_logprob=None if found.logprobs is None else sum(found.logprobs), top_logprobs=found.top_logprobs,
    )  # fmt: skip


def test_one_broken_choice_loses_no_other() -> None:
    answer = read(
        choice("a"),
        choice("b", index=1, error={"message": "died"}),
        choice("c", "abort", index=2),
        None,
        choice("d", index=4),
    )
    assert {at: found.text for at, found in places(answer.choices, 5, seeded=True).items()} == {
        0: "a",
        4: "d",
    }


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": "4"}], "4"), ([{"type": "text", "text": "4"}, {"type": "text", "text": "2"}], "42"), (["4", "2"], "42"),
        ([{"type": "thinking", "thinking": [{"type": "text", "text": "2+2"}]}, {"type": "text", "text": "4"}], "<think>\n2+2\n</think>\n\n4"),
        ([{"type": "reasoning", "text": "2+2"}, {"type": "output_text", "text": "4"}], "<think>\n2+2\n</think>\n\n4"),
        ([{"type": "image_url", "image_url": {"url": "x"}}, {"type": "text", "text": "4"}], "4"), ([], ""), ([{"type": "text", "text": None}], ""),
        (None, ""), ("", ""),
    ],
)  # fmt: skip
def test_a_content_in_parts_is_read(content: Any, text: str) -> None:
    assert read(choice(content)).choices[0].text == text


@pytest.mark.parametrize("reason", ["length", "max_tokens", "MAX_TOKENS"])
def test_a_thought_that_was_cut_off_stays_open(reason: str) -> None:
    message = {"content": None, "reasoning_content": "2+"}
    assert read({"message": message, "finish_reason": reason}).choices[0].text == "<think>\n2+"


def test_a_message_that_a_filter_held_back_is_an_empty_sample() -> None:
    (found,) = read({"message": None, "finish_reason": "content_filter"}).choices
    assert (found.text, found.finish_reason) == ("", "content_filter")
    with pytest.raises(ValueError, match="message is null"):
        read({"message": None, "finish_reason": "stop"})


def test_a_null_text_without_any_count_is_drawn_again() -> None:
    with pytest.raises(ValueError, match="nothing says that the model ended"):
        read(choice(None), usage={})
    assert read(choice(""), usage={}).choices[0].text == ""
    assert read(choice(None, "length"), usage={}).choices[0].text == ""


@pytest.mark.parametrize("value", [None, float("nan"), float("-inf"), 1e39, "x", True, [], {}])
def test_an_unknown_log_probability_leaves_the_sum_unknown_and_keeps_the_sample(value: Any) -> None:
    tokens = [{"token": "a", "logprob": -0.5, "top_logprobs": [{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": value}]},
              {"token": "b", "logprob": value, "top_logprobs": [value]}]  # fmt: skip
    (found,) = read(choice(logprobs={"content": tokens}), usage={}).choices
    assert (found.text, found.logprobs, found.n_tokens) == ("4", None, 2)
    assert found.top_logprobs is not None
    assert [[x for x in row if not math.isnan(x)] for row in found.top_logprobs.tolist()] == [[-0.5], []]


@pytest.mark.parametrize(
    ("value", "tokens"),
    [("12", 12), (12, 12), (12.0, 12), ("x", None), (-1, None), (2**31, None), (10**400, None), (1e308, None), (float("nan"), None),
     (None, None), (True, None), ([], None), ("1" * 5000, None)],
)  # fmt: skip
def test_token_counts_in_any_form(value: Any, tokens: int | None) -> None:
    assert count(value) == tokens
    answer = read(
        choice(), usage={"prompt_tokens": value, "completion_tokens": value, "prompt_tokens_details": value}
    )
    assert (answer.prompt_tokens, answer.completion_tokens) == (tokens, tokens)
    assert samples_frame([sample_of(answer.choices[0], answer)], "c")["prompt_tokens"].dtype == pl.Int32


ODD: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["stop", "length", "error", "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["content", "text", "type", "logprob", "top_logprobs", "token_logprobs", "thinking", "reasoning", "error", "x"]),
        inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


@given(
    choices=st.lists(
        st.fixed_dictionaries({}, optional=dict.fromkeys(["index", "message", "text", "finish_reason", "logprobs", "token_ids"], ODD)),
        min_size=1, max_size=3,
    ),
    usage=ODD,
    chat=st.booleans(),
)  # fmt: skip
@settings(max_examples=400, deadline=None)
def test_whatever_is_read_can_be_stored_and_nothing_else_is_raised(
    choices: Any, usage: Any, chat: bool
) -> None:
    reader = Reader(chat=chat, keep_reasoning=True, keep_top_logprobs=2)
    try:
        answer = reader.read({"choices": choices, "usage": usage})
        placed = places(answer.choices, len(choices), seeded=False)
    except (ValueError, KeyError, TypeError, AttributeError):
        return
    assert samples_frame([sample_of(found, answer) for found in placed.values()], "c").height == len(placed)


KEY = "sk-proj-AbCd1234EfGh5678IjKl"
FORMS = [
    KEY, KEY.upper(), " ".join(KEY), KEY[:9] + " " + KEY[9:], KEY[:9] + "\n" + KEY[9:], KEY[4:14], KEY[-12:], "-".join(KEY), KEY[::-1],
    "sk%2Dproj%2DAbCd1234EfGh5678IjKl", "c2stcHJvai1BYkNkMTIzNEVmR2g1Njc4SWpLbA==", KEY.encode().hex(),
    "".join(f"\\u{ord(c):04x}" for c in KEY), "".join(f"%{ord(c):02X}" for c in KEY), "".join(f"&#{ord(c)};" for c in KEY),
    "\u200b".join(KEY), f"Bearer {KEY}", f"{KEY[:12]}...{KEY[12:]}",
]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_a_key_is_taken_out_in_every_form(form: str) -> None:
    shown = redacted(f"Incorrect API key provided: {form}. Find yours elsewhere.", KEY)
    assert "[key]" in shown
    assert shown.startswith("Incorrect API key provided: ")
    assert shown.endswith("Find yours elsewhere.")
    plain = "".join(filter(str.isalnum, shown)).lower()
    secret = "".join(filter(str.isalnum, KEY)).lower()
    assert not any(secret[at : at + 8] in plain for at in range(len(secret) - 7))


def test_text_without_the_key_stays_as_it_is() -> None:
    for text in ("status 500: out of memory", "", "sk-proj", "İstanbul ßtraße", "a" * 5000):
        assert redacted(text, KEY) == text
        assert redacted(text, "") == text


def test_a_short_key_is_taken_out_where_all_of_it_stands() -> None:
    assert redacted("the key s3cr3t, and s3c", "s3cr3t") == "the key [key], and s3c"
