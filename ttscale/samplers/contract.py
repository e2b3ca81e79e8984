"""What a sampler plugin is.

A sampler is a class with an `Options` pydantic model for the keys it takes out of ``model.engine_options``,
constructed from the model's and the sampling settings::

    class MySampler:
        Options = MyOptions

        def __init__(self, model: ModelSettings, sampling: SamplingSettings, options: MyOptions) -> None: ...

        def start(self) -> EngineInfo: ...

        def sample(self, requests: Iterable[SampleRequest]) -> Iterator[list[Sample]]: ...

        def close(self) -> None: ...

One that can go on with other settings of prompts and sampling, without loading the model again, also has
``reuse(model, sampling) -> EngineInfo``; the cells of a sweep then share it. An engine that dies under way is
told by `EngineDiedError`: it is started again.

A sampler that serves the calls of strategies says so in ``serves = frozenset({"calls"})``. It then heeds
`SampleRequest.call` (answered by a `CallSample`), and its stream of requests may yield None: nothing now, but more may come once something that is
under way is yielded. None never comes when nothing is. Beside "calls": "prefix": it goes on from texts; "tokens": from given
tokens, too, and returns `CallSample.token_ids` where asked; "stop": it tells a call that one of its own texts ended;
"logprobs": it returns `Sample.token_logprobs` where asked. An engine that knows only when it runs what it can do names on the class
what it may serve, and on the instance, once started, what it serves. A request with a `call` that it cannot serve (it is longer than the context) is
answered by `refused_call`, so that the attempt ends and no other.

One whose `reuse` may be called while its stream of requests is read says "cells": what is under way then goes on as it was asked, what
is read afterwards has the new settings, which may be earlier ones. The cells of a sweep then follow each other without a gap; ids of
problems of the second and later ones are marked with a number.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel

from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.types import CallSample, Sample, SampleRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineInfo:
    """What the manifest records of an engine.

    Attributes:
        engine: The sampler's name.
        version: The engine's version.
        device: Such as "cpu" or "NVIDIA H100".
        dtype: The weights' type actually used.
        model_path: The model as configured: a run that is passed on should not tell where it was made.
        chat_template: Whether prompts go through the chat template.
        per_sample_seeds: Whether each sample has its own seed: only then does a sample not depend on the
            batch, the order and the number of workers.
        detail: Anything else worth keeping (versions of torch, thread counts).
    """

    engine: str
    version: str
    device: str
    dtype: str
    model_path: str
    chat_template: bool
    per_sample_seeds: bool
    detail: dict[str, Any]


def refused_call(problem_id: str, first_index: int, n: int, reason: str) -> list[Sample]:
    """Return the answer to a strategy's call that cannot be served.

    >>> [sample.refused for sample in refused_call("0001 call 1", 4, 2, "too long")]
    ['too long', 'too long']
    """
    return [
        CallSample(
            problem_id=problem_id,
            sample_index=first_index + j,
            completion="",
            finish_reason="refused",
            prompt_tokens=None,
            completion_tokens=None,
            refused=reason,
        )
        for j in range(n)
    ]


class Sampler(Protocol):
    """An engine that draws samples."""

    Options: ClassVar[type[BaseModel]]

    def __init__(self, model: ModelSettings, sampling: SamplingSettings, options: Any) -> None:
        """Keep the settings; load nothing yet."""

    def start(self) -> EngineInfo:
        """Load the model.

        Raises:
            SamplerError: The model folder is missing or the engine cannot start; the message says the fix.
            MissingExtraError: The engine is not installed.
        """

    def sample(self, requests: Iterable[SampleRequest]) -> Iterator[list[Sample]]:
        """Draw what is asked and yield samples as they finish: lists of one problem's samples, in any order.

        `requests` is read lazily, only as fast as the engine takes work. Every sample of every request is
        yielded exactly once. The caller may stop iterating at any time.

        Raises:
            SamplerError: The engine cannot serve a request (prompt longer than the context, engine dead).
        """

    def close(self) -> None:
        """Free the engine; safe to call twice."""
