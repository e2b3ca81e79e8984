"""GPQA and MMLU-Pro on rows in their layouts: shuffling, worked examples, and letters that the verifier reads."""

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ttscale.config.models import PluginSettings
from ttscale.errors import TaskError
from ttscale.pipeline.building import build_task, build_verifier
from ttscale.tasks.gpqa import permutation
from ttscale.types import Outcome, Problem, Sample
from ttscale.verifiers.contract import Candidate


def problems(name: str, **options: Any) -> list[Problem]:
    return build_task(PluginSettings.model_validate({"name": name, **options})).problems()


def outcome(name: str, problem: Problem, completion: str) -> Outcome:
    choice = build_task(PluginSettings.model_validate(name)).verifiers[0]  # type: ignore[attr-defined]
    verifier = build_verifier(PluginSettings.model_validate(choice)).verifier
    sample = Sample(problem_id=problem.problem_id, sample_index=0, completion=completion, finish_reason="stop", prompt_tokens=1, completion_tokens=1)  # fmt: skip
    return verifier.verify([Candidate(problem, sample)])[0].outcome


@pytest.fixture
def gpqa(tmp_path: Path) -> str:
    path = tmp_path / "gpqa_diamond.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            [
                "Record ID",
                "Question",
                "Correct Answer",
                "Incorrect Answer 1",
                "Incorrect Answer 2",
                "Incorrect Answer 3",
            ]
        )
        writer.writerows(
            [f"rec{n}", f"Which, {n}?", f"right {n}", f"wrong {n}a", f"wrong {n}b", f"wrong {n}c\n"]
            for n in range(40)
        )
    return str(path)


def test_gpqa_shuffles_by_seed_and_question_and_keeps_the_order_from_those_who_must_not_see_it(
    gpqa: str,
) -> None:
    found = problems("gpqa", path=gpqa)
    for problem in found:
        number = problem.problem_id.removeprefix("gpqa/rec")
        shown = dict(line.split(") ", 1) for line in str(problem.prompt).splitlines() if ") " in line)
        assert sorted(shown) == ["A", "B", "C", "D"]
        assert shown[str(problem.answer)] == f"right {number}"
        order = problem.hidden["permutation"]
        assert order == permutation(0, f"rec{number}")
        assert "permutation" not in problem.metadata
    assert Counter(problem.answer for problem in found).keys() == {"A", "B", "C", "D"}
    by_id = {problem.problem_id: problem for problem in found}
    drawn = problems("gpqa", path=gpqa, limit=7, seed=3)
    assert all(by_id[problem.problem_id] == problem for problem in drawn)  # neither limit nor seed matters
    other = problems("gpqa", path=gpqa, shuffle_seed=1)
    assert [p.answer for p in other] != [p.answer for p in found]
    assert other == problems("gpqa", path=gpqa, shuffle_seed=1)


def test_gpqa_permutations_are_uniform() -> None:
    counts = Counter(permutation(7, f"rec{n}").index(0) for n in range(4000))
    # 1,000 expected of each, standard deviation 27: beyond 4.5 of them once in 37,000 fixed seeds
    assert all(abs(count - 1000) < 4.5 * 27.4 for count in counts.values())


def test_gpqa_answers_are_read_in_the_format_that_is_asked_for(gpqa: str) -> None:
    problem = problems("gpqa", path=gpqa, limit=1)[0]
    assert (
        outcome("gpqa", problem, f"Let me think. B is tempting.\nAnswer: {problem.answer}") is Outcome.CORRECT
    )
    assert outcome("gpqa", problem, f"\\boxed{{{problem.answer}}}") is Outcome.CORRECT
    other = "ABCD".replace(str(problem.answer), "")[0]
    assert outcome("gpqa", problem, f"Answer: {other}") is Outcome.INCORRECT


@pytest.fixture
def mmlu_pro(tmp_path: Path) -> dict[str, str]:
    def row(number: int, category: str) -> dict[str, Any]:
        return {
            "question_id": number, "question": f"Q{number}?", "options": [f"o{n}" for n in range(10)], "answer": "J",
            "answer_index": 9, "category": category, "cot_content": f"A: Let's think step by step. It is {number}. The answer is (J).",
        }  # fmt: skip

    pl.DataFrame([row(n, "math" if n % 2 else "law") for n in range(8)]).write_parquet(
        tmp_path / "test.parquet"
    )
    pl.DataFrame([row(100 + n, "math" if n % 2 else "law") for n in range(10)]).write_parquet(
        tmp_path / "val.parquet"
    )
    return {"path": str(tmp_path / "test.parquet"), "examples_path": str(tmp_path / "val.parquet")}


def test_mmlu_pro_puts_five_examples_of_the_category_first(mmlu_pro: dict[str, str]) -> None:
    found = problems("mmlu-pro", **mmlu_pro)
    prompt = str(found[1].prompt)
    assert len(found) == 8
    assert [f"Q{n}?" in prompt for n in range(100, 110)] == [False, True] * 5
    assert prompt.count("J) o9") == 6
    assert prompt.endswith("Answer: Let's think step by step.")
    assert outcome("mmlu-pro", found[1], " Since it is so, the answer is (J).") is Outcome.CORRECT
    assert outcome("mmlu-pro", found[1], " the answer is (A).") is Outcome.INCORRECT


def test_mmlu_pro_chooses_categories_and_needs_no_examples_without_shots(mmlu_pro: dict[str, str]) -> None:
    only = problems("mmlu-pro", path=mmlu_pro["path"], shots=0, categories=["law"])
    assert {problem.metadata["category"] for problem in only} == {"law"}
    assert str(only[0].prompt).count("Question:") == 1
    with pytest.raises(TaskError, match=r"no category 'lw'\. Did you mean 'law'"):
        problems("mmlu-pro", path=mmlu_pro["path"], shots=0, categories=["lw"])
    with pytest.raises(TaskError, match=r"examples_path.*or set shots: 0"):
        problems("mmlu-pro", path=mmlu_pro["path"])
