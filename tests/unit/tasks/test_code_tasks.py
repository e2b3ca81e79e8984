"""The tasks `humaneval` and `mbpp`: what they hand to the code verifier, and what they refuse."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from ttscale.errors import TaskError
from ttscale.tasks.humaneval import HumanEvalOptions, HumanEvalTask
from ttscale.tasks.mbpp import MbppOptions, MbppTask
from ttscale.verifiers.code.suite import suite_of

HUMAN_EVAL = {
    "task_id": "HumanEval/0",
    "prompt": "def f(x):\n    '''Return x + 1.'''\n",
    "entry_point": "f",
    "canonical_solution": "    return x + 1\n",
    "test": "def check(candidate):\n    assert candidate(1) == 2\n",
    "base_input": [[1]],
    "plus_input": [[2], [3]],
    "atol": 0,
}
MBPP = {
    "task_id": 11,
    "text": "Write a function to add up.",
    "code": "def sum(a, b):\n    return a + b",
    "test_list": ["assert sum(1, 2) == 3"],
    "test_setup_code": "",
}


def write(path: Path, *rows: dict[str, object]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def test_humaneval_is_continued_and_checked_by_its_own_assertions(tmp_path: Path) -> None:
    (problem,) = HumanEvalTask(HumanEvalOptions(path=write(tmp_path / "h.jsonl", HUMAN_EVAL))).problems()
    assert problem.prompt == HUMAN_EVAL["prompt"]
    assert problem.answer is None
    assert suite_of(problem)["kind"] == "check"


def test_chat_style_asks_for_the_whole_function(tmp_path: Path) -> None:
    path = write(tmp_path / "h.jsonl", HUMAN_EVAL)
    (problem,) = HumanEvalTask(HumanEvalOptions(path=path, style="chat")).problems()
    assert problem.prompt is not None
    assert f"```python\n{HUMAN_EVAL['prompt']}```" in problem.prompt
    assert problem.metadata["code_prompt"] == HUMAN_EVAL["prompt"]


@pytest.mark.parametrize(("plus", "inputs"), [("base", [[1]]), ("plus", [[1], [2], [3]])])
def test_plus_judges_by_inputs_and_the_reference_solution(
    tmp_path: Path, plus: str, inputs: list[list[int]]
) -> None:
    path = write(tmp_path / "h.jsonl", HUMAN_EVAL)
    (problem,) = HumanEvalTask(HumanEvalOptions(path=path, plus=plus)).problems()  # type: ignore[arg-type]
    suite = suite_of(problem)
    assert (suite["kind"], suite["inputs"]) == ("inputs", inputs)


def test_plus_without_a_file_says_where_to_get_it() -> None:
    with pytest.raises(TaskError, match="humanevalplus_release"):
        HumanEvalTask(HumanEvalOptions(plus="plus")).problems()


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    row = {key: value for key, value in HUMAN_EVAL.items() if key != "entry_point"}
    with pytest.raises(TaskError, match="entry_point"):
        HumanEvalTask(HumanEvalOptions(path=write(tmp_path / "h.jsonl", row))).problems()


def test_mbpp_shows_its_tests_and_names_functions_that_shadow_builtins(tmp_path: Path) -> None:
    (problem,) = MbppTask(MbppOptions(path=write(tmp_path / "m.jsonl", MBPP))).problems()
    assert problem.problem_id == "mbpp/11"
    assert "assert sum(1, 2) == 3" in str(problem.prompt)
    assert suite_of(problem)["names"] == ["sum"]


def test_mbpp_splits_are_ranges_of_task_ids(shared_data: Path) -> None:
    path = str(shared_data / "mbpp.jsonl")
    sizes = {
        split: len(MbppTask(MbppOptions(path=path, split=split)).problems())
        for split in ("test", "train", "validation", "prompt")
    }
    assert sizes == {"test": 500, "train": 374, "validation": 90, "prompt": 10}


def test_limit_and_seed_choose_problems(shared_data: Path) -> None:
    path = str(shared_data / "HumanEval.jsonl.gz")
    assert len(HumanEvalTask(HumanEvalOptions(path=path)).problems()) == 164
    first = HumanEvalTask(HumanEvalOptions(path=path, limit=3)).problems()
    assert [problem.problem_id for problem in first] == ["HumanEval/0", "HumanEval/1", "HumanEval/2"]
    drawn = HumanEvalTask(HumanEvalOptions(path=path, limit=3, seed=1)).problems()
    assert drawn == HumanEvalTask(HumanEvalOptions(path=path, limit=5, seed=1)).problems()[:3]


def test_unknown_options_are_refused() -> None:
    with pytest.raises(ValidationError):
        HumanEvalOptions(styel="chat")  # type: ignore[call-arg]
    with pytest.raises(ValidationError):
        MbppOptions(split="dev")  # type: ignore[arg-type]
