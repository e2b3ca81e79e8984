"""Reasoning Gym for real: its own answers are correct by its own scorers, through the task and the verifier."""

import random
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import numpy as np
import pytest

from ttscale.config.models import PluginSettings
from ttscale.errors import MissingExtraError, TaskError
from ttscale.pipeline.building import build_task, build_verifier
from ttscale.registry import find_plugin
from ttscale.types import Outcome, Problem, Sample, Verdict
from ttscale.verifiers.contract import Candidate
from ttscale.verifiers.isolation import IsolatedVerifier

pytest.importorskip("reasoning_gym")

NAMES = (
    "chain_sum",
    "countdown",
    "knights_knaves",
    "leg_counting",
    "simple_equations",
    "sudoku",
    "word_sorting",
)


def problems(name: str, **options: Any) -> list[Problem]:
    return build_task(PluginSettings.model_validate({"name": f"reasoning-gym:{name}", **options})).problems()


Judge = Callable[[list[Problem], list[str]], list[Verdict]]


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    """The verifier, in a process of its own that serves all tests: importing Reasoning Gym takes a second."""
    named = build_verifier(PluginSettings(name="reasoning-gym"))
    assert isinstance(named.verifier, IsolatedVerifier)  # a scorer that hangs can be killed

    def judged(problems_: list[Problem], completions: list[str]) -> list[Verdict]:
        pairs = zip(problems_, completions, strict=True)
        return list(
            named.verifier.verify([Candidate(problem, _sample(problem, text)) for problem, text in pairs])
        )

    with closing(named):
        yield judged


def _sample(problem: Problem, text: str) -> Sample:
    return Sample(
        problem_id=problem.problem_id, sample_index=0, completion=text, finish_reason="stop", prompt_tokens=1, completion_tokens=1
    )  # fmt: skip


def test_gold_answers_of_seven_data_sets_are_correct_and_a_wrong_one_is_not(judge: Judge) -> None:
    made = [problem for name in NAMES for problem in problems(name, problems=4, seed=3)]
    gold = [f"I think <answer>no</answer>, but no: <answer> {problem.answer} </answer>" for problem in made]
    found = judge([*made, made[0], made[0]], [*gold, "<answer>999999999</answer>", "it is 3"])
    assert {(verdict.outcome, verdict.score) for verdict in found[:-2]} == {(Outcome.CORRECT, 1.0)}
    assert found[-2].outcome is Outcome.INCORRECT
    assert found[-1].outcome is Outcome.NO_ANSWER


def test_a_countdown_answer_need_not_be_the_stored_one(judge: Judge) -> None:
    made = problems("countdown", problems=1, seed=5)
    swapped = f"<answer>0 + ({made[0].answer})</answer>"
    doubled = f"<answer>({made[0].answer})</answer>"
    with_zero, same = judge(made * 2, [swapped, doubled])
    assert same.outcome is Outcome.CORRECT  # another expression of the same numbers
    assert with_zero.outcome is Outcome.INCORRECT  # zero is none of the numbers


def test_settings_reach_the_data_set_and_wrong_ones_are_named() -> None:
    (short,) = problems("chain_sum", problems=1, config={"min_terms": 2, "max_terms": 2})
    assert (
        str(short.prompt).split("Think")[0].count(" + ") + str(short.prompt).split("Think")[0].count(" - ")
        == 1
    )
    with pytest.raises(TaskError, match=r"'min_trms' is no setting.*Did you mean 'min_terms'"):
        problems("chain_sum", config={"min_trms": 2})
    with pytest.raises(TaskError, match="refuses its settings"):
        problems("chain_sum", config={"min_terms": 5, "max_terms": 2})
    with pytest.raises(TaskError, match=r"no data set 'chain_sm'\. Did you mean 'chain_sum'"):
        problems("chain_sm")


def test_a_data_set_that_draws_from_the_global_generators_is_repeatable_and_leaves_no_trace(
    judge: Judge,
) -> None:
    state = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index,union-attr] # noqa: NPY002
    made = problems("list_functions", problems=4, seed=1)
    assert made == problems("list_functions", problems=4, seed=1)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == state  # type: ignore[index,union-attr] # noqa: NPY002
    found = judge(made[::-1], [f"<answer>{problem.answer}</answer>" for problem in made[::-1]])
    assert {verdict.outcome for verdict in found} == {Outcome.CORRECT}


def test_the_seed_decides_the_problems() -> None:
    assert problems("chain_sum", problems=3, seed=1) == problems("chain_sum", problems=3, seed=1)
    assert problems("chain_sum", problems=3, seed=1) != problems("chain_sum", problems=3, seed=2)


def test_a_problem_of_another_version_is_an_error_not_a_wrong_answer(judge: Judge) -> None:
    (problem,) = problems("chain_sum", problems=1)
    changed = Problem(
        problem_id=problem.problem_id,
        prompt=problem.prompt,
        hidden={**problem.hidden, "question": "another", "version": "0.0.1"},
    )
    foreign = Problem(problem_id="x", prompt="1+1")
    found = judge([changed, foreign], [f"<answer>{problem.answer}</answer>"] * 2)
    assert {verdict.outcome for verdict in found} == {Outcome.ERROR}
    assert "pip install reasoning-gym==0.0.1" in str(found[0].detail)
    assert "does not come from the task" in str(found[1].detail)


def test_without_the_extra_the_message_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    with pytest.raises(MissingExtraError, match=r"ttscale\[reasoning-gym\]"):
        problems("chain_sum")


def test_the_registry_takes_the_prefix_for_a_family_not_for_a_module() -> None:
    assert find_plugin("tasks", "reasoning-gym:chain_sum").origin == "built-in"
    assert find_plugin("tasks", "my_module:MyTask").origin == "import path"


def test_cells_that_share_ids_but_not_seeds_are_not_confused(judge: Judge) -> None:
    first, second = problems("chain_sum", problems=2, seed=10), problems("chain_sum", problems=2, seed=11)
    assert [problem.problem_id for problem in first] == [problem.problem_id for problem in second]
    for made in (first, second):
        found = judge(made, [f"<answer>{problem.answer}</answer>" for problem in made])
        assert [verdict.outcome for verdict in found] == [Outcome.CORRECT] * 2
