"""What an attempt will take, before a token is drawn: the strategy is rehearsed with a stand-in for model and verifiers.

The stand-in's completions are as long as they may be. What the most is that an attempt takes is looked for over
stand-ins that always accept or never do, whose texts end by themselves, by a stop text or by their length; what it takes on
average, over some that toss a coin each time. So it works for any strategy, and needs nothing of it but its generator.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from ttscale.config.models import Cell
from ttscale.errors import StrategyError
from ttscale.pipeline.strategy.building import BuiltStrategy, build_strategy
from ttscale.samplers.conversations import n_characters
from ttscale.strategies.contract import Completion, Generate
from ttscale.strategies.interleaving import Asked, Interleaver, Totals
from ttscale.types import STOP_TEXT, Outcome, Problem, Verdict

CHARACTERS_PER_TOKEN = 4.0
"""Of English text."""
_TOSSED = 16
_MOST_ASKED = 20_000
"""Asks of all rehearsals that toss a coin; whoever asks more is known well enough after fewer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What an attempt takes.

    Attributes:
        calls: Completions.
        judged: Judgements inside it.
        completion_tokens: Generated.
        later_prompt_tokens: Of the prompts of all calls but the first, none of them cached.
    """

    calls: float
    judged: float
    completion_tokens: float
    later_prompt_tokens: float


@dataclass(frozen=True, slots=True)
class _StandIn:
    """How model and verifiers behave: accepting and ended by what, or by a coin where None."""

    accepts: bool | None
    ends_by: str | None
    rng: np.random.Generator

    def completion(self, asked: Asked, ask: Generate, max_tokens: int) -> Completion:
        n = max(ask.max_tokens if ask.max_tokens is not None else max_tokens, 1)
        ends = self.ends_by or ("stop" if self.rng.random() < 0.5 else STOP_TEXT)
        return Completion(
            path=asked.path,
            text="word " * max(int(n * CHARACTERS_PER_TOKEN / 5), 1),
            finish_reason="stop" if ends == STOP_TEXT and not ask.stop else ends,
            tokens=(0,) * n if ask.tokens else (),
            logprobs=(-1.0,) * (n + (ends == "stop")) if ask.logprobs else (),
            prompt_tokens=_prompt_tokens(asked, ask),
            completion_tokens=n,
            cumulative_logprob=-float(n),
        )

    def verdict(self) -> Verdict:
        accepted = bool(self.rng.random() < 0.5) if self.accepts is None else self.accepts
        return Verdict(
            outcome=Outcome.CORRECT if accepted else Outcome.INCORRECT,
            score=float(accepted),
            answer_class=f"{self.rng.integers(2) if self.accepts is None else self.rng.integers(1 << 62)}",
        )


def rehearsed(cell: Cell, problem: Problem) -> tuple[Taken, Taken]:
    """Return what an attempt of a cell's strategy takes: on average where every verifier tosses a coin, and at most.

    Args:
        cell: A cell with a strategy.
        problem: One of its problems.

    Raises:
        StrategyError: The strategy broke or did not end, as it would in the run.
    """
    assert cell.strategy is not None
    built = build_strategy(cell.strategy)
    try:
        extremes = [
            _attempt(built, cell, problem, 0, _StandIn(accepts, ends, np.random.default_rng(0)))
            for accepts, ends in product((False, True), ("stop", STOP_TEXT, "length"))
        ]
        tossed = list(_tossed(built, cell, problem))
    finally:
        built.close()
    taken = np.array([_numbers(totals) for totals in tossed]).mean(axis=0)
    most = np.array([_numbers(totals) for totals in (*extremes, *tossed)]).max(axis=0)
    return _taken(taken), _taken(most)


def _tossed(built: BuiltStrategy, cell: Cell, problem: Problem) -> Iterator[Totals]:
    asked = 0
    for index in range(_TOSSED):
        totals = _attempt(built, cell, problem, index, _StandIn(None, None, np.random.default_rng(index)))
        yield totals
        asked += totals.calls + totals.judged
        if asked > _MOST_ASKED:
            return


def _attempt(built: BuiltStrategy, cell: Cell, problem: Problem, index: int, stand_in: _StandIn) -> Totals:
    work = Interleaver(built.strategy, built.name, run_seed=cell.sampling.seed, most_calls=built.most_calls)
    work.begin(problem, index)
    while work.calls or work.judgements:
        if work.calls:
            asked = work.calls.popleft()
            assert isinstance(asked.ask, Generate)
            work.answer(asked, stand_in.completion(asked, asked.ask, cell.sampling.max_tokens))
        else:
            work.answer(work.judgements.popleft(), stand_in.verdict())
    if not work.finished:
        raise StrategyError(f"Strategy '{built.name}' ended in no attempt when it was rehearsed.")
    return work.finished.popleft().totals


def _prompt_tokens(asked: Asked, ask: Generate) -> int:
    given = sum(
        len(one) / CHARACTERS_PER_TOKEN if isinstance(one, str) else len(one.ids) for one in ask.prefix
    )
    return round(n_characters(asked.prompted()) / CHARACTERS_PER_TOKEN + given)


def _numbers(totals: Totals) -> tuple[float, ...]:
    return totals.calls, totals.judged, totals.completion_tokens or 0, totals.later_prompt_tokens


def _taken(numbers: np.ndarray) -> Taken:
    calls, judged, completion, later = map(float, numbers)
    return Taken(calls=calls, judged=judged, completion_tokens=completion, later_prompt_tokens=later)
