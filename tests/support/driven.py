"""A strategy whose every ask is answered from a list: what it asks, and what its attempt comes to."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ttscale.registry import load_plugin
from ttscale.strategies.contract import Ask, Attempt, Completion, Generate, Judge
from ttscale.types import Outcome, Problem, Verdict

Answer = str | float | Completion | Verdict
"""A text that the model ended; a score; or a whole answer, whose path is made the ask's own."""


def said(text: str, finish_reason: str = "stop", **more: object) -> Completion:
    """What the model says to one ask."""
    return Completion(path="", text=text, finish_reason=finish_reason, **more)


def accepted(*, by: bool = True, detail: str | None = None) -> Verdict:
    """A verdict without a score."""
    return Verdict(outcome=Outcome.CORRECT if by else Outcome.INCORRECT, detail=detail)


def driven(
    name: str, answers: Sequence[Answer], *, seed: int = 0, **options: object
) -> tuple[Attempt, list[Ask]]:
    """Run one attempt at the problem "What?"; every answer is used, in the order of the asks."""
    plugin = load_plugin("strategies", name)
    strategy = plugin(plugin.Options.model_validate(options))
    at_work = strategy.attempt(Problem(problem_id="p", prompt="What?"), np.random.default_rng(seed))
    left, asked = list(answers), []
    try:
        step = next(at_work)
        while True:
            several = not isinstance(step, Generate | Judge)
            asks = list(step) if several else [step]
            found = [_answer(ask, left.pop(0), len(asked) + at) for at, ask in enumerate(asks)]
            asked += asks
            step = at_work.send(found if several else found[0])
    except StopIteration as end:
        assert not left
        return end.value, asked


def _answer(ask: Ask, given: Answer, number: int) -> Completion | Verdict:
    if isinstance(ask, Judge):
        assert not isinstance(given, str | Completion)
        return given if isinstance(given, Verdict) else Verdict(outcome=Outcome.INCORRECT, score=float(given))
    completion = said(given) if isinstance(given, str) else given
    assert isinstance(completion, Completion)
    return replace(completion, path=str(number))
