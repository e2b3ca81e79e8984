"""Drives attempts: their calls join one stream, so that the engine's batch stays full.

The sampler pulls. When it has room it is given a call that is ready, else a new attempt is begun, else it hears
"nothing now" (None) and goes on with what it has. So attempts under way are never more than the engine can hold.
"""

import threading
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ttscale.config.models import Cell
from ttscale.errors import AttemptsFailedError, StoreError
from ttscale.pipeline.requests import first_seed
from ttscale.pipeline.strategy.beside import Beside
from ttscale.pipeline.strategy.building import (
    BuiltStrategy,
    build_strategy,
    refuse_other_replay,
    refuse_unservable,
)
from ttscale.pipeline.strategy.journal import answers_by_path, recorded_call, recorded_end
from ttscale.pipeline.strategy.judging import Bench
from ttscale.samplers.contract import Sampler
from ttscale.store.calls import CallRecord, Journal
from ttscale.strategies.contract import Completion, Generate, Tokens, plain_reason
from ttscale.strategies.interleaving import FIRST, Asked, AttemptKey, Finished, Interleaver
from ttscale.types import CallSample, CallSettings, Sample, SampleRequest, shared

_LOOK_S = 0.5
"""Longest wait for verifiers and other models without looking."""


class Drive:
    """Attempts of one cell; see `ttscale.pipeline.attempt_kinds.Attempts`. Closes the strategy with itself.

    Args:
        built: The strategy.
        requests: Attempts wanted; None among them: no more now.
        journal: Records them, and knows those of attempts that were interrupted.
        run_seed: The run's seed.
        request_size: Most equal calls of neighboring attempts in one request.

    Attributes:
        begun: Whether every attempt has begun.
        woken: Set by whoever has something for a drive that waits.
    """

    def __init__(
        self,
        built: BuiltStrategy,
        requests: Iterable[SampleRequest | None],
        journal: Journal,
        *,
        run_seed: int,
        request_size: int,
    ) -> None:
        self._built = built
        self._requests = iter(requests)
        self._journal = journal
        self._run_seed = run_seed
        self._request_size = request_size
        self._at_work = Interleaver(
            built.strategy,
            built.name,
            run_seed=run_seed,
            recorded=lambda key: answers_by_path(journal.recorded(*key)),
            most_calls=built.most_calls,
        )
        self.begun = False
        self.woken = threading.Event()
        self._bench = Bench(built.verifiers, self.woken.set)
        self._others: dict[str, Beside] = {}
        self._flying: dict[tuple[str, int], tuple[Asked, int]] = {}
        self._flying_elsewhere: dict[tuple[str, int], tuple[Asked, int]] = {}
        self._first: dict[AttemptKey, Sample] = {}
        self._held: deque[tuple[int, Sample]] = deque()
        self._n_recorded = 0
        self._failures: Counter[tuple[str, str]] = Counter()

    @classmethod
    def of(
        cls, cell: Cell, sampler: Sampler, requests: Iterable[SampleRequest | None], journal: Journal
    ) -> "Drive":
        """Make one of a cell's strategy, with the engines of its other models running.

        Raises:
            ConfigError: The sampler cannot serve the strategy.
            SamplerError: Another model's engine cannot start.
        """
        assert cell.strategy is not None
        built = build_strategy(cell.strategy)
        sampling = cell.sampling
        drive = cls(built, requests, journal, run_seed=sampling.seed, request_size=sampling.request_size)
        try:
            refuse_unservable(built, cell, cell.model.engine, sampler)
            is_replayed = refuse_other_replay(cell, sampler)
            # A journal answers for every model.
            for name, model in {} if is_replayed else built.models.items():
                drive._others[name] = Beside(name, model, cell, drive.woken.set)
        except BaseException:
            drive.close()
            raise
        return drive

    def calls(self) -> Iterator[SampleRequest | None]:
        """Yield calls of the run's model as they are ready; None where there is nothing now."""
        while True:
            self._collect()
            if self._at_work.calls:
                model, request = self._next_request()
                if model is None:
                    yield request
                else:
                    self._others[model].ask(request)
            elif not self._begin_next():
                if self._flying or self._bench.is_busy or self._flying_elsewhere:
                    yield None
                elif not self._at_work.calls:
                    return

    def wait(self) -> None:
        """Wait until a verifier or another model has something, for a moment."""
        self.woken.wait(_LOOK_S)

    def taken(self, answers: Sequence[Sample]) -> list[Sample]:
        """Take the model's answers; return the attempts that are done as samples, once every call of theirs is on the disk."""
        for sample in answers:
            self._take(sample, self._flying)
        return self._released()

    def ended(self) -> list[Sample]:
        """Return the last attempts."""
        self._journal.flush()
        return self._released()

    @property
    def failure(self) -> AttemptsFailedError | None:
        """What is to be said where a verifier failed inside attempts."""
        if not self._failures:
            return None
        (by, reason), count = self._failures.most_common(1)[0]
        return AttemptsFailedError(
            f"{by} {self._failures.total():,} attempts of strategy '{self._built.name}' ({count:,} times: "
            f"{reason}). They are not stored; all others are. The same command makes them again."
        )

    def close(self) -> None:
        """Free verifiers and other models; an interrupted attempt goes on from here."""
        with suppress(StoreError):  # said already, if it is so
            self._journal.flush()
        self._bench.close()
        for other in self._others.values():
            other.close()
        self._built.close()

    def _collect(self) -> None:
        """Take what came from verifiers and other models, and hand over what they are asked."""
        if self.woken.is_set():  # clearing takes a lock, and this is done for every call
            self.woken.clear()
        self._judge()
        for other in self._others.values():
            for sample in other.answers():
                self._take(sample, self._flying_elsewhere)

    def _take(self, sample: Sample, flying: dict[tuple[str, int], tuple[Asked, int]]) -> None:
        asked, seed = flying.pop((sample.problem_id, sample.sample_index))
        if isinstance(sample, CallSample) and sample.refused is not None:
            self._at_work.refuse(asked, sample.refused)
            self._end_finished()
            return
        self._answer(asked, _completion(asked, sample), sample, seed)

    def _begin_next(self) -> bool:
        """Begin the next attempts; False where there are none, or none now."""
        try:
            request = next(self._requests)
        except StopIteration:
            self.begun = True
            return False
        if request is None:
            return False
        before = len(self._at_work.calls)
        for j in range(request.n):
            index = request.first_index + j
            self._recall_first(request.problem.problem_id, index)
            self._at_work.begin(request.problem, index)
        # Equal first calls of neighbors stand together, so that they travel as one request.
        new = [self._at_work.calls.pop() for _ in range(len(self._at_work.calls) - before)]
        self._at_work.calls.extend(sorted(new, key=lambda asked: (asked.path, asked.index)))
        self._end_finished()
        return True

    def _recall_first(self, problem_id: str, index: int) -> None:
        """Know an interrupted attempt's first call again: its prompt and seed are the sample's."""
        for record in self._journal.recorded(problem_id, index):
            if record.kind == "generate" and record.path == FIRST:
                own: dict[str, Any] = {"finish_reason": record.finish_reason or "stop"}
                own |= {} if record.model is None else {"prompt_tokens": None}
                sample = Sample(completion=record.text, **shared(record, Sample) | own)
                self._first[problem_id, index] = sample

    def _next_request(self) -> tuple[str | None, SampleRequest]:
        """Take the next call, and those of the following attempts that are equal to it; return whose it is, too."""
        ready = self._at_work.calls
        batch = [ready.popleft()]
        while ready and len(batch) < self._request_size and _follows(batch[-1], ready[0]):
            batch.append(ready.popleft())
        first = batch[0]
        call_id = f"{first.problem.problem_id} call {first.path}"
        seed = self._seed(first)
        model = first.ask.model if isinstance(first.ask, Generate) else None
        model = model if model in self._others else None
        flying = self._flying if model is None else self._flying_elsewhere
        for asked in batch:
            flying[call_id, asked.index] = asked, seed + asked.index - first.index
        return model, SampleRequest(
            problem=replace(first.prompted(), problem_id=call_id),
            first_index=first.index,
            n=len(batch),
            seed=seed,
            call=_call_settings(first),
        )

    def _seed(self, asked: Asked) -> int:
        # The first call has the seed of the plain sample, so that strategies share random numbers and compare in pairs.
        name = asked.problem.problem_id
        return (
            first_seed(self._run_seed, name if asked.path == FIRST else f"{name}\0{asked.path}") + asked.index
        )

    def _judge(self) -> None:
        """Hand judgements over and take those that are made."""
        while self._at_work.judgements:
            self._bench.add(self._at_work.judgements.popleft())
        if self._bench.is_busy:
            for asked, verdict in self._bench.verdicts():
                self._record([recorded_call(asked, verdict, None)])
                self._at_work.answer(asked, verdict)
            self._end_finished()

    def _answer(self, asked: Asked, completion: Completion, sample: Sample, seed: int) -> None:
        """Hand a completion in. One that is all of its attempt needs no journal: the sample says it all."""
        if asked.path == FIRST:
            self._first[asked.attempt] = _first_of(sample, asked)
        self._at_work.answer(asked, completion)
        ended = self._at_work.finished[-1] if self._at_work.finished else None
        is_all = ended is not None and (ended.problem_id, ended.index) == asked.attempt and _is_plain(ended)
        if not is_all:
            self._record([recorded_call(asked, completion, seed)])
        self._end_finished()

    def _end_finished(self) -> None:
        """Make samples of the attempts that are done; count those that failed."""
        while self._at_work.finished:
            finished = self._at_work.finished.popleft()
            first = self._first.pop((finished.problem_id, finished.index), None)
            known = self._journal.recorded(finished.problem_id, finished.index)
            if not _is_plain(finished) and not any(record.kind == "end" for record in known):
                self._record([recorded_end(finished)])
            self._held.append((self._n_recorded, self._sample(finished, first)))
        while self._at_work.failed:
            failed = self._at_work.failed.popleft()
            self._first.pop((failed.problem_id, failed.index), None)
            told = failed.reason.strip().splitlines() or ["nobody said why"]
            self._failures[failed.by, told[-1]] += 1  # of a traceback what was raised

    def _sample(self, finished: Finished, first: Sample | None) -> Sample:
        attempt, last = finished.attempt, finished.attempt.last
        if first is not None and _is_plain(finished):
            return _plain_sample(first, finished.problem_id)
        return Sample(
            problem_id=finished.problem_id,
            sample_index=finished.index,
            completion=attempt.text,
            finish_reason="stop" if last is None else plain_reason(last.finish_reason),
            prompt_tokens=None if first is None else first.prompt_tokens,
            completion_tokens=finished.totals.completion_tokens,
            seed=None if first is None else first.seed,
        )

    def _record(self, records: Sequence[CallRecord]) -> None:
        self._n_recorded += len(records)
        self._journal.add(records)

    def _released(self) -> list[Sample]:
        """Return the samples all of whose calls are on the disk: what a sample cost is never lost."""
        released = []
        while self._held and self._held[0][0] <= self._journal.n_stored:
            released.append(self._held.popleft()[1])
        return released


def _plain_sample(sample: Sample, problem_id: str) -> Sample:
    """Return a call's answer as the sample that it is."""
    if type(sample) is Sample:
        return replace(sample, problem_id=problem_id)
    return Sample(
        **shared(sample, Sample)
        | {"problem_id": problem_id, "finish_reason": plain_reason(sample.finish_reason)}
    )


def _is_plain(finished: Finished) -> bool:
    """Tell whether an attempt was one call, whole and alone."""
    last, totals = finished.attempt.last, finished.totals
    return (
        last is not None
        and last.path == FIRST
        and (totals.calls, totals.judged) == (1, 0)
        and finished.attempt.text == last.text
        and not finished.attempt.notes
        and not totals.others
    )


def _first_of(sample: Sample, asked: Asked) -> Sample:
    """Return what a sample has of its attempt's first call; another model's prompt is no cost of the run's."""
    ask = asked.ask
    return replace(sample, prompt_tokens=None) if isinstance(ask, Generate) and ask.model else sample


def _follows(one: Asked, other: Asked) -> bool:
    return (
        other.index == one.index + 1
        and other.path == one.path
        and other.problem.problem_id == one.problem.problem_id
        and (other.ask is one.ask or other.ask == one.ask)
    )


def _call_settings(asked: Asked) -> CallSettings | None:
    """Return what the engine is asked beside a prompt; None for a first call that is a plain sample."""
    ask = asked.ask
    assert isinstance(ask, Generate)
    settings = CallSettings(
        prefix=tuple(
            (piece.ids or piece.text) if isinstance(piece, Tokens) else piece for piece in ask.prefix
        ),
        max_tokens=ask.max_tokens,
        stop=ask.stop,
        temperature=ask.temperature,
        keep_tokens=ask.tokens,
        keep_logprobs=ask.logprobs,
    )
    return None if asked.path == FIRST and settings == CallSettings() else settings


def _completion(asked: Asked, sample: Sample) -> Completion:
    ask = asked.ask
    assert isinstance(ask, Generate)
    more = sample if isinstance(sample, CallSample) else None
    return Completion(
        path=asked.path,
        text=sample.completion,
        before="" if more is None else more.prefix_text,
        tokens=more.token_ids or () if more is not None and ask.tokens else (),
        logprobs=sample.token_logprobs or () if ask.logprobs else (),
        **shared(sample, Completion),
    )
