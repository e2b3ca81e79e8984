"""CodeT's published programs and model-written tests, matched to HumanEval's problems by their text.

Chen et al. 2022, https://arxiv.org/abs/2207.10397. The programs continue HumanEval's prompts with the
examples removed, in an order of their own.
"""

import gzip
import json
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from ttscale.tasks.humaneval import HumanEvalOptions, HumanEvalTask
from ttscale.types import Problem, Sample
from ttscale.verifiers.contract import Candidate

PROGRAMS = "codet_humaneval_codegen16b.jsonl.gz"
GENERATED_TESTS = "codet_humaneval_codegen16b_generated_tests.jsonl.gz"
VERDICTS = "codet_humaneval_codegen16b_verdicts.jsonl"


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    with (
        gzip.open(path, "rt", encoding="utf-8")
        if path.suffix == ".gz"
        else path.open(encoding="utf-8") as file
    ):
        yield from map(json.loads, file)


def humaneval(data: Path, **options: Any) -> list[Problem]:
    return HumanEvalTask(HumanEvalOptions(path=str(data / "HumanEval.jsonl.gz"), **options)).problems()


def matched(data: Path, name: str, problems: list[Problem]) -> dict[str, list[str]]:
    """Return the texts of one of CodeT's files by problem id; every problem is matched exactly once."""
    found: dict[str, list[str]] = {}
    for row in read_lines(data / name):
        prompt = row["prompt"]
        named = [problem for problem in problems if f"def {problem.metadata['entry_point']}(" in prompt]
        best = max(named, key=lambda problem: _likeness(prompt, str(problem.metadata["code_prompt"])))
        assert best.problem_id not in found, f"{best.problem_id} is matched twice"
        found[best.problem_id] = row["samples"]
    assert len(found) == len(problems)
    return found


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def candidates(data: Path, indices: range) -> list[Candidate]:
    """Return CodeT's programs as candidates, problem by problem."""
    problems = humaneval(data)
    programs = matched(data, PROGRAMS, problems)
    return [
        Candidate(problem, sample(problem.problem_id, index, programs[problem.problem_id][index]))
        for problem in problems
        for index in indices
    ]


def sample(problem_id: str, index: int, completion: str) -> Sample:
    return Sample(
        problem_id=problem_id, sample_index=index, completion=completion, finish_reason="stop", prompt_tokens=0, completion_tokens=0
    )  # fmt: skip


def published(data: Path) -> dict[str, list[bool]]:
    """Return the computed verdicts by problem id."""
    return {row["task_id"]: [bool(each) for each in row["correct"]] for row in read_lines(data / VERDICTS)}
