"""What every task over a data set does, on a data set of one's own."""

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from ttscale.errors import TaskError
from ttscale.tasks.contract import RecommendedVerifiers, TaskInfo
from ttscale.tasks.data_task import DataOptions, DataTask
from ttscale.types import Problem


class Options(DataOptions):
    path: str = "someone/sums"


class Sums(DataTask[Options]):
    Options: ClassVar[type[BaseModel]] = Options
    about: ClassVar[TaskInfo]
    verifiers: ClassVar[RecommendedVerifiers] = {}
    commit = "c0ffee"
    columns = ("question", "answer")
    extra_columns = ("level",)

    def problem(self, number: int, row: Any) -> Problem:
        prompt = self.prompt("Q: {question}", {"question": row["question"], "level": row.get("level")})
        return Problem(problem_id=str(number), prompt=prompt, answer=str(row["answer"]))


@pytest.fixture
def path(tmp_path: Path) -> str:
    written = tmp_path / "sums.jsonl"
    rows = [{"question": f"{i}+{{1}}", "answer": i + 1, "level": i % 2} for i in range(8)]
    written.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(written)


def problems(path: str, **options: Any) -> list[Problem]:
    return Sums(Options(path=path, **options)).problems()


def test_rows_become_problems_under_their_number(path: str) -> None:
    found = problems(path)
    assert [problem.problem_id for problem in found] == [str(i) for i in range(8)]
    assert (found[3].prompt, found[3].answer) == ("Q: 3+{1}", "4")


def test_a_limit_takes_the_first_and_with_a_seed_some_that_stay_when_it_grows(path: str) -> None:
    assert [one.problem_id for one in problems(path, limit=3)] == ["0", "1", "2"]
    some, more = ({one.problem_id for one in problems(path, limit=n, seed=5)} for n in (3, 5))
    assert (len(some), len(more)) == (3, 5)
    assert some < more
    assert problems(path, limit=3, seed=5) == problems(path, limit=3, seed=5)


def test_a_template_names_parts_of_the_problem_and_plain_braces_twice(path: str) -> None:
    assert problems(path, template="{{{level}}} {question}")[1].prompt == "{1} 1+{1}"


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{qestion}", r"names \{qestion\}\. Did you mean 'question'\?.*Parts: "),
        ("no part", "names no part of the problem"),
        ("{question} {0}", r"names \{0\}"),
    ],
)
def test_a_template_of_other_parts_is_an_error(path: str, template: str, said: str) -> None:
    with pytest.raises(TaskError, match=said):
        problems(path, template=template)


def test_a_column_that_is_missing_is_named(tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text('{"question": "1+1", "result": 2}\n')
    with pytest.raises(TaskError, match="answer"):
        problems(str(other))


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ({}, "c0ffee"),
        ({"revision": "main"}, "main"),
        ({"path": "another/sums"}, None),
    ],
)
def test_the_pinned_commit_is_that_of_the_tasks_own_data_set(
    options: dict[str, str], asked: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    def read(path: str, **how: Any) -> Any:
        seen.update(how, path=path)
        raise TaskError("enough")

    monkeypatch.setattr("ttscale.tasks.data_task.read_data", read)
    with pytest.raises(TaskError, match="enough"):
        Sums(Options(**options)).problems()
    assert (seen["revision"], seen["columns"]) == (asked, ("question", "answer", "level"))


def test_a_row_is_named_for_messages() -> None:
    assert Sums(Options()).where(3) == "Row 3 of 'someone/sums'"
