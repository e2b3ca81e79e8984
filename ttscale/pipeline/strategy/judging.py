"""Judgements that attempts ask for, made in batches beside the engine: a slow verifier never stalls it."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from ttscale.pipeline.building import NamedVerifier
from ttscale.pipeline.verifying import verify_batch
from ttscale.strategies.contract import Completion, Judge, plain_reason
from ttscale.strategies.interleaving import Asked
from ttscale.types import Problem, Sample, Verdict, shared
from ttscale.verifiers.contract import Candidate

_NO_KEY = "0"
"""Stands for the key where only answer classes are wanted: a class does not depend on it, and nothing can leak."""

Judged = list[tuple[Asked, Verdict]]


class Bench:
    """Judges batch after batch in one thread; what comes in meanwhile makes the next batch.

    Args:
        verifiers: By what a `Judge` asks for.
        woken: Called in that thread with every batch that is judged.
    """

    def __init__(self, verifiers: Mapping[str, NamedVerifier], woken: Callable[[], None]) -> None:
        self._verifiers = verifiers
        self._woken = woken
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="judge")
        self._waiting: list[Asked] = []
        self._under_way: Future[Judged] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether judgements are to come."""
        return self._under_way is not None or bool(self._waiting)

    def add(self, asked: Asked) -> None:
        """Take one more thing to judge."""
        self._waiting.append(asked)

    def verdicts(self) -> Judged:
        """Return what is judged by now."""
        self._begin()
        if self._under_way is None or not self._under_way.done():
            return []
        judged = self._under_way.result()
        self._under_way = None
        self._begin()
        return judged

    def close(self) -> None:
        """Wait for nothing more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _begin(self) -> None:
        if self._under_way is None and self._waiting:
            batch, self._waiting = self._waiting, []
            self._under_way = self._thread.submit(self._judge, batch)
            self._under_way.add_done_callback(lambda _: self._woken())

    def _judge(self, batch: Sequence[Asked]) -> Judged:
        judged: Judged = []
        for by, verifier in self._verifiers.items():
            own = [asked for asked in batch if isinstance(asked.ask, Judge) and asked.ask.by == by]
            if own:
                verdicts = verify_batch(verifier.verifier, [_candidate(asked) for asked in own])
                judged += zip(own, verdicts, strict=True)
        return judged


def _candidate(asked: Asked) -> Candidate:
    ask = asked.ask
    assert isinstance(ask, Judge)
    problem: Problem = asked.problem if ask.by == "verifier" else replace(asked.problem, answer=_NO_KEY)
    call = ask.completion or Completion(path="", text=ask.text, finish_reason="stop")
    sample = Sample(
        problem_id=problem.problem_id,
        sample_index=asked.index,
        completion=ask.text,
        token_logprobs=call.logprobs or None,
        **shared(call, Sample) | {"finish_reason": plain_reason(call.finish_reason)},
    )
    return Candidate(problem, sample)
