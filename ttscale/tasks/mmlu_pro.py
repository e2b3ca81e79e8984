"""The task `mmlu-pro`: multiple choice with up to ten options (Wang et al. 2024, https://arxiv.org/abs/2406.01574).

The data is MIT-licensed and comes from the hub as ``TIGER-Lab/MMLU-Pro``. As in the paper, five worked examples of the
question's own category, from the data's validation split, stand before the question; ``shots: 0`` leaves them out,
which is usual for chat models. Tested on rows made in the data's layout, not on the hub's data.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import ClassVar

from pydantic import BaseModel, Field

from ttscale.errors import TaskError, did_you_mean, listed
from ttscale.tasks.contract import RecommendedVerifiers, TaskInfo
from ttscale.tasks.data_task import DataOptions, DataTask
from ttscale.tasks.loading import read_data
from ttscale.tasks.multiple_choice import LETTERS, lettered
from ttscale.tasks.rows import Row, require_columns
from ttscale.types import Problem

TEMPLATE = (
    "These are multiple-choice questions about {category}. Think step by step, and finish with 'the answer is (X)', "
    "where X is the letter of the right option.\n\n{examples}Question: {question}\n{options}\n"
    "Answer: Let's think step by step."
)
"""The prompt; its parts are {category}, {examples}, {question} and {options}."""


class MmluProOptions(DataOptions):
    """Options of `mmlu-pro`."""

    path: str = "TIGER-Lab/MMLU-Pro"
    """The hub id, or a file with its columns."""
    categories: tuple[str, ...] = ()
    """Which of the 14 categories, such as "math"; none named: all."""
    shots: int = Field(default=5, ge=0, le=5)
    """Worked examples before the question."""
    examples_path: str | None = None
    """Where they are if `path` is a file: a file with the same columns and `cot_content`."""


class MmluProTask(DataTask[MmluProOptions]):
    """MMLU-Pro: 12,032 questions in 14 categories with up to ten options."""

    Options: ClassVar[type[BaseModel]] = MmluProOptions
    about: ClassVar[TaskInfo] = TaskInfo(source="TIGER-Lab/MMLU-Pro", license="MIT", problems=12032)
    verifiers: ClassVar[RecommendedVerifiers] = (
        {"name": "choice", "letters": LETTERS, "extract": ["answer-is", "boxed", "last-line", "whole"]},
    )
    commit: ClassVar[str | None] = "527feea0afed1de15a8c115abf7be4c912123315"
    columns: tuple[str, ...] = ("question_id", "question", "options", "answer", "category")

    def __init__(self, options: MmluProOptions) -> None:
        super().__init__(options)
        self._examples: dict[str, str] = {}

    def read(self) -> list[Row]:
        """Read the questions of the wanted categories, and the worked examples."""
        rows = super().read()
        known = {str(row["category"]) for row in rows}
        wanted = self.options.categories or tuple(known)
        for category in wanted:
            if category not in known:
                raise TaskError(
                    f"'{self.options.path}' has no category '{category}'.{did_you_mean(category, known)} "
                    f"Categories there: {listed(known)}."
                )
        self._examples = self._read_examples(wanted) if self.options.shots else {}
        return [row for row in rows if row["category"] in wanted]

    def _read_examples(self, categories: Sequence[str]) -> dict[str, str]:
        options = self.options
        is_own = options.path == MmluProOptions().path
        if not is_own and options.examples_path is None:
            raise TaskError(
                f"The {options.shots} worked examples come from the validation split, which '{options.path}' has not. "
                "Name a file with it as 'examples_path', or set shots: 0."
            )
        path = options.examples_path or options.path
        revision = options.revision or self._pinned_commit()
        rows = read_data(path, split="validation", revision=revision).rows
        require_columns(rows, (*self.columns, "cot_content"), path)
        by_category: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            by_category[str(row["category"])].append(row)
        short = [name for name in categories if len(by_category[name]) < options.shots]
        if short:
            raise TaskError(
                f"'{path}' has fewer than {options.shots} examples for {listed(short)}. Lower 'shots'."
            )
        return {name: "".join(map(_example, by_category[name][: options.shots])) for name in categories}

    def problem(self, number: int, row: Row) -> Problem:
        """Turn a row into a problem."""
        category = str(row["category"])
        parts = {
            "category": category,
            "examples": self._examples.get(category, ""),
            "question": str(row["question"]).strip(),
            "options": lettered([str(option) for option in row["options"]]),
        }
        return Problem(
            problem_id=f"mmlu-pro/{row['question_id']}",
            prompt=self.prompt(TEMPLATE, parts),
            answer=str(row["answer"]),
            metadata={"category": category, "options": [str(option) for option in row["options"]]},
        )


def _example(row: Row) -> str:
    """Write a worked example; its reasoning begins with "A: " in the data."""
    reasoning = str(row["cot_content"]).strip().removeprefix("A:").strip()
    options = lettered([str(option) for option in row["options"]])
    return f"Question: {str(row['question']).strip()}\n{options}\nAnswer: {reasoning}\n\n"
