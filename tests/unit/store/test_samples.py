from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from ttscale.errors import StoreError, TornSegmentWarning
from ttscale.store import stored
from ttscale.store.run import RunStore
from ttscale.store.samples import (
    SAMPLE_SCHEMA,
    samples_columns,
    samples_frame,
    scan_samples,
    stored_counts,
)
from ttscale.store.segments import scan, segments, set_torn_aside, write_segment
from ttscale.store.stored import StoredKeys, missing_ranges
from ttscale.store.writer import SampleWriter
from ttscale.types import Sample


def make_sample(problem_id: str, index: int, completion: str = "4") -> Sample:
    return Sample(
        problem_id=problem_id,
        sample_index=index,
        completion=completion,
        finish_reason="stop",
        prompt_tokens=3,
        completion_tokens=2,
        cumulative_logprob=-0.5,
        seed=index,
    )


def write(folder: Path, session: str, samples: list[Sample]) -> Path:
    writer = SampleWriter(folder, "cell", session)
    writer.add(samples)
    (stored,) = writer.flush()
    assert list(stored.rows) == samples
    return stored.path


def test_samples_come_back_as_they_were_written(tmp_path: Path) -> None:
    texts = ["", "é\n", "a\0b", "x" * 1_000_000, "\x1b[31mred", '"},{"']
    write(tmp_path, "s1", [make_sample("p", i, text) for i, text in enumerate(texts)])
    frame = scan_samples(tmp_path).collect()
    assert frame["completion"].to_list() == texts
    assert dict(frame.schema) == {
        name: dtype() if isinstance(dtype, type) else dtype for name, dtype in SAMPLE_SCHEMA.items()
    }


def test_a_lone_surrogate_becomes_the_replacement_character(tmp_path: Path) -> None:
    write(tmp_path, "s1", [make_sample("p", 0, "a\ud800b")])
    assert scan_samples(tmp_path).collect()["completion"].to_list() == ["a\ufffdb"]


def test_any_parquet_reader_sees_the_rows(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow.parquet", reason="pyarrow comes with the datasets extra")
    path = write(tmp_path, "s1", [make_sample("p", i) for i in range(3)])
    assert pyarrow.read_table(path).column("sample_index").to_pylist() == [0, 1, 2]


def test_missing_ranges_are_the_gaps_below_n(tmp_path: Path) -> None:
    write(tmp_path, "s1", [make_sample("a", i) for i in (0, 1, 5)])
    write(tmp_path, "s2", [make_sample("b", i) for i in range(8)])
    assert missing_ranges(StoredKeys(tmp_path), dict.fromkeys("abc", 8)) == {
        "a": [range(2, 5), range(6, 8)],
        "c": [range(8)],
    }
    assert missing_ranges(StoredKeys(tmp_path), {"b": 4}) == {}
    assert stored_counts(tmp_path) == {"a": 3, "b": 8}


def test_a_sample_stored_twice_is_an_error_that_names_it(tmp_path: Path) -> None:
    write(tmp_path, "s1", [make_sample("a", 7)])
    write(tmp_path, "s2", [make_sample("a", 7)])
    with pytest.raises(StoreError, match="problem a has sample 7 twice"):
        missing_ranges(StoredKeys(tmp_path), {"a": 8})


@pytest.mark.parametrize("keep", [0, 5, 100, -1], ids=["empty", "tiny", "head", "all but one byte"])
def test_a_torn_segment_is_reported_and_set_aside(tmp_path: Path, keep: int) -> None:
    folder = tmp_path / "cell"
    good = write(folder, "s1", [make_sample("a", 0)])
    torn = write(folder, "s2", [make_sample("a", 1)])
    torn.write_bytes(torn.read_bytes()[:keep])
    with pytest.warns(TornSegmentWarning, match="s2-000000"):
        assert segments(folder) == [good]
    moved = set_torn_aside(folder, tmp_path / "torn")
    assert [path.name for path in moved] == ["cell-s2-000000.parquet"]
    assert segments(folder) == [good]
    assert missing_ranges(StoredKeys(folder), {"a": 2}) == {"a": [range(1, 2)]}


def test_a_segment_of_a_later_version_with_more_columns_still_reads(tmp_path: Path) -> None:
    path = write(tmp_path, "s1", [make_sample("a", 0)])
    pl.read_parquet(path).with_columns(novelty=pl.lit(1)).drop("token_logprobs").write_parquet(path)
    frame = scan_samples(tmp_path).collect()
    assert frame.columns == list(SAMPLE_SCHEMA)
    assert frame["token_logprobs"].to_list() == [None]


def with_top_logprobs(index: int, top_logprobs: Any) -> Sample:
    array = None if top_logprobs is None else np.array(top_logprobs, np.float32)
    return replace(make_sample("a", index), top_logprobs=array)


def test_the_most_probable_tokens_log_probabilities_come_back_at_half_precision(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    given = [-np.sort(rng.exponential(3.0, (tokens, 20)))[:, ::-1] for tokens in (5, 1, 300)]
    write(tmp_path, "s1", [with_top_logprobs(i, [None, *given, np.empty((0, 20))][i]) for i in range(5)])
    write(tmp_path, "s2", [with_top_logprobs(5, [[-0.5, np.nan]]), with_top_logprobs(6, [[-0.5], [-2.0]])])
    rows = scan_samples(tmp_path).collect()
    assert dict(rows.schema)["top_logprobs"] == SAMPLE_SCHEMA["top_logprobs"]
    nothing, *found = samples_columns(rows)["top_logprobs"]
    assert nothing is None
    for there, back in zip(
        [*given, np.empty((0, 0)), [[-0.5, np.nan]], [[-0.5], [-2.0]]], found, strict=True
    ):
        assert back.dtype == np.float32
        np.testing.assert_allclose(back, there, rtol=2**-11)


def test_segments_without_them_lack_the_column_and_read_as_null_beside_others(tmp_path: Path) -> None:
    plain = write(tmp_path, "s1", [make_sample("a", 0)])
    assert "top_logprobs" not in pl.read_parquet_schema(plain)
    write(tmp_path, "s2", [with_top_logprobs(1, [[-1.0, -2.0]])])
    rows = scan_samples(tmp_path).collect()
    assert rows["top_logprobs"].to_list() == [None, [[-1.0, -2.0]]]
    assert rows.columns == list(SAMPLE_SCHEMA)


def test_what_is_stored_is_read_once_and_kept_up_also_when_a_segment_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []

    def counted(paths: list[Path], schema: Any) -> pl.LazyFrame:
        opened.extend(paths)
        return scan(paths, schema)

    monkeypatch.setattr(stored, "scan", counted)
    monkeypatch.setattr("ttscale.store.segments._AT_ONCE", 2)
    store = RunStore(tmp_path)
    folder = store.samples_folder("c")

    def write(name: str, index: int) -> None:
        write_segment(folder / f"{name}.parquet", samples_frame([make_sample("a", index)], "c"))

    for index in range(5):
        write(f"s-{index}", index)
    assert store.missing("c", {"a": 7}) == {"a": [range(5, 7)]}
    assert len(opened) == 5
    write("s-5", 5)
    assert store.missing("c", {"a": 7}) == {"a": [range(6, 7)]}
    assert len(opened) == 6
    (folder / "s-2.parquet").unlink()
    assert store.missing("c", {"a": 7}) == {"a": [range(2, 3), range(6, 7)]}
