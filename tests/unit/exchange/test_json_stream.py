"""A JSON document read piece by piece is the document that `json` reads whole, wherever the pieces are cut."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from ttscale.errors import InvalidInputError
from ttscale.exchange import json_stream
from ttscale.exchange.json_stream import JsonStream, first_record, read_records, top_keys

DOCUMENT = {
    "version": 2,
    "text": 'a "quoted" \\ back\u2028slash \U0001f600 [{',
    "numbers": [1, -2.5, 1e30, 0, -0.0],
    "nothing": None,
    "deep": {"a": [{"b": [[], {}]}, True, False]},
    "empty": "",
}


def stream(text: str | bytes, **options: Any) -> JsonStream:
    raw = text.encode() if isinstance(text, str) else text
    return JsonStream(io.BytesIO(raw), "it", **options)


@pytest.fixture(params=[1, 2, 3, 7, 1 << 20])
def chunk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Bytes that are read at a time."""
    monkeypatch.setattr(json_stream, "CHUNK", request.param)
    monkeypatch.setattr(JsonStream._more, "__defaults__", (request.param,))
    return int(request.param)


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_members_are_those_of_the_document(chunk: int, indent: int | None, ascii_only: bool) -> None:
    found = stream(json.dumps(DOCUMENT, indent=indent, ensure_ascii=ascii_only))
    assert {key: found.value() for key in found.members()} == DOCUMENT
    found.require_end()


def test_what_is_not_taken_is_passed_over(chunk: int) -> None:
    found = stream(json.dumps(DOCUMENT))
    assert list(found.members()) == list(DOCUMENT)
    found.require_end()


def test_elements_may_be_taken_or_left(chunk: int) -> None:
    found = stream(json.dumps([{"a": 1}, ["]"], "}", 4, 5.25]))
    taken = [found.value() if number % 2 == 0 else None for number in found.elements()]
    assert taken == [{"a": 1}, None, "}", None, 5.25]


def test_numbers_are_whole_wherever_they_are_cut(chunk: int) -> None:
    found = stream("[12345.678, 1e+10, 17]")
    assert [found.value() for _ in found.elements()] == [12345.678, 1e10, 17]


def test_what_python_writes_for_no_number_is_read() -> None:
    found = stream("[NaN, Infinity, -Infinity]")
    values = [found.value() for _ in found.elements()]
    assert values[1:] == [float("inf"), float("-inf")]
    assert values[0] != values[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file ends where '{' should be"),
        ("[]", r"'\[' stands where '{' should be"),
        ('{"a" 1}', "'1' stands where ':' should be"),
        ('{"a": 1 "b": 2}', "'\"' stands where ',' should be"),
        ("{a: 1}", "a key in quotes is missing"),
        ('{"a": ', "ends here: it is truncated"),
        ('{"a": "x', "ends within a value: it is truncated"),
        ('{"a": [1, 2', "ends within a value|file ends"),
        ('{"a": x, "b": "0123456789"}', "at character 6: Expecting value"),
        ('{"a": 1} {', "there is more behind the end"),
        ('{"a": ' + "[" * 100_000, "nested too deeply|truncated"),
    ],
    ids=lambda value: value[:12],
)
def test_damage_is_told_with_its_place(text: str, message: str) -> None:
    found = stream(text)
    with pytest.raises(InvalidInputError, match=message):
        _ = [found.value() for _ in found.members()]
        found.require_end()


def test_a_value_that_is_too_long_is_refused_and_one_that_is_skipped_is_not() -> None:
    text = json.dumps({"long": "x" * 5_000_000, "short": 1})
    taken = stream(text, most=1000)
    with pytest.raises(InvalidInputError, match="one value is longer than 1,000 characters"):
        _ = [taken.value() for _ in taken.members()]
    skipped = stream(text, most=1000)
    assert [skipped.value() if key == "short" else None for key in skipped.members()] == [None, 1]


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="it is not UTF-8 text"):
        stream(b'{"\xff": 1}').peek()


def test_records_are_read_from_an_array_and_from_lines_alike(tmp_path: Path) -> None:
    records = [{"a": 1}, {"a": [2, "\u2028"]}]
    array, lines = tmp_path / "a.json", tmp_path / "a.jsonl"
    array.write_text("\ufeff" + json.dumps(records), encoding="utf-8")
    lines.write_text("\n\n".join(json.dumps(one, ensure_ascii=False) for one in records), encoding="utf-8")
    assert [record for _, record in read_records(array)] == records
    assert list(read_records(lines)) == [
        (f"Line 1 of {lines}", records[0]),
        (f"Line 3 of {lines}", records[1]),
    ]
    assert first_record(array) == first_record(lines) == records[0]


@pytest.mark.parametrize("content", ["", "[]", "[1]", "17", "{", "\x00"])
def test_a_first_look_never_raises(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)
    assert first_record(path) is None
    assert first_record(tmp_path) is None
    assert top_keys(path) == []
    assert top_keys(tmp_path / "absent.json") == []


def test_the_first_keys_are_enough(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"a": 1, "b": {"c": 2}, "d": [broken')
    assert top_keys(path, 2) == ["a", "b"]
    assert top_keys(path) == ["a", "b", "d"]  # what was seen before the damage
