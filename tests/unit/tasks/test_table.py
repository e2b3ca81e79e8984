"""The task `table` over good files, and what it says of bad ones."""

import gzip
import json
import sys
import types
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ttscale.errors import MissingExtraError, TaskError
from ttscale.tasks.table import TableOptions, TableTask
from ttscale.types import Message, Problem

ROWS = [{"q": f"{n} + {n}?", "a": 2 * n, "key": f"id{n}", "level": n % 3} for n in range(5)]


def problems(path: Path | str, **options: Any) -> list[Problem]:
    settings = {"prompt": "q", "answer": "a", **options}
    return TableTask(TableOptions(path=str(path), **settings)).problems()


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def jsonl(tmp_path: Path) -> Path:
    return write_jsonl(tmp_path / "data.jsonl", ROWS)


def test_every_format_gives_the_same_problems(tmp_path: Path, jsonl: Path) -> None:
    frame = pl.DataFrame(ROWS)
    frame.write_csv(tmp_path / "data.csv")
    frame.write_csv(tmp_path / "data.tsv", separator="\t")
    frame.write_parquet(tmp_path / "data.parquet")
    (tmp_path / "data.json").write_text(json.dumps(ROWS))
    (tmp_path / "data.jsonl.gz").write_bytes(gzip.compress(jsonl.read_bytes()))
    expected = [
        Problem(problem_id=f"id{n}", prompt=f"{n} + {n}?", answer=str(2 * n)) for n in range(len(ROWS))
    ]
    for path in tmp_path.iterdir():
        assert problems(path, id="key") == expected, path.name


def test_without_an_id_column_the_row_number_identifies(jsonl: Path) -> None:
    assert [problem.problem_id for problem in problems(jsonl)] == ["0", "1", "2", "3", "4"]


def test_a_template_keeps_braces_in_the_data(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "data.jsonl", [{"q": "{a} {0} {{x}}", "a": 1}])
    (problem,) = problems(path, prompt="Solve {q} in \\boxed{{}} or {{{a}}}.")
    assert problem.prompt == "Solve {a} {0} {{x}} in \\boxed{} or {1}."


def test_a_column_name_may_hold_braces(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "data.jsonl", [{"{q}": "hello", "a": 1}])
    assert problems(path, prompt="{q}")[0].prompt == "hello"


def test_a_conversation_column_becomes_messages(tmp_path: Path) -> None:
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2+2?"}]
    path = write_jsonl(tmp_path / "data.jsonl", [{"q": turns, "a": "4"}])
    (problem,) = problems(path)
    assert problem.prompt is None
    assert problem.messages == (Message("system", "Be brief."), Message("user", "2+2?"))


def test_metadata_columns_are_kept_as_they_are(jsonl: Path) -> None:
    assert problems(jsonl, metadata=["level", "a"])[4].metadata == {"level": 1, "a": 8}


def test_a_missing_key_in_some_rows_stays_none(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "data.jsonl", [{"q": "x", "a": None}, {"q": "y", "a": "1"}])
    assert [problem.answer for problem in problems(path)] == [None, "1"]


def test_limit_cuts_and_seed_shuffles(jsonl: Path) -> None:
    assert [problem.problem_id for problem in problems(jsonl, limit=2)] == ["0", "1"]
    drawn = [problem.problem_id for problem in problems(jsonl, seed=1)]
    assert sorted(drawn) == ["0", "1", "2", "3", "4"]
    assert drawn != ["0", "1", "2", "3", "4"]
    assert [problem.problem_id for problem in problems(jsonl, seed=1, limit=3)] == drawn[:3]
    assert any([p.problem_id for p in problems(jsonl, seed=seed)] != drawn for seed in (2, 3))


def test_line_separators_inside_a_json_string_do_not_break_a_line(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text(
        json.dumps({"q": "a\u2028b\x85c", "a": 1}, ensure_ascii=False) + "\r\n\n", encoding="utf-8"
    )
    assert problems(path)[0].prompt == "a\u2028b\x85c"


def test_a_byte_order_mark_and_quoted_csv_cells_are_read(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(b'\xef\xbb\xbfq,a\r\n"line one\nline ""two"", end",007\r\n')
    (problem,) = problems(path)
    assert (problem.prompt, problem.answer) == ('line one\nline "two", end', "007")


BAD_FILES = [
    ("data.jsonl", b"", {}, "holds no rows"),
    ("data.csv", b"q,a\n", {}, "holds no rows"),
    ("data.json", b"", {}, "holds no rows"),
    ("data.json", b"{}", {}, "must be a list"),
    ("data.jsonl", b'{"q": "x", "a": 1}\n{"q": \n', {}, "Line 2 of .*not valid JSON"),
    ("data.jsonl", b"[1]\n", {}, r"Line 1 of .*is no JSON object but \[1\]"),
    (
        "data.jsonl",
        b'{"q": "x", "a": 1}\n{"q": "\xff", "a": 1}\n',
        {},
        "Line 2 of .* is not UTF-8: byte 0xff at 7",
    ),
    ("data.jsonl", b'{"q": "x", "answer": 1}\n', {}, "no column 'a'.*Columns there: answer, q"),
    (
        "data.jsonl",
        b'{"q": "x", "answer": 1}\n',
        {"answer": "anwser"},
        "no column 'anwser'. Did you mean 'answer'?",
    ),
    ("data.jsonl", b'{"q": "x", "a": 1}\n{"q": "x"}\n', {}, "no column 'a' in row 1"),
    ("data.jsonl", b'{"q": "x", "a": null}\n', {}, "empty in all 1 rows"),
    ("data.jsonl", b'{"q": "x", "a": 1, "i": 7}\n' * 2, {"id": "i"}, "1 ids appear more than once \\(7\\)"),
    ("data.jsonl", b'{"q": "x", "a": 1, "i": null}\n', {"id": "i"}, "Row 0 .*no id"),
    ("data.jsonl", b'{"q": "", "a": 1}\n', {}, "Row 0 .*no prompt"),
    ("data.jsonl", b'{"q": "x", "a": 1}\n', {"prompt": "Solve {qq}"}, "no column 'qq'"),
    ("data.jsonl", b'{"q": "x", "a": 1}\n', {"prompt": "Solve {}"}, "names no column"),
    ("data.jsonl", b'{"q": "x", "a": 1}\n', {"metadata": ["lvl"]}, "no column 'lvl'"),
    ("data.jsonl", rb'{"q": "x\ud800", "a": 1}', {}, "prompt in row 0 .*not valid Unicode"),
    ("data.jsonl", b'{"q": "x", "a": NaN}\n', {}, "empty in all 1 rows"),
    ("data.csv", b"q,a\nx\n", {}, "Line 2 of .*1 cells, but the header has 2"),
    ("data.csv", b'q,a\n"x,1\n', {}, "not valid CSV"),
    ("data.parquet", b"PAR1nonsense", {}, "not a readable Parquet"),
    ("data.jsonl.gz", b"nonsense", {}, "not a complete gzip"),
    ("data.xlsx", b"", {}, "no known format"),
]


@pytest.mark.parametrize(("name", "content", "options", "message"), BAD_FILES)
def test_a_bad_file_is_one_clear_error(
    tmp_path: Path, name: str, content: bytes, options: dict[str, Any], message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(TaskError, match=message) as error:
        problems(path, **options)
    assert "\n" not in str(error.value)


def test_a_missing_file_names_its_neighbours(tmp_path: Path, jsonl: Path) -> None:
    with pytest.raises(TaskError, match=r"does not exist.*data\.jsonl"):
        problems(tmp_path / "dta.jsonl")
    with pytest.raises(TaskError, match=r"folder .* does not exist either"):
        problems(tmp_path / "nowhere" / "data.jsonl")


def test_three_lines_of_yaml_are_enough_where_columns_have_usual_names(tmp_path: Path) -> None:
    rows = [{"question": f"{n}?", "answer": n, "id": f"q{n}", "level": 1} for n in (1, 2)]
    path = write_jsonl(tmp_path / "data.jsonl", rows)
    found = TableTask(TableOptions(path=str(path))).problems()
    assert [(p.problem_id, p.prompt, p.answer) for p in found] == [("q1", "1?", "1"), ("q2", "2?", "2")]


def test_an_id_column_that_does_not_identify_is_not_guessed(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "data.jsonl", [{"prompt": "x", "id": 1}, {"prompt": "y", "id": 1}])
    found = TableTask(TableOptions(path=str(path))).problems()
    assert [(problem.problem_id, problem.answer) for problem in found] == [("0", None), ("1", None)]


def test_a_table_without_a_usual_name_asks_for_the_prompt(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "data.jsonl", [{"q": "x", "a": "1"}])
    with pytest.raises(
        TaskError, match=r"None of the columns .* is called prompt.*'\{q\}'.*Columns there: a, q"
    ):
        TableTask(TableOptions(path=str(path))).problems()


def test_a_hub_id_without_the_extra_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError, match=r"ttscale\[datasets\]"):
        problems("owner/name")


def _fake_datasets(monkeypatch: pytest.MonkeyPatch, load: Any) -> None:
    fake = types.ModuleType("datasets")
    fake.load_dataset = load  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", fake)


def test_a_hub_id_goes_to_datasets_with_config_split_and_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def load(*arguments: Any, **options: Any) -> list[dict[str, Any]]:
        asked.append((arguments, options))
        return ROWS

    _fake_datasets(monkeypatch, load)
    found = problems("owner/name", config_name="main", split="train", revision="abc", id="key")
    assert [problem.problem_id for problem in found] == ["id0", "id1", "id2", "id3", "id4"]
    assert asked == [(("owner/name", "main"), {"split": "train", "revision": "abc"})]


def test_what_datasets_raises_becomes_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: Any, **__: Any) -> None:
        raise ConnectionError("Couldn't reach the hub\nand a long story")

    _fake_datasets(monkeypatch, load)
    with pytest.raises(TaskError, match=r"owner/name.*split test.*Couldn't reach the hub") as error:
        problems("owner/name")
    assert "\n" not in str(error.value)
