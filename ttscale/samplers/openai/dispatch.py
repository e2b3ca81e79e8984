"""The work under way: pieces go to servers, samples come out, what failed goes again."""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from ttscale.execution.http.client import JsonClient
from ttscale.execution.http.failures import (
    FailedAttempt,
    Overloaded,
    PassingFailure,
    Refusal,
    Unreachable,
)
from ttscale.execution.http.pausing import backoff_s
from ttscale.samplers.contract import refused_call
from ttscale.samplers.openai.continuing import Prefixes
from ttscale.samplers.openai.dialect import Dialect
from ttscale.samplers.openai.options import OpenAIOptions
from ttscale.samplers.openai.reading import Answer, Choice, places
from ttscale.samplers.openai.servers import Server, choose, home_of
from ttscale.samplers.openai.usage import Meter
from ttscale.types import STOP_TEXT, CallSample, CallSettings, Problem, Sample, SampleRequest

_HANDED_OUT_EVERY_S = 0.005
"""Finished samples are handed to the other thread in lots: a switch of threads for each costs more than it."""
_HOPELESS = 16
"""Pieces given up in a row, without an answer between them, that end the run; answers to one problem alone that cannot be
read do not."""
_ANSWERED = 200


class Hopeless(Exception):  # noqa: N818  # handed to the sampler, which says the fix
    """No request can succeed; the text says why."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some samples of one problem that one request asks for."""

    problem: Problem
    first_index: int
    n: int
    seed: int
    call: CallSettings | None = None
    attempts: int = 0

    def part(self, start: int, stop: int) -> "Piece":
        """Return the samples [start, stop) of this piece as a piece of its own."""
        return replace(self, first_index=self.first_index + start, n=stop - start, seed=self.seed + start)

    @property
    def most(self) -> int:
        """How many of its samples one request may ask for: servers refuse several greedy ones."""
        return 1 if self.call is not None and self.call.temperature == 0 else self.n


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A piece that cannot be had."""

    piece: Piece
    reason: str


@dataclass(frozen=True, slots=True)
class Lot:
    """What the dispatcher hands out at a time.

    Attributes:
        samples: Finished ones, a list for each answer.
        n: How many samples are settled by this, those given up included.
        given_up: What cannot be had.
        end: Set in the last lot of a run that cannot go on.
    """

    samples: list[list[Sample]]
    n: int
    given_up: list[GivenUp]
    end: BaseException | None = None


class Dispatcher:
    """Lives in the event loop; only `take` is called from there by others.

    Args:
        client: Sends requests.
        dialect: Writes and reads them.
        servers: Where they go.
        options: Attempts, patience, request sizes.
        meter: Counts tokens.
        hand_out: Takes finished lots, in the loop's thread.
    """

    def __init__(
        self,
        client: JsonClient,
        dialect: Dialect,
        servers: Sequence[Server],
        options: OpenAIOptions,
        meter: Meter,
        hand_out: Callable[[Lot], None],
    ) -> None:
        self._client = client
        self._dialect = dialect
        self._continuing = dialect.continuing()
        self._prefixes = Prefixes(client, dialect.terms.continues, dialect.tokenized())
        self._servers = servers
        self._options = options
        self._meter = meter
        self._hand_out = hand_out
        self._loop = asyncio.get_running_loop()
        self._most_per_request = dialect.terms.most_per_request
        self._short_in_a_row = 0
        self._backlog: deque[Piece] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._end: BaseException | None = None
        self._given_up_in_a_row: list[str] = []
        self._random = random.Random()
        self._wake: asyncio.TimerHandle | None = None
        self._flush: asyncio.TimerHandle | None = None
        self._empty_lot()

    def take(self, requests: Iterable[SampleRequest]) -> None:
        """Add work."""
        for request in requests:
            piece = Piece(request.problem, request.first_index, request.n, request.seed, request.call)
            self._backlog.append(piece)
        self._send()

    async def cancel(self) -> None:
        """Stop everything under way."""
        self._stop(Hopeless("cancelled"))
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for handle in (self._wake, self._flush):
            if handle is not None:
                handle.cancel()

    # ---- sending --------------------------------------------------------------------------------------

    def _send(self) -> None:
        """Send as much of the backlog as the servers have room for."""
        while self._backlog and self._end is None:
            piece = self._backlog[0]
            n = min(piece.most, self._most_per_request)
            server = choose(self._servers, n, home_of(piece.problem))
            if server is None:
                self._wake_when_one_returns()
                return
            task = self._loop.create_task(self._serve(self._next_piece(n), server))
            self._tasks.add(task)
            task.add_done_callback(self._over)

    def _next_piece(self, n: int) -> Piece:
        piece = self._backlog.popleft()
        if piece.n > n:
            self._backlog.appendleft(piece.part(n, piece.n))
            piece = piece.part(0, n)
        return piece

    def _wake_when_one_returns(self) -> None:
        """Look again when the first server that stands aside returns; answers wake us anyway."""
        now = self._loop.time()
        returns = [server.aside_until for server in self._servers if server.aside_until > now]
        if self._wake is not None:
            self._wake.cancel()
        self._wake = self._loop.call_at(min(returns), self._send) if returns else None

    def _over(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._stop(error)
        if self._end is not None:
            if not self._tasks:
                self._flush_now()
        else:
            self._send()

    # ---- one request ----------------------------------------------------------------------------------

    async def _serve(self, piece: Piece, server: Server) -> None:
        """Ask for a piece once, and deal with what comes."""
        terms = self._dialect.terms
        seed = None if terms.seeds == "none" else terms.seed(piece.seed)
        asked = self._dialect.prompt(piece.problem)
        sent_at = server.sent(piece.n)
        try:
            dialect, before = self._dialect, ""
            if piece.call is not None and piece.call.prefix:
                dialect = self._continuing
                continued = await self._prefixes.continued(server.url, asked, piece.call.prefix)
                asked, before = {"prompt": continued.prompt}, continued.before
            body = dialect.body(asked, piece.n, seed, piece.call)
            answer = self._read(dialect, await self._client.post(f"{server.url}/{dialect.terms.path}", body))
            samples = self._samples(piece, answer, seed, before)
        except FailedAttempt as failure:
            server.ended(piece.n)
            self._meter.failed()
            self._failed(piece, server, failure, sent_at)
        except BaseException:
            server.ended(piece.n)
            raise
        else:
            server.ended(piece.n)
            self._meter.answered(answer)
            self._given_up_in_a_row.clear()
            tokens = sum(sample.completion_tokens or 0 for sample in samples)
            server.answered(len(samples), tokens)
            self._finished(piece, samples)

    def _read(self, dialect: Dialect, found: Any) -> Answer:
        try:
            answer = dialect.reader.read(found)
        except Exception as error:  # whatever a foreign server's answer makes of ours
            raise self._client.unreadable(found, error) from None
        if not answer.choices:
            raise self._client.unreadable(found, ValueError("it holds no choices"))
        return answer

    def _samples(self, piece: Piece, answer: Answer, seed: int | None, before: str) -> list[Sample]:
        try:
            placed = places(answer.choices, piece.n, seeded=seed is not None)
        except ValueError as error:
            raise self._client.unreadable(answer, error) from None
        keeps = self._dialect.terms.keep_token_logprobs or (
            piece.call is not None and piece.call.keep_logprobs
        )
        samples = []
        for place, choice in placed.items():
            common: dict[str, Any] = {
                "problem_id": piece.problem.problem_id,
                "sample_index": piece.first_index + place,
                "completion": choice.text,
                "finish_reason": choice.finish_reason,
                "prompt_tokens": answer.prompt_tokens,
                "completion_tokens": choice.n_tokens,
                "cumulative_logprob": None if choice.logprobs is None else sum(choice.logprobs),
                "token_logprobs": choice.logprobs if keeps else None,
                "top_logprobs": choice.top_logprobs,
                "seed": None if seed is None else seed + place,
            }
            own = {} if piece.call is None else _of_call(piece.call, choice, before, answer.cached_tokens)
            samples.append((Sample if piece.call is None else CallSample)(**common | own))
        return samples

    def _finished(self, piece: Piece, samples: list[Sample]) -> None:
        """Hand samples out, and ask again for those that the answer lacked."""
        if len(samples) < piece.n:
            self._short_in_a_row += 1
            if self._short_in_a_row > 1:  # one short answer is an accident, two are a limit
                self._most_per_request = min(self._most_per_request, len(samples))
            self._backlog.extendleft(reversed(_missing(piece, samples)))
        else:
            self._short_in_a_row = 0
            if piece.n == self._most_per_request:  # it was short for a while, not for ever
                self._most_per_request = min(2 * piece.n, self._dialect.terms.most_per_request)
        self._lot.samples.append(samples)
        self._settled(len(samples))

    # ---- failures -------------------------------------------------------------------------------------

    def _failed(self, piece: Piece, server: Server, failure: FailedAttempt, sent_at: float) -> None:
        if isinstance(failure, PassingFailure | Refusal):
            server.failed(failure, sent_at)
        if isinstance(failure, Unreachable | Overloaded | Refusal):
            self._backlog.appendleft(piece)
            self._stop_if_hopeless(failure)
        elif isinstance(failure, PassingFailure) and piece.attempts < self._options.max_retries:
            again = replace(piece, attempts=piece.attempts + 1)
            self._loop.call_later(backoff_s(piece.attempts, self._random), self._again, again)
        else:
            self._give_up(piece, failure)

    def _again(self, piece: Piece) -> None:
        self._backlog.appendleft(piece)
        self._send()

    def _give_up(self, piece: Piece, failure: FailedAttempt) -> None:
        reason = failure.reason
        if isinstance(failure, PassingFailure):
            reason = f"no answer after {piece.attempts + 1} attempts; the last: {reason}"
        if piece.call is None:
            self._lot.given_up.append(GivenUp(piece, reason))
        else:  # the attempt ends, and no other
            self._lot.samples.append(
                refused_call(piece.problem.problem_id, piece.first_index, piece.n, reason)
            )
        self._settled(piece.n)
        self._given_up_in_a_row.append(piece.problem.problem_id)
        is_this_problem = failure.status == _ANSWERED and len(set(self._given_up_in_a_row)) == 1
        if len(self._given_up_in_a_row) >= _HOPELESS and not is_this_problem:
            self._stop(Hopeless(f"the last {_HOPELESS} requests all failed (the last: {reason})"))

    def _stop_if_hopeless(self, failure: FailedAttempt) -> None:
        """End the run when every server turns us away, or none has served for as long as patience lasts."""
        if all(isinstance(server.last_failure, Refusal) for server in self._servers):
            self._stop(Hopeless(failure.reason))
        if any(server.under_way or server.failing_since is None for server in self._servers):
            return
        waited = self._loop.time() - max(server.failing_since or 0.0 for server in self._servers)
        if waited >= self._options.patience_s:
            self._stop(Hopeless(f"no server has answered for {waited:.0f} s (the last: {failure.reason})"))

    def _stop(self, error: BaseException) -> None:
        """Send nothing more; what is under way may finish."""
        if self._end is None:
            self._end = error

    # ---- handing out ----------------------------------------------------------------------------------

    def _settled(self, n: int) -> None:
        self._n_settled += n
        if self._flush is None:
            self._flush = self._loop.call_later(_HANDED_OUT_EVERY_S, self._flush_now)

    def _flush_now(self) -> None:
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        end = self._end if not self._tasks else None
        lot = replace(self._lot, n=self._n_settled, end=end)
        self._empty_lot()
        self._hand_out(lot)

    def _empty_lot(self) -> None:
        self._lot = Lot([], 0, [])
        self._n_settled = 0


def _of_call(call: CallSettings, choice: Choice, before: str, cached_tokens: int | None) -> dict[str, Any]:
    """Return what the answer to a strategy's call has beside a sample's fields."""
    ended_by_text = choice.finish_reason == "stop" and choice.stop_text is not None
    ended_by_model = choice.finish_reason == "stop" and choice.stop_text is None
    ids = choice.token_ids
    return {
        "finish_reason": STOP_TEXT if ended_by_text and call.stop is not None else choice.finish_reason,
        "prefix_text": before,
        "token_ids": None if ids is None or not call.keep_tokens else ids[:-1] if ended_by_model else ids,
        "cached_tokens": cached_tokens,
    }


def _missing(piece: Piece, samples: Sequence[Sample]) -> list[Piece]:
    """Return the gaps that an answer left in a piece."""
    have = sorted(sample.sample_index - piece.first_index for sample in samples)
    edges = [-1, *have, piece.n]
    return [piece.part(left + 1, right) for left, right in pairwise(edges) if right - left > 1]
