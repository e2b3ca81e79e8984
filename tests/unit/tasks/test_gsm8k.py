"""The task `gsm8k`: prompts, keys and ids, on made-up rows and on the real test set."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ttscale.errors import TaskError
from ttscale.tasks.gsm8k import WORKED_EXAMPLES, Gsm8kOptions, Gsm8kTask
from ttscale.types import Outcome, Problem, Sample
from ttscale.verifiers.contract import Candidate
from ttscale.verifiers.numeric import NumericOptions, NumericVerifier

REAL = Path(__file__).parents[4] / "shared" / "data" / "gsm8k_test.jsonl"


def problems(path: Path, **options: Any) -> list[Problem]:
    return Gsm8kTask(Gsm8kOptions(path=str(path), **options)).problems()


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "gsm8k.jsonl"
    rows = [{"question": f"What is {n}000?", "answer": f"It is.\n#### {n},000"} for n in range(1, 6)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_key_is_the_number_after_the_hashes_without_commas(small: Path) -> None:
    assert [problem.answer for problem in problems(small)] == ["1000", "2000", "3000", "4000", "5000"]


def test_ids_name_split_and_row_whatever_is_drawn(small: Path) -> None:
    assert [problem.problem_id for problem in problems(small, limit=2)] == ["gsm8k/test/0", "gsm8k/test/1"]
    by_id = {problem.problem_id: problem for problem in problems(small)}
    drawn = problems(small, limit=3, seed=4)
    assert len({problem.problem_id for problem in drawn}) == 3
    assert all(by_id[problem.problem_id] == problem for problem in drawn)


def test_the_chat_prompt_asks_for_the_format_that_is_extracted(small: Path) -> None:
    prompt = problems(small)[0].prompt or ""
    assert prompt.endswith("What is 1000?")
    assert "####" in prompt


@pytest.mark.parametrize("shots", [0, 1, 8])
def test_the_few_shot_prompt_holds_that_many_worked_examples(small: Path, shots: int) -> None:
    prompt = problems(small, style="few-shot", shots=shots)[0].prompt or ""
    assert prompt.count("####") == shots
    assert prompt.count("Question:") == shots + 1
    assert prompt.endswith("Question: What is 1000?\nAnswer:")


def test_every_equation_of_the_worked_examples_holds_and_the_last_is_the_answer() -> None:
    for _, reasoning, answer in WORKED_EXAMPLES:
        equations = re.findall(r"(\d[\d. +*/-]*) = \$?(\d+(?:\.\d+)?)", reasoning)
        assert equations
        for left, right in equations:
            assert eval(left) == float(right), (left, right)
        assert equations[-1][1] == answer


def test_a_solution_without_final_number_names_its_row(tmp_path: Path) -> None:
    path = tmp_path / "gsm8k.jsonl"
    path.write_text('{"question": "q", "answer": "18"}\n')
    with pytest.raises(TaskError, match=r"Row 0 of .*no final number after '####'"):
        problems(path)


def test_a_table_without_its_columns_says_which_there_are(tmp_path: Path) -> None:
    path = tmp_path / "other.jsonl"
    path.write_text('{"problem": "q", "answer": "#### 18"}\n')
    with pytest.raises(TaskError, match=r"no column 'question'.*Columns there: answer, problem"):
        problems(path)


@pytest.mark.skipif(not REAL.exists(), reason="shared data (gsm8k_test.jsonl) is not beside the project")
def test_every_reference_solution_of_the_real_test_set_is_correct() -> None:
    found = problems(REAL)
    assert len(found) == 1319
    solutions = [json.loads(line)["answer"] for line in REAL.read_text(encoding="utf-8").splitlines()]
    batch = [
        Candidate(problem, _sample(problem.problem_id, solution))
        for problem, solution in zip(found, solutions, strict=True)
    ]
    verdicts = NumericVerifier(NumericOptions()).verify(batch)
    assert {verdict.outcome for verdict in verdicts} == {Outcome.CORRECT}


def _sample(problem_id: str, completion: str) -> Sample:
    return Sample(
        problem_id=problem_id,
        sample_index=0,
        completion=completion,
        finish_reason="stop",
        prompt_tokens=1,
        completion_tokens=1,
    )
