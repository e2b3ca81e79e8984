"""What was imported: records by which a repeated import knows that it adds nothing."""

from pathlib import Path

import pytest

from ttscale.errors import InvalidInputError, StoreError
from ttscale.exchange.contract import Source
from ttscale.exchange.records import SourceRecord, digest_of, place_of, read_records, write_record

RECORD = SourceRecord(
    session="20260101-a",
    format="table",
    name="x.csv",
    imported_at="2026-01-01T00:00:00Z",
    digest="d",
    place="p",
    fingerprint="f",
    cells={"c": {"model.path": "m"}},
    n_new_in={"c": 3},
    n_samples=4,
    n_new=3,
    n_verdicts={"correct": 4},
    unmapped={"extra": 4},
    remarks=["Look."],
)


def test_records_come_back_oldest_first(tmp_path: Path) -> None:
    later = SourceRecord(
        **{name: getattr(RECORD, name) for name in RECORD.__slots__} | {"session": "20260102-b"}
    )
    for record in (later, RECORD):
        write_record(tmp_path, record)
    assert read_records(tmp_path) == [RECORD, later]
    assert read_records(tmp_path / "absent") == []


@pytest.mark.parametrize("content", ["", "{", "[]", '{"session": "x"}', '{"unknown": 1}'])
def test_a_damaged_record_is_told_with_its_place(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(StoreError, match=r"x\.json is damaged"):
        read_records(tmp_path)


def test_a_source_is_known_by_its_content_and_identity_wherever_it_lies(tmp_path: Path) -> None:
    one, other = tmp_path / "a.jsonl", tmp_path / "b" / "c.jsonl"
    other.parent.mkdir()
    for path in (one, other):
        path.write_bytes(b"text\n")
    assert digest_of(Source(one)) == digest_of(Source(other))
    assert digest_of(Source(one)) != digest_of(Source(one, identity="seed 1"))
    assert place_of(Source(one)) != place_of(Source(other))
    assert place_of(Source(one)) == place_of(Source(other, place=str(one.resolve())))
    digest = digest_of(Source(one))
    one.write_bytes(b"text\n\n")
    assert digest_of(Source(one)) != digest


def test_files_of_a_folder_count_by_their_names_and_order(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    for path, content in ((a, b"1"), (b, b"2")):
        path.write_bytes(content)
    in_order, turned = (Source(tmp_path, files=files) for files in ((a, b), (b, a)))
    assert digest_of(in_order) != digest_of(turned)
    swapped = digest_of(in_order)
    a.write_bytes(b"2")
    b.write_bytes(b"1")
    assert digest_of(in_order) != swapped


def test_a_source_that_is_gone_says_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="There is no file"):
        digest_of(Source(tmp_path / "absent"))
    with pytest.raises(InvalidInputError, match="cannot be read"):
        digest_of(Source(tmp_path))
