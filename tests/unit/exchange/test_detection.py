"""Which format a path is of, and what is said where it is of none, of several or of another one."""

import json
from pathlib import Path

import pytest

from ttscale.errors import InvalidInputError
from ttscale.exchange.detection import (
    build_importer,
    detect_format,
    formats_of,
    looks_like,
    packed_within,
    require_there,
)
from ttscale.registry import plugins

LM_EVAL = {"doc_id": 0, "doc": {}, "target": "7", "resps": [["a"]], "filtered_resps": ["a"], "metrics": []}
HUMAN_EVAL = {"task_id": "HumanEval/0", "completion": "    return 1\n"}


def written(path: Path, record: dict[str, object]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record) + "\n")
    return path


@pytest.mark.parametrize(("record", "name"), [(LM_EVAL, "lm-eval"), (HUMAN_EVAL, "human-eval")])
def test_a_file_is_recognized_by_its_first_record(
    tmp_path: Path, record: dict[str, object], name: str
) -> None:
    path = written(tmp_path / "any.jsonl", record)
    assert formats_of(path) == [name]
    assert detect_format(path) == name
    assert looks_like(path, "table") == f" It looks like {name}: ttscale import {name} {path}"
    assert looks_like(path, name) == ""


def test_an_option_with_half_of_a_character_is_one_error() -> None:
    with pytest.raises(InvalidInputError, match=r"An option of 'table' holds half of a character.*udcf8"):
        build_importer("table", {"map": {"\udcf8": "a"}})


def test_what_could_be_two_formats_is_asked_about(tmp_path: Path) -> None:
    path = written(tmp_path / "any.jsonl", LM_EVAL | HUMAN_EVAL)
    with pytest.raises(InvalidInputError, match=r"could be lm-eval or human-eval\. Name one"):
        detect_format(path)


@pytest.mark.parametrize("content", ["", "{", "hello", "\x00\xff", "[]", "{}"])
def test_a_file_of_no_format_is_offered_as_a_table(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(InvalidInputError, match=r"in no format that is recognized: .*ttscale import table"):
        detect_format(path)


@pytest.mark.parametrize(
    ("name", "what"),
    [("a.zst", "packed with Zstandard"), ("a.tar.gz", "an archive in the archive"), ("A.7Z", "a 7z archive")],
)
def test_a_packing_that_is_not_read_is_named(tmp_path: Path, name: str, what: str) -> None:
    (tmp_path / name).touch()
    assert what in packed_within(tmp_path / name)
    assert f"holds {name}, which is {what}" in packed_within(tmp_path)
    with pytest.raises(InvalidInputError, match="Unpack it"):
        detect_format(tmp_path / name)


def test_nothing_packed_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.json").touch()
    assert packed_within(tmp_path) == packed_within(tmp_path / "a.json") == ""


def test_a_path_that_is_not_there_is_told_with_a_near_one(tmp_path: Path) -> None:
    (tmp_path / "samples.jsonl").touch()
    require_there(tmp_path / "samples.jsonl")
    with pytest.raises(
        InvalidInputError, match=r"There is no file or folder .*Did you mean 'samples\.jsonl'"
    ):
        require_there(tmp_path / "sample.jsonl")


def test_an_importer_that_breaks_on_a_file_is_of_another_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(name: str, options: object) -> object:
        raise OSError("the disk is gone")

    monkeypatch.setattr("ttscale.exchange.detection.build_importer", broken)
    assert formats_of(tmp_path) == []
    assert "table" in plugins("importers")
