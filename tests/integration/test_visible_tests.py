"""Visible tests inside an attempt: a program that fails an example is told which, and one that passes ends the turns."""

import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from codet import VERDICTS, candidates, read_lines

from ttscale.config.models import PluginSettings
from ttscale.execution.sandbox import find_sandbox
from ttscale.pipeline.strategy.building import build_strategy
from ttscale.pipeline.strategy.judging import Bench
from ttscale.strategies.contract import Completion
from ttscale.strategies.interleaving import Interleaver
from ttscale.tasks.humaneval import STOP
from ttscale.types import Outcome, Problem
from ttscale.verifiers.visible_tests import VisibleTestsOptions, VisibleTestsVerifier

pytestmark = pytest.mark.skipif(not find_sandbox().available, reason="bubblewrap does not work here")

CODE = 'def double(x):\n    """Double it.\n    >>> double(2)\n    4\n    """\n'


def test_refine_hears_which_example_failed_and_stops_when_all_pass() -> None:
    settings = PluginSettings.model_validate({"name": "refine", "turns": 5, "verifier": "visible-tests"})
    problem = Problem(
        problem_id="p", prompt=CODE, metadata={"code_prompt": CODE, "entry_point": "double"},
        hidden={"test": "def check(candidate): assert candidate(3) == 6"},
    )  # fmt: skip
    prompts = []
    judged_some = threading.Event()
    with (
        closing(build_strategy(settings)) as built,
        closing(Bench(built.verifiers, judged_some.set)) as bench,
    ):
        work = Interleaver(built.strategy, "refine", run_seed=0)
        work.begin(problem, 0)
        for body in ("    return x + 3\n", "    return x * 2\n"):
            asked = work.calls.popleft()
            prompts.append(asked.ask.prompt)  # type: ignore[union-attr]
            work.answer(asked, Completion(path=asked.path, text=body, finish_reason="stop"))
            bench.add(work.judgements.popleft())
            bench.verdicts()  # begins
            assert judged_some.wait(60)
            judged_some.clear()
            for judged, verdict in bench.verdicts():
                work.answer(judged, verdict)
        (finished,) = work.finished
    assert finished.attempt.text == "    return x * 2\n"
    assert "double(2) gives 5, but the statement shows 4" in str(prompts[1])


def test_on_published_programs_right_ones_are_accepted_and_wrong_ones_are_not(shared_data: Path) -> None:
    """CodeT's first four programs for each problem, against its published verdicts on the hidden tests."""
    batch = candidates(shared_data, range(4))
    options = VisibleTestsOptions(timeout_s=3.0, stop=STOP, without_examples="error")
    with closing(VisibleTestsVerifier(options)) as verifier:
        verdicts = verifier.verify([replace(one, problem=replace(one.problem, hidden={})) for one in batch])
    right = {row["task_id"]: row["correct"] for row in read_lines(shared_data / VERDICTS)}
    accepted: dict[bool, list[bool]] = {True: [], False: []}
    for one, verdict in zip(batch, verdicts, strict=True):
        if verdict.outcome is not Outcome.ERROR:  # 26 statements show nothing
            is_right = bool(right[one.problem.problem_id][one.sample.sample_index])
            accepted[is_right].append(verdict.outcome is Outcome.CORRECT)
    assert len(accepted[True]) + len(accepted[False]) == 4 * 138
    assert sum(accepted[True]) / len(accepted[True]) > 0.9  # of all 100: 0.965
    assert sum(accepted[False]) / len(accepted[False]) < 0.08  # 0.044
