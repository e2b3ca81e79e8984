"""Many attempts at once: whichever has its answers goes on, and whatever they ask for is handed out together.

No engine, no store, no clock: asks come out, answers go in. The only barrier is inside an attempt.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ttscale.errors import StrategyError
from ttscale.strategies.contract import Ask, Attempt, Completion, Generate, Judge, Steps, Strategy
from ttscale.types import Outcome, Problem, Verdict

MOST_CALLS = 10_000
"""Asks of one attempt before it is taken for one that never ends."""

FIRST = "0"
"""Path of an attempt's first call."""

Answer = Completion | Verdict
AttemptKey = tuple[str, int]
"""(problem_id, sample_index)."""
Recorded = Callable[[AttemptKey], Mapping[str, Answer]]
"""Returns the answers that an interrupted attempt had already, by path."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One ask on its way to an engine or a verifier."""

    problem: Problem
    index: int
    path: str
    ask: Ask

    @property
    def attempt(self) -> AttemptKey:
        """Whose it is."""
        return self.problem.problem_id, self.index

    def prompted(self) -> Problem:
        """Return the problem with the prompt that a call asks with, where that is another one."""
        ask = self.ask
        if isinstance(ask, Generate) and (ask.messages is not None or ask.prompt is not None):
            return replace(
                self.problem, prompt=None if ask.messages else ask.prompt, messages=ask.messages or None
            )
        return self.problem


@dataclass(slots=True)
class Totals:
    """What an attempt has taken so far; a count is None where one of its calls was not counted.

    Attributes:
        calls: Completions asked of an engine.
        prompt_tokens: Of all their prompts, prefixes included.
        cached_tokens: Those of them that the engine had in its prefix cache.
        completion_tokens: Generated, discarded branches included.
        judged: Judgements asked of a verifier.
        judge_tokens: Tokens that those cost.
        later_prompt_tokens: Of the prompts of all calls but the first, whose prompt is the problem's own.
        later_cached_tokens: Those of them found in the prefix cache.
        others: Calls of other models; their prompts are none of the later ones above.
    """

    calls: int = 0
    prompt_tokens: int | None = 0
    cached_tokens: int | None = 0
    completion_tokens: int | None = 0
    judged: int = 0
    judge_tokens: int = 0
    later_prompt_tokens: int = 0
    later_cached_tokens: int = 0
    others: int = 0

    def add(self, answer: Answer, model: str | None = None) -> None:
        """Count one answer, of another model where one is named."""
        if isinstance(answer, Verdict):
            self.judged += 1
            self.judge_tokens += (answer.prompt_tokens or 0) + (answer.completion_tokens or 0)
            return
        self.calls += 1
        self.prompt_tokens = _sum(self.prompt_tokens, answer.prompt_tokens)
        self.cached_tokens = _sum(self.cached_tokens, answer.cached_tokens)
        self.completion_tokens = _sum(self.completion_tokens, answer.completion_tokens)
        if model is not None:
            self.others += 1
        elif answer.path != FIRST:
            self.later_prompt_tokens += answer.prompt_tokens or 0
            self.later_cached_tokens += answer.cached_tokens or 0


@dataclass(frozen=True, slots=True)
class Finished:
    """An attempt that is done, with what it took."""

    problem_id: str
    index: int
    attempt: Attempt
    totals: Totals


@dataclass(frozen=True, slots=True)
class Failed:
    """An attempt that a failing verifier or a refused call broke off: neither right nor wrong, and not stored.

    Attributes:
        by: What happened, as the beginning of a sentence that goes on with "attempts".
    """

    problem_id: str
    index: int
    by: str
    reason: str


@dataclass(slots=True)
class _Running:
    """An attempt under way."""

    problem: Problem
    index: int
    steps: Steps
    recorded: Mapping[str, Answer]
    step: int = 0
    asked: Sequence[Ask] = ()
    is_single: bool = False
    answers: list[Answer | None] = field(default_factory=list)
    n_waiting: int = 0
    n_asked: int = 0
    totals: Totals = field(default_factory=Totals)

    @property
    def where(self) -> str:
        """Where it is, for messages."""
        return f"problem '{self.problem.problem_id}', attempt {self.index}, step {self.step}"


class Interleaver:
    """Keeps attempts alive and moves each on when its answers are there.

    Args:
        strategy: Whose attempts.
        name: The strategy's name, for messages.
        run_seed: The run's seed; with problem and index it makes an attempt's `rng`.
        recorded: Answers of interrupted attempts; they are sent again, and nothing is asked twice.
        most_calls: Asks of one attempt that are too many.

    Attributes:
        calls: Asks for completions, ready to be taken.
        judgements: Asks for verdicts, ready to be taken.
        finished: Attempts that are done, ready to be taken.
        failed: Attempts that were broken off, ready to be taken.
    """

    def __init__(
        self,
        strategy: Strategy,
        name: str,
        *,
        run_seed: int,
        recorded: Recorded = lambda key: {},
        most_calls: int = MOST_CALLS,
    ) -> None:
        self._strategy = strategy
        self._name = name
        self._run_seed = run_seed
        self._recorded = recorded
        self._most_calls = most_calls
        self._uses_rng: bool = getattr(strategy, "uses_rng", True)
        self._last: Problem | None = None
        self._seen = Problem(problem_id="")
        self._running: dict[AttemptKey, _Running] = {}
        self.calls: deque[Asked] = deque()
        self.judgements: deque[Asked] = deque()
        self.finished: deque[Finished] = deque()
        self.failed: deque[Failed] = deque()

    @property
    def n_running(self) -> int:
        """Attempts under way."""
        return len(self._running)

    def begin(self, problem: Problem, index: int) -> None:
        """Begin an attempt; what it asks for first is ready then.

        Args:
            problem: Its key and hidden part are taken away.
            index: The attempt's number, a sample's index.

        Raises:
            StrategyError: The strategy broke.
        """
        if problem is not self._last:
            self._last, self._seen = problem, replace(problem, answer=None, hidden={})
        seen, key = self._seen, (problem.problem_id, index)
        rng: Any = attempt_rng(self._run_seed, *key) if self._uses_rng else None
        steps = self._strategy.attempt(seen, rng)
        self._running[key] = running = _Running(seen, index, steps, self._recorded(key))
        self._go_on(running, None)

    def answer(self, asked: Asked, answer: Answer) -> None:
        """Hand an answer in; the attempt goes on when it has all that it waits for.

        Raises:
            StrategyError: The strategy broke.
        """
        running = self._running.get(asked.attempt)
        if running is None:  # it failed meanwhile: what its other calls bring is recorded and not needed
            return
        if isinstance(answer, Verdict) and answer.outcome is Outcome.ERROR:
            self._fail(running, "A verifier failed inside", answer.detail or "the verifier failed")
            return
        running.answers[_position(asked.path)] = answer
        running.n_waiting -= 1
        running.totals.add(answer, _model(asked.ask))
        if not running.n_waiting:
            self._go_on(running, running.answers[0] if running.is_single else list(running.answers))

    def refuse(self, asked: Asked, reason: str) -> None:
        """Say that an ask cannot be served: its attempt ends here."""
        running = self._running.get(asked.attempt)
        if running is not None:
            self._fail(running, "The engine refused a call inside", reason)

    def _go_on(self, running: _Running, answers: Any) -> None:
        """Move an attempt on until it waits for something that is not recorded, or is done."""
        while True:
            try:
                asked = running.steps.send(answers)
            except StopIteration as stop:
                self._finish(running, stop.value)
                return
            except Exception as error:
                raise StrategyError(
                    f"Strategy '{self._name}' broke at {running.where}: {type(error).__name__}: {error}"
                ) from error
            self._take(running, asked)
            if running.n_waiting:
                return
            answers = running.answers[0] if running.is_single else list(running.answers)

    def _take(self, running: _Running, asked: Ask | Sequence[Ask]) -> None:
        """Answer from the record what is there, and make the rest ready."""
        running.is_single = isinstance(asked, Generate | Judge)
        running.asked = self._checked(
            running, [asked] if isinstance(asked, Generate | Judge) else list(asked)
        )
        running.answers = [None] * len(running.asked)
        step, running.step = running.step, running.step + 1
        for j, ask in enumerate(running.asked):
            path = path_of(step, j)
            known = running.recorded.get(path)
            if known is not None:
                running.answers[j] = known
                running.totals.add(known, _model(ask))
                continue
            running.n_waiting += 1
            ready = self.calls if isinstance(ask, Generate) else self.judgements
            ready.append(Asked(running.problem, running.index, path, ask))

    def _checked(self, running: _Running, asked: Sequence[Any]) -> Sequence[Ask]:
        for ask in asked:
            fault = _fault_of(ask)
            if fault is not None:
                raise StrategyError(f"Strategy '{self._name}' {fault[0]} at {running.where}. {fault[1]}")
        running.n_asked += max(len(asked), 1)
        if running.n_asked > self._most_calls:
            raise StrategyError(
                f"Strategy '{self._name}' asked for more than {self._most_calls:,} things at {running.where}: it may never end. "
                "Give it a limit of its own, or raise strategy.most_calls."
            )
        return asked

    def _finish(self, running: _Running, attempt: Any) -> None:
        if not isinstance(attempt, Attempt):
            raise StrategyError(
                f"Strategy '{self._name}' returned {type(attempt).__name__} instead of an Attempt at problem "
                f"'{running.problem.problem_id}', attempt {running.index}. End it with `return Attempt.of(completion)`."
            )
        del self._running[running.problem.problem_id, running.index]
        self.finished.append(
            Finished(
                running.problem.problem_id,
                running.index,
                attempt,
                running.totals,
            )
        )

    def _fail(self, running: _Running, by: str, reason: str) -> None:
        key = (running.problem.problem_id, running.index)
        del self._running[key]
        running.steps.close()
        for ready in (self.calls, self.judgements):
            kept = [asked for asked in ready if asked.attempt != key]
            ready.clear()
            ready.extend(kept)
        self.failed.append(Failed(*key, by, reason))


def attempt_rng(run_seed: int, problem_id: str, index: int) -> np.random.Generator:
    """Return the generator of an attempt: it depends on nothing but these three."""
    digest = hashlib.blake2b(problem_id.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return np.random.default_rng([run_seed, index, *np.frombuffer(digest, np.uint32).tolist()])


def path_of(step: int, position: int) -> str:
    """Name a call inside an attempt: the step, and the number within it unless it is the first.

    >>> path_of(0, 0), path_of(2, 3)
    ('0', '2.3')
    """
    return f"{step}.{position}" if position else str(step)


def _fault_of(ask: Any) -> tuple[str, str] | None:
    """Return what is wrong with what a strategy yielded and what to do instead; None where nothing is."""
    if isinstance(ask, Judge):
        return None
    if not isinstance(ask, Generate):
        return (
            f"yielded {type(ask).__name__}",
            "Yield a Generate, a Judge or a list of them; what it returns is its Attempt.",
        )
    if ask.prompt == "" or (ask.messages is not None and not any(turn.content for turn in ask.messages)):
        return "asked for a completion of an empty prompt", "Put something into it, or end the attempt."
    if ask.max_tokens is not None and ask.max_tokens < 1:
        return (
            f"asked for a completion of at most {ask.max_tokens} tokens",
            "Ask for 1 or more, or end the attempt.",
        )
    return None


def _model(ask: Ask) -> str | None:
    return ask.model if isinstance(ask, Generate) else None


def _position(path: str) -> int:
    return int(path.partition(".")[2] or 0)


def _sum(total: int | None, more: int | None) -> int | None:
    """Add up counts, as long as all of them are known."""
    return None if total is None or more is None else total + more
