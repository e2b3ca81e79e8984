"""The toy model of `toy_engine` as a sampler plugin: serves calls of strategies, needs no engine."""

import math
import random
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import ClassVar

from pydantic import BaseModel, ConfigDict
from toy_engine import LETTERS, generate

from ttscale.samplers.contract import EngineInfo, refused_call
from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.strategies.contract import Generate, Tokens
from ttscale.types import CallSample, CallSettings, Problem, Sample, SampleRequest


class ToyOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    NOT_PART_OF_A_SAMPLE: ClassVar[frozenset[str]] = frozenset(
        {"seconds_per_call", "fail_after", "in_flight"}
    )

    seconds_per_call: float = 0.0
    fail_after: int | None = None
    """Calls after which the sampler breaks."""
    in_flight: int = 64
    """Requests taken before the first is answered."""
    context: int | None = None
    """Characters that a prompt may have; a call with a longer one is refused."""
    says: str | None = None
    """What it says to everything, one token a letter, instead of drawing."""


class ToySampler:
    """Answers in the order of its choice; only what it has been given decides what it says."""

    Options: ClassVar[type[BaseModel]] = ToyOptions
    serves: ClassVar[frozenset[str]] = frozenset({"calls", "prefix", "tokens", "stop", "logprobs", "cells"})
    n_calls = 0
    taken: ClassVar[list[str]] = []
    """Ids of the problems of all requests, in the order in which they were taken."""

    def __init__(self, model: ModelSettings, sampling: SamplingSettings, options: ToyOptions) -> None:
        self._options, self._path, self._longest = options, model.path, sampling.max_tokens

    def reuse(self, model: ModelSettings, sampling: SamplingSettings) -> EngineInfo:
        self._longest = sampling.max_tokens
        return self.start()

    def start(self) -> EngineInfo:
        return EngineInfo(
            engine="toy_sampler:ToySampler",
            version="1",
            device="none",
            dtype="none",
            model_path=self._path,
            chat_template=False,
            per_sample_seeds=True,
            detail={},
        )

    def sample(self, requests: Iterable[SampleRequest | None]) -> Iterator[list[Sample]]:
        waiting = iter(requests)
        flying: list[tuple[SampleRequest, int]] = []
        over = False
        while not over or flying:
            while not over and len(flying) < self._options.in_flight:
                request = next(waiting, over)
                if request is None:
                    break
                if request is over:
                    over = True
                else:
                    flying.append((request, self._longest))
                    self.taken.append(request.problem.problem_id)
            if flying:
                yield self._drawn(*flying.pop())  # the newest first: answers come in no order

    def _drawn(self, request: SampleRequest, longest: int) -> list[Sample]:
        drawn = []
        context, prompt = self._options.context, request.problem.prompt or ""
        if request.call is not None and context is not None and len(prompt) > context:
            reason = f"a prompt of {len(prompt)} characters is longer than {context}"
            return refused_call(request.problem.problem_id, request.first_index, request.n, reason)
        for j in range(request.n):
            type(self).n_calls += 1
            if self._options.fail_after is not None and self.n_calls > self._options.fail_after:
                raise RuntimeError("toy failure")
            time.sleep(self._options.seconds_per_call)
            one = draw(request.problem, request.first_index + j, request.seed + j, request.call, longest)
            drawn.append(one if self._options.says is None else replace(one, completion=self._options.says))
        return drawn

    def close(self) -> None:
        pass


def draw(problem: Problem, index: int, seed: int, call: CallSettings | None, longest: int) -> Sample:
    kind, call = (Sample, CallSettings()) if call is None else (CallSample, call)
    ask = Generate(
        prompt=problem.prompt,
        prefix=tuple(piece if isinstance(piece, str) else Tokens(piece) for piece in call.prefix),
        max_tokens=call.max_tokens,
        stop=call.stop,
    )
    said = generate(ask, "", random.Random(f"{seed} {problem.prompt}"), longest)
    own = {} if kind is Sample else {"prefix_text": said.before, "token_ids": said.tokens, "cached_tokens": 0}
    return kind(
        problem_id=problem.problem_id,
        sample_index=index,
        completion=said.text,
        finish_reason=said.finish_reason,
        prompt_tokens=said.prompt_tokens,
        completion_tokens=said.completion_tokens,
        cumulative_logprob=said.cumulative_logprob,
        token_logprobs=said.logprobs if call.keep_logprobs else None,
        seed=seed,
        **own,
    )


class LetterOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    fail_on: str | None = None
    how: str = "error"
    """What happens at a text that holds `fail_on`: an error verdict, "raise", "nan" or "short" (no verdict at all)."""


class CountsA:
    """A verifier that sees no key: how many a's there are, at most one of which is enough."""

    Options: ClassVar[type[BaseModel]] = LetterOptions
    version = "1"
    sees_answer = False
    deterministic = True
    isolated = False

    def __init__(self, options: LetterOptions) -> None:
        self._fail_on, self._how = options.fail_on, options.how

    def verify(self, batch):
        from ttscale.types import Outcome, Verdict

        assert all(candidate.problem.answer is None and not candidate.problem.hidden for candidate in batch)
        fails = [
            self._fail_on is not None and self._fail_on in candidate.sample.completion for candidate in batch
        ]
        if self._how == "raise" and any(fails):
            raise ZeroDivisionError("it fails on that")
        if self._how == "short" and any(fails):
            return []
        bad = (
            Verdict(outcome=Outcome.SCORED, score=math.nan)
            if self._how == "nan"
            else Verdict(outcome=Outcome.ERROR, detail="it fails on that")
        )
        return [
            bad
            if failing
            else Verdict(
                outcome=Outcome.CORRECT if candidate.sample.completion.count("a") >= 2 else Outcome.INCORRECT,
                score=float(candidate.sample.completion.count("a")),
            )
            for candidate, failing in zip(batch, fails, strict=True)
        ]


class CostlyJudge(CountsA):
    """The same, as a model would do it: it reads seven tokens more than the completion has, and writes three."""

    def verify(self, batch):
        from dataclasses import replace

        return [
            replace(verdict, prompt_tokens=7 + len(candidate.sample.completion), completion_tokens=3)
            for verdict, candidate in zip(super().verify(batch), batch, strict=True)
        ]


assert set(LETTERS) == set("abc")
