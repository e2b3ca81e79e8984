"""JSON Lines, one line in memory at a time; what is wrong is told with its line."""

import gzip
import json
from pathlib import Path
from types import NoneType
from typing import Any

import pytest

from ttscale.errors import InvalidInputError
from ttscale.exchange import lines
from ttscale.exchange.lines import field, open_binary, parse_object, read_objects


def test_lines_are_numbered_as_an_editor_does_and_blank_ones_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n\n  \n{"a": "\xe2\x80\xa8"}')
    assert list(read_objects(path)) == [(1, {"a": 1}), (4, {"a": "\u2028"})]


def test_a_packed_file_is_read_as_a_plain_one(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.GZ"
    path.write_bytes(gzip.compress(b'{"a": 1}\n'))
    assert list(read_objects(path)) == [(1, {"a": 1})]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"a": 1}\n{"a": ', r"Line 2 of .* is not valid JSON: .* The file ends here: it is truncated"),
        (b'{"a": }\n{"a": 1}\n', r"Line 1 of .* is not valid JSON: [^:]*: line 1 column 7 \(char 6\)\.$"),
        (b"[1, 2]\n", r"Line 1 of .* is no JSON object but \[1, 2\]"),
        (b'"' + b"x" * 100 + b'"\n', r"is no JSON object but .{60} \.\.\."),
        (b'{"a": "\xff"}\n', "Line 1 of .* is not UTF-8: byte 0xff at 7"),
        (b'{"a":' * 100_000, "nested too deeply|not valid JSON"),
    ],
    ids=range(6),
)
def test_damage_is_told_with_its_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=message):
        list(read_objects(path))


def test_a_line_without_end_is_no_line_of_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MOST_LINE_BYTES", 2**20)
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": 1}\n' + b" " * (2**20 + 1))
    found = read_objects(path)
    assert next(found) == (1, {"a": 1})
    with pytest.raises(InvalidInputError, match=r"Line 2 of .* is longer than 1 MiB"):
        next(found)


def test_files_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    broken = tmp_path / "a.gz"
    broken.write_bytes(gzip.compress(b"x" * 1000)[:-9])
    for path, message in (
        (tmp_path / "absent", "There is no file"),
        (tmp_path, "is a folder, where a file is needed"),
        (broken, "is not a complete gzip file"),
    ):
        with pytest.raises(InvalidInputError, match=message), open_binary(path) as file:
            file.read()


@pytest.mark.parametrize(
    ("record", "kind", "message"),
    [
        ({"b": 1}, str, r"It has no field 'a'\. Fields: b\."),
        ({}, str, r"It has no field 'a'\. Fields: none\."),
        ({"a": 1}, str, "field 'a' should be str, but is 1"),
        ({"a": True}, int, "field 'a' should be int, but is true"),
        ({"a": [1]}, (str, NoneType), r"should be str or null, but is \[1\]"),
    ],
)
def test_a_field_must_be_there_and_of_its_kind(record: dict[str, Any], kind: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        field(record, "a", kind, "It")


@pytest.mark.parametrize("value", ["", 0, None, False, [1]])
def test_a_field_of_its_kind_is_returned(value: Any) -> None:
    assert field({"a": value}, "a", (str, int, NoneType, list), "It") == value


def test_an_object_is_parsed_from_bytes() -> None:
    assert parse_object(json.dumps({"a": "é"}).encode(), "it") == {"a": "é"}
