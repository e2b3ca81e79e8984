"""Damaged, hostile and absurd files: one clear sentence, and nothing imported."""

import gzip
import io
import json
import os
import random
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from foreign_formats import (
    INSPECT_HEADER,
    inspect_eval,
    inspect_sample,
    lm_eval,
    nemo_skills,
    table_parquet,
    write_json,
    write_jsonl,
)

from ttscale.errors import ConfigError, InvalidInputError, MissingExtraError, TtscaleError, UnknownPluginError
from ttscale.exchange import json_stream, lines, zipped
from ttscale.exchange.json_stream import JsonStream
from ttscale.pipeline.importing import import_samples


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def refused(path: Path, message: str, format_name: str | None = None, **options: Any) -> None:
    out = path.parent / "refused-run"
    with pytest.raises(TtscaleError, match=message):
        import_samples([path], out, format_name=format_name, options=options)
    assert not out.exists()
    assert not list(path.parent.glob(".refused-run*"))


GOOD = {"doc_id": 0, "doc": {}, "target": "7", "resps": [["a"]], "filtered_resps": ["a"], "metrics": []}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no samples"),
        (b"\n \n", "holds no samples"),
        (
            json.dumps(GOOD).encode()[:-9],
            "Line 1 .* The file ends here: it is truncated, or still being written",
        ),
        (json.dumps(GOOD).encode() + b"\n{]\n", "Line 2 .* is not valid JSON"),
        (b"\x80\x81\n", "not UTF-8: byte 0x80 at 0"),
        (b"[1, 2]\n", "is no JSON object but"),
        (b"[" * 100_000, "nested too deeply|not valid JSON"),
        (json.dumps(GOOD | {"resps": [[3]]}).encode(), "holds no samples"),
        (json.dumps(GOOD | {"resps": ["text"]}).encode(), "should hold a list of texts per request"),
        (json.dumps(GOOD | {"doc_id": None}).encode(), "'doc_id' should be int or str, but is null"),
        (json.dumps({k: v for k, v in GOOD.items() if k != "resps"}).encode(), "has no field 'resps'"),
    ],
    ids=[
        "empty",
        "blank",
        "cut",
        "broken",
        "not UTF-8",
        "an array",
        "deep",
        "no texts",
        "flat",
        "no id",
        "no field",
    ],
)
def test_json_lines_that_are_not_samples(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "samples_toy_2026-01-02T03-04-05.0.jsonl"
    path.write_bytes(content)
    refused(path, message, "lm-eval")


def test_a_huge_line_is_refused_before_it_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MOST_LINE_BYTES", 2**20)
    path = write_jsonl(tmp_path / "samples.jsonl", [{"problem_id": "a", "completion": "x" * 2**21}])
    refused(path, "Line 1 of .* is longer than 1 MiB", "table")


def test_a_huge_element_is_refused_before_it_is_held() -> None:
    stream = JsonStream(io.BytesIO(json.dumps([["x" * 4 * 2**20]]).encode()), "file.json", most=2**20)
    with pytest.raises(InvalidInputError, match="one value is longer than"):
        for _ in stream.elements():
            stream.value()


def test_truncated_gzip(tmp_path: Path) -> None:
    packed = gzip.compress(lm_eval(tmp_path).read_bytes())
    path = tmp_path / "samples_toy_2026-01-02T03-04-05.0.jsonl.gz"
    path.write_bytes(packed)
    assert import_samples([path], tmp_path / "whole").read[0].n_samples == 12
    path.write_bytes(packed[:-40])
    refused(path, "is not a complete gzip file", "lm-eval")


def test_a_missing_path_names_a_near_one(tmp_path: Path) -> None:
    lm_eval(tmp_path)
    refused(
        tmp_path / "samples_toy_2026-01-02T03-04-05.678901.json", "There is no file or folder .* Did you mean"
    )


def test_formats_and_options_with_typos(tmp_path: Path) -> None:
    path = lm_eval(tmp_path)
    with pytest.raises(UnknownPluginError, match=r"Unknown importer 'lm-evl'. Did you mean 'lm-eval'"):
        import_samples([path], tmp_path / "run", format_name="lm-evl")
    with pytest.raises(ConfigError, match=r"unknown key 'modl'. Did you mean 'model'"):
        import_samples([path], tmp_path / "run", format_name="lm-eval", options={"modl": "x"})
    with pytest.raises(ConfigError, match=r"'complction' is no field. Did you mean 'completion'"):
        import_samples([path], tmp_path / "run", format_name="table", options={"map": "complction=resps"})
    with pytest.raises(ConfigError, match="not of the form FIELD=COLUMN"):
        import_samples([path], tmp_path / "run", format_name="table", options={"map": "completion"})


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ([{"a": 1}], {}, "no column that says which problem"),
        ([{"id": 1}], {}, "neither texts nor verdicts"),
        (
            [{"id": 1, "text": "x"}],
            {"map": "completion=texd"},
            "no column 'texd' for completion. Did you mean 'text'",
        ),
        (
            [{"id": 1, "correct": "perhaps"}],
            {},
            "correct is 'perhaps', which is neither a verdict nor a score",
        ),
        ([{"id": 1, "correct": True, "score:rm": "high"}], {}, "score:rm is 'high', which is no number"),
        (
            [{"id": 1, "completion": ["a", "b"], "correct": [True]}],
            {},
            "lists differ in length: completion has 2",
        ),
        ([{"id": 1, "completion": "a", "sample_index": -1}], {}, "the sample's number is -1"),
        ([{"id": None, "completion": "a"}], {}, "has no problem id"),
    ],
)
def test_tables_that_do_not_fit(
    tmp_path: Path, rows: list[Any], options: dict[str, Any], message: str
) -> None:
    refused(write_jsonl(tmp_path / "t.jsonl", rows), message, "table", **options)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,completion\na\n", "Line 2 of .* has 1 cells, but the header has 2"),
        ("id,completion,id\na,b,c\n", "two columns named 'id'"),
        ('id,completion\na,"cut\n', "not valid CSV"),
        ("id,completion\n", "holds no samples"),
    ],
)
def test_csv_files_that_are_none(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    refused(path, message, "table")


def test_parquet_that_is_none(tmp_path: Path) -> None:
    path = table_parquet(tmp_path)
    path.write_bytes(path.read_bytes()[:-4] + b"PAR0")
    refused(path, "is not a whole Parquet file", "table")


# ---- zip archives: Inspect's .eval ----------------------------------------------------------------


def evil_eval(folder: Path, *members: tuple[str | zipfile.ZipInfo, str]) -> Path:
    path = folder / "x.eval"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.json", json.dumps(INSPECT_HEADER))
        for name, content in members:
            archive.writestr(name, content)
    return path


SAMPLE = json.dumps(inspect_sample(0, 0))


@pytest.mark.parametrize(
    "name", ["../../outside.json", "/etc/outside.json", "samples/../../x.json", "C:\\x.json"]
)
def test_members_that_lead_outside_are_refused(tmp_path: Path, name: str) -> None:
    refused(
        evil_eval(tmp_path, ("samples/0_epoch_1.json", SAMPLE), (name, SAMPLE)),
        "leads outside of it",
        "inspect",
    )


def test_members_that_are_links_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("samples/1_epoch_1.json")
    link.external_attr = 0o120777 << 16
    refused(evil_eval(tmp_path, (link, "/etc/passwd")), "symbolic link", "inspect")


def test_a_zip_that_unpacks_to_more_than_it_declares_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zipped, "MOST_MEMBER_BYTES", 1000)
    refused(evil_eval(tmp_path, ("samples/0_epoch_1.json", " " * 2000)), "unpacks to more", "inspect")


def test_every_flipped_or_missing_byte_of_an_archive_is_an_error_or_no_matter(tmp_path: Path) -> None:
    path = inspect_eval(tmp_path)
    whole = path.read_bytes()
    reference = import_samples([path], tmp_path / "whole").store
    expected = reference.samples(reference.cells()[0]).collect().sort("problem_id", "sample_index")
    random.seed(5)
    n_refused = 0
    for trial in range(60):
        damaged = bytearray(whole)
        damaged[random.randrange(len(damaged))] ^= 1 << random.randrange(8)
        path.write_bytes(bytes(damaged) if trial % 3 else whole[: random.randrange(len(whole))])
        out = tmp_path / f"run{trial}"
        try:
            store = import_samples([path], out, format_name="inspect").store
        except TtscaleError:
            n_refused += 1
            assert not out.exists()
        else:  # a date or an attribute: nothing that is imported
            found = store.samples(store.cells()[0]).collect().sort("problem_id", "sample_index")
            assert found.drop("cell").equals(expected.drop("cell"))
    assert n_refused > 40


def test_zstandard_without_its_package_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    (path,) = (Path(__file__).parents[2] / "data" / "exchange" / "inspect").glob("*.eval")
    monkeypatch.setitem(sys.modules, "zstandard", None)
    if hasattr(zipfile, "ZIP_ZSTANDARD"):
        pytest.skip("this Python reads Zstandard itself")
    with pytest.raises(MissingExtraError, match=r"pip install 'ttscale\[inspect\]'"):
        import_samples([path], tmp_path / "run")
    assert not (tmp_path / "run").exists()


# ---- archives of logs -----------------------------------------------------------------------------


def packed(folder: Path, suffix: str) -> Path:
    source = nemo_skills(folder)
    path = folder / f"logs{suffix}"
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for each in source.iterdir():
                archive.write(each, f"toy/{each.name}")
    else:
        with tarfile.open(path, f"w:{suffix.rpartition('.')[2]}".removesuffix("tar")) as archive:
            archive.add(source, "toy")
    return path


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz"])
def test_archives_of_logs_are_read_and_leave_nothing_behind(tmp_path: Path, suffix: str) -> None:
    path = packed(tmp_path, suffix)
    result = import_samples([path], tmp_path / "run")
    assert result.format == "nemo-skills"
    assert result.store.cells() == ["unknown-toy"]
    assert len(import_samples([path], tmp_path / "run").known) == 4
    assert {each.name for each in tmp_path.iterdir()} == {"toy", path.name, "run"}
    damaged = path.with_name(f"cut{suffix}")
    damaged.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refused(damaged, "not a whole (tar|zip) archive|ends|truncated", "nemo-skills")


def tar_with(folder: Path, member: tarfile.TarInfo, content: bytes = b"") -> Path:
    path = folder / "evil.tar"
    with tarfile.open(path, "w") as archive:
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return path


def _special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (tarfile.TarInfo("../output.jsonl"), "leads outside of it"),
        (tarfile.TarInfo("/tmp/output.jsonl"), "leads outside of it"),
        (_special("output.jsonl", tarfile.SYMTYPE, "/etc/passwd"), "is a link"),
        (_special("output.jsonl", tarfile.LNKTYPE, "/etc/passwd"), "is a link"),
        (_special("output.jsonl", tarfile.FIFOTYPE), "no plain file"),
    ],
    ids=["parent", "absolute", "symbolic link", "hard link", "pipe"],
)
def test_archives_that_reach_outside_are_refused(
    tmp_path: Path, member: tarfile.TarInfo, message: str
) -> None:
    refused(tar_with(tmp_path, member), message, "nemo-skills")


def test_an_archive_that_explodes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ttscale.exchange import unpacking

    monkeypatch.setattr(unpacking, "_ALWAYS_ALLOWED", 1000)
    path = tmp_path / "bomb.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("output.jsonl")
        member.size = 10**7
        archive.addfile(member, io.BytesIO(bytes(10**7)))
    refused(path, "unpacks to more than 200 times its size", "nemo-skills")


def test_links_in_a_folder_add_nothing_twice(tmp_path: Path) -> None:
    folder = nemo_skills(tmp_path)
    (folder / "loop").symlink_to(folder)
    (folder / "output-rs0-latest.jsonl").symlink_to(folder / "output-rs0.jsonl")
    store = import_samples([folder], tmp_path / "run").store
    assert sum(store.counts("unknown-toy").values()) == 12
    (folder / "output-rs7.jsonl").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InvalidInputError, match="There is no file"):
        import_samples([folder], tmp_path / "run")


# ---- JSON documents -------------------------------------------------------------------------------


class Slow(io.BytesIO):
    """Gives a few bytes at a time, so that every value is cut somewhere."""

    step = 1

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(self.step, size or self.step) if size != 0 else 0)


def _random_value(rng: random.Random, depth: int = 0) -> Any:
    kind = rng.random()
    if depth < 4 and kind < 0.25:
        return [_random_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    if depth < 4 and kind < 0.5:
        return {
            rng.choice('ab"\\é\u2028') * n: _random_value(rng, depth + 1) for n in range(rng.randrange(4))
        }
    return rng.choice(
        [1, -2.5e-7, True, False, None, float("inf"), "", 'x"\\{}[]', "é\U0001f600", 12345678901234567890]
    )


def test_documents_cut_anywhere_read_as_json_does() -> None:
    rng = random.Random(0)
    for _ in range(600):
        document = {f"k{n}": _random_value(rng) for n in range(3)} | {
            "list": [_random_value(rng) for _ in range(3)]
        }
        text = json.dumps(document, ensure_ascii=rng.random() < 0.5, indent=rng.choice([None, 1])).encode()
        file = Slow(text)
        file.step = rng.choice([1, 2, 3, 7, 50])
        stream = JsonStream(file, "f")
        found: dict[str, Any] = {}
        for key in stream.members():
            if key == "list":
                found[key] = [stream.value() for _ in stream.elements()]
            elif rng.random() < 0.3:
                document.pop(key)  # skipped
            else:
                found[key] = stream.value()
        stream.require_end()
        assert json.dumps(found) == json.dumps(document)


def test_truncated_documents_are_never_taken_for_whole() -> None:
    rng = random.Random(1)
    for trial in range(300):
        text = json.dumps({"a": _random_value(rng), "b": [_random_value(rng)]}).encode()
        stream = JsonStream(Slow(text[: rng.randrange(len(text))]), "f")
        with pytest.raises(InvalidInputError, match="not valid JSON"):
            stream.value() if trial % 2 else [stream.skip() for _ in stream.members()]


def test_more_behind_the_end_is_an_error(tmp_path: Path) -> None:
    path = write_json(tmp_path / "generations_toy.json", [["a"]])
    path.write_text(path.read_text() + "[]", encoding="utf-8")
    refused(path, "more behind the end", "bigcode")


def test_first_looks_never_fail(tmp_path: Path) -> None:
    for number, content in enumerate((b"", b"\xff\xfe", b"{", b'{"a": ', b"[[[[", b"nul", b'"text"', b"1")):
        path = tmp_path / f"{number}.json"
        path.write_bytes(content)
        assert json_stream.first_record(path) is None
        json_stream.top_keys(path)
        refused(path, "in no format that is recognized|not valid JSON")
