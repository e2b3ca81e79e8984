"""Files without end: read in bounded memory, and refused in one line, whatever reads them."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ttscale.errors import TtscaleError
from ttscale.exchange import csv_rows, json_stream, lines, whole_tables
from ttscale.exchange.counts import read_counts
from ttscale.exchange.csv_rows import read_csv
from ttscale.exchange.whole_tables import read_table
from ttscale.pipeline.importing import import_samples
from ttscale.tasks.loading import read_data
from ttscale.yaml_text import MOST_NODES, read_yaml

HEADS = {
    ".csv": b"problem_id,n,c\n",
    ".tsv": b"problem_id\tn\tc\n",
    ".jsonl": b'{"problem_id": "a", "n": 2, "c": 1}\n',
    ".json": b'[{"problem_id": "a", "n": 2, "c": 1},\n',
    ".yaml": b"name: x\n",
}
READERS: dict[str, tuple[str, ...]] = {
    "counts": (".csv", ".tsv", ".jsonl"),
    "task": (".csv", ".tsv", ".jsonl", ".json"),
    "import": (".csv", ".tsv", ".jsonl", ".json"),
    "config": (".yaml",),
    "prices": (".yaml",),
}
IN_A_PROCESS = """
import resource, sys
from pathlib import Path
from ttscale.config.loading import load_config
from ttscale.costs.money import read_prices
from ttscale.errors import TtscaleError
from ttscale.exchange.counts import read_counts
from ttscale.pipeline.importing import import_samples
from ttscale.tasks.loading import read_data

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
read = {
    "counts": read_counts, "task": lambda path: read_data(str(path)), "config": load_config, "prices": read_prices,
    "import": lambda path: import_samples([path], path.parent / "run", format_name="table"),
}
for pair in sys.argv[1:]:
    reader, _, path = pair.partition("=")
    try:
        read[reader](Path(path))
    except TtscaleError as error:
        print(reader, path, error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_a_gigabyte_of_zeros_is_refused_without_reading_it_whole(tmp_path: Path) -> None:
    pairs = []
    for reader, suffixes in READERS.items():
        for suffix in suffixes:
            path = tmp_path / f"t{suffix}"
            path.write_bytes(HEADS[suffix])
            os.truncate(path, 2**30)
            pairs.append(f"{reader}={path}")
    done = subprocess.run(
        [sys.executable, "-c", IN_A_PROCESS, *pairs], capture_output=True, text=True, check=True, timeout=120
    )
    *said, grew = done.stdout.splitlines()
    assert len(said) == len(pairs), done.stdout
    assert int(grew) < 800


@pytest.mark.parametrize("cell", ["", '"'], ids=["a line", "a cell over lines"])
def test_a_row_of_csv_without_end_is_refused_where_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cell: str
) -> None:
    monkeypatch.setattr(csv_rows, "MOST_ROW_CHARACTERS", 1000)
    path = tmp_path / "t.csv.gz"
    row = 'a,"two\nlines"\n'
    endless = "x" * 1001 if not cell else "x\n" * 501
    path.write_bytes(gzip.compress(f"id,text\n{row}{row}b,{cell}{endless}".encode()))
    found = read_csv(path)
    assert [next(found)[1], next(found)[1]] == [{"id": "a", "text": "two\nlines"}] * 2
    with pytest.raises(TtscaleError, match=r"The row at line 6 of .*longer than 1,000 characters"):
        next(found)


def test_many_short_rows_are_no_long_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_rows, "MOST_ROW_CHARACTERS", 20)
    path = tmp_path / "t.csv"
    path.write_text("id,text\n" + "a,bcd\n" * 100)
    assert len(list(read_csv(path))) == 100


def test_columns_of_one_name_are_refused_for_problems_too(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("question,answer,answer\na,b,c\n")
    with pytest.raises(TtscaleError, match="two columns named 'answer'"):
        read_data(str(path))


@pytest.mark.parametrize(
    "read", [lambda path: list(lines.read_objects(path)), lambda path: list(json_stream.read_records(path))]
)
@pytest.mark.parametrize("values", ["[],", "0,", '{"a":0},'])
def test_a_value_of_too_many_values_is_refused_before_they_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: str, read: Callable[[Path], object]
) -> None:
    for name, most in (("MOST_VALUES", 1000), ("_LEAST_COUNTED", 2000)):
        monkeypatch.setattr(lines, name, most)
    monkeypatch.setattr(json_stream, "CHUNK", 2**12)
    path = tmp_path / "t.json"
    content = '{"a":[' + values * 8000 + "0]}"
    path.write_text(content)
    with pytest.raises(TtscaleError, match="holds more than"):
        read(path)
    monkeypatch.setattr(lines, "MOST_VALUES", 100_000)
    read(path)


def test_rows_with_keys_of_their_own_are_no_square_of_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole_tables, "MOST_CELLS", 50_000)
    path = tmp_path / "t.jsonl"
    for row in ({"a": 1}, {"b": {"a": 1}}):
        path.write_text(
            "".join(
                json.dumps({"problem_id": "x"} | {f"k{i}{key}": value for key, value in row.items()}) + "\n"
                for i in range(300)
            )
        )
        with pytest.raises(TtscaleError, match=r"has 301 rows of \d+ columns, too many"):
            read_counts(path)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
def test_a_table_that_is_read_whole_has_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(whole_tables, "MOST_LINE_BYTES", 2000)
    monkeypatch.setattr(whole_tables, "CHUNK", 500)
    path = tmp_path / f"t{suffix}"
    path.write_bytes(HEADS[suffix] + b" " * 2600)
    with pytest.raises(TtscaleError, match=r"Line 2 of .* is longer than"):
        read_table(path)
    monkeypatch.setattr(whole_tables, "MOST_BYTES", 2000)
    with pytest.raises(TtscaleError, match="ttscale import table"):
        read_table(path)


def test_a_row_of_parquet_counts_with_its_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import polars as pl

    path = tmp_path / "t.parquet"
    pl.DataFrame({"problem_id": [str(i) for i in range(100)], "n": [2] * 100, "c": [1] * 100}).write_parquet(
        path
    )
    assert len(read_counts(path)[0].n) == 100
    monkeypatch.setattr(whole_tables, "MOST_CELLS", 299)
    with pytest.raises(TtscaleError, match="100 rows of 3 columns"):
        read_counts(path)


def test_a_configuration_of_too_many_values_is_refused_while_it_is_read() -> None:
    with pytest.raises(TtscaleError, match=f"more than {MOST_NODES:,} values"):
        read_yaml("a: [" + "[]," * (MOST_NODES + 1) + "]", "here")


@pytest.mark.parametrize("name", ["results_2026-01-02T03-04-05.678901.json", "metadata.json"])
def test_what_lies_beside_the_samples_is_bounded_too(tmp_path: Path, name: str) -> None:
    from foreign_formats import lm_eval, verifiers

    path = lm_eval(tmp_path) if name.startswith("results") else verifiers(tmp_path)
    beside = path.parent / name
    beside.unlink(missing_ok=True)
    beside.touch()
    os.truncate(beside, 2**40)  # whoever reads it whole has no memory left
    assert import_samples([path], tmp_path / "run").read[0].n_samples == 12


@pytest.mark.parametrize("small", ["[]", "{}", "null", "0", '""', '"a"', "[[]]", '[""]'])
def test_elements_without_end_that_are_no_samples_are_not_walked_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: str
) -> None:
    monkeypatch.setattr(json_stream, "MOST_SMALL", 2000)
    path = tmp_path / "generations_a.json"
    for text in (f"[{f'{small},' * 100_000}", "{" + f'"a":{small},' * 100_000):
        path.write_text(text)
        with path.open("rb") as file:
            stream = json_stream.JsonStream(file, "here")
            with pytest.raises(TtscaleError, match="more than 2,000 values of fewer than 16 characters"):
                list(stream.elements() if text[0] == "[" else stream.members())
        for name in (None, "bigcode", "inspect", "human-eval", "livecodebench"):
            with pytest.raises(TtscaleError):
                import_samples([path], tmp_path / "run", format_name=name)


def test_many_elements_that_may_be_samples_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "MOST_SMALL", 100)
    path = tmp_path / "generations_a.json"
    path.write_text(json.dumps([["the answer is 4"]] * 500))
    assert import_samples([path], tmp_path / "run", format_name="bigcode").read[0].n_samples == 500
