"""Visible tests inside an attempt: a program that fails an example is told which, and one that passes ends the turns."""

from contextlib import closing

import pytest

from ttscale.config.models import PluginSettings
from ttscale.execution.sandbox import find_sandbox
from ttscale.pipeline.strategy.building import build_strategy
from ttscale.pipeline.strategy.judging import Bench
from ttscale.strategies.contract import Completion
from ttscale.strategies.interleaving import Interleaver
from ttscale.types import Problem

pytestmark = pytest.mark.skipif(not find_sandbox().available, reason="bubblewrap does not work here")

CODE = 'def double(x):\n    """Double it.\n    >>> double(2)\n    4\n    """\n'


def test_refine_hears_which_example_failed_and_stops_when_all_pass() -> None:
    settings = PluginSettings.model_validate({"name": "refine", "turns": 5, "verifier": "visible-tests"})
    problem = Problem(
        problem_id="p", prompt=CODE, metadata={"code_prompt": CODE, "entry_point": "double"},
        hidden={"test": "def check(candidate): assert candidate(3) == 6"},
    )  # fmt: skip
    prompts = []
    with closing(build_strategy(settings)) as built, closing(Bench(built.verifiers)) as bench:
        work = Interleaver(built.strategy, "refine", run_seed=0)
        work.begin(problem, 0)
        for body in ("    return x + 3\n", "    return x * 2\n"):
            asked = work.calls.popleft()
            prompts.append(asked.ask.prompt)  # type: ignore[union-attr]
            work.answer(asked, Completion(path=asked.path, text=body, finish_reason="stop"))
            bench.add(work.judgements.popleft())
            for judged, verdict in bench.verdicts(wait=True):
                work.answer(judged, verdict)
        (finished,) = work.finished
    assert finished.attempt.text == "    return x * 2\n"
    assert "double(2) gives 5, but the statement shows 4" in str(prompts[1])
