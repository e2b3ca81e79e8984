"""What servers say of themselves on their own pages."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from ttscale.execution.http.failures import FailedAttempt
from ttscale.samplers.openai.describing import Describer
from ttscale.samplers.openai.kinds import KINDS, UNKNOWN, Kind
from ttscale.types import Problem

PROBLEM = Problem(problem_id="p", prompt="1+1=")


class Pages:
    """A client of a server that has some pages and none other."""

    def __init__(self, pages: dict[str, Any]) -> None:
        self._pages = pages
        self.asked: list[str] = []

    async def get(self, url: str) -> Any:
        self.asked.append(url)
        page = url.removeprefix("http://here/")
        if page not in self._pages:
            raise FailedAttempt("no such page", status=404)
        return self._pages[page]

    async def post(self, url: str, body: dict[str, Any]) -> Any:
        return await self.get(url)


def told(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(coroutine)


def describer(kind: Kind, **pages: Any) -> Describer:
    return Describer(Pages(pages), "http://here/v1", kind)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pages", "version"),
    [
        ({"version": {"version": "0.10"}}, "0.10"),
        ({"props": {"build_info": "b1-abc"}}, "b1-abc"),
        ({"get_server_info": {"version": "0.4"}}, "0.4"),
        ({"version": {"other": 1}, "server_info": {"version": "0.5"}}, "0.5"),
        ({"version": {"version": None}}, "unknown"),
        ({"version": ["no mapping"]}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_the_first_page_that_tells_a_version_is_believed(pages: dict[str, Any], version: str) -> None:
    assert told(describer(UNKNOWN, **pages).version()) == version


@pytest.mark.parametrize(
    ("kind", "pages", "decides"),
    [
        (KINDS["vllm"], {}, True),
        (KINDS["llamacpp"], {}, True),
        (UNKNOWN, {}, False),
        (KINDS["sglang"], {}, False),
        (KINDS["sglang"], {"server_info": {"enable_deterministic_inference": False}}, False),
        (KINDS["sglang"], {"server_info": {"enable_deterministic_inference": True}}, True),
        (KINDS["sglang"], {"get_server_info": {"enable_deterministic_inference": True}}, True),
    ],
)
def test_a_seed_decides_a_sample_where_the_server_says_so(
    kind: Kind, pages: dict[str, Any], decides: bool
) -> None:
    assert told(describer(kind, **pages).is_deterministic()) is decides


@pytest.mark.parametrize(
    ("kind", "pages", "own"),
    [
        (UNKNOWN, {"props": {"chat_template": "<|im_start|>"}, "tokenize": {"tokens": [1, 2]}}, True),
        (KINDS["llamacpp"], {}, True),
        (KINDS["llamacpp"], {"props": {"chat_template": None}}, True),
        (KINDS["llamacpp"], {"props": {"chat_template": "[INST]"}, "tokenize": {"tokens": [1, 2]}}, True),
        (KINDS["llamacpp"], {"props": {"chat_template": "<|im_start|>"}, "tokenize": {"tokens": [7]}}, True),
        (
            KINDS["llamacpp"],
            {"props": {"chat_template": "<|im_start|>"}, "tokenize": {"tokens": [1, 2]}},
            False,
        ),
        (KINDS["llamacpp"], {"props": {"chat_template": "<|im_start|>"}}, True),  # nobody can tell
        (KINDS["llamacpp"], {"props": {"chat_template": "<|im_start|>"}, "tokenize": {}}, True),
    ],
)
def test_chatml_is_a_models_own_template_only_where_it_is_one_token(
    kind: Kind, pages: dict[str, Any], own: bool
) -> None:
    assert told(describer(kind, **pages).has_own_template()) is own


@pytest.mark.parametrize(
    ("pages", "tells"),
    [
        ({"tokenize": {"tokens": [1]}, "detokenize": {"prompt": "1+1="}}, True),
        ({"tokenize": {"tokens": [1]}, "detokenize": {"content": "1+1="}}, False),
        ({"tokenize": {"tokens": [1]}}, False),
        ({"tokenize": {}, "detokenize": {"prompt": "x"}}, False),
        ({}, False),
    ],
)
def test_tokens_are_told_by_a_server_that_turns_them_both_ways(pages: dict[str, Any], tells: bool) -> None:
    assert told(describer(KINDS["vllm"], **pages).tells_tokens("m", PROBLEM)) is tells
