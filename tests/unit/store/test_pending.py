"""Which samples lack a verdict, and which of several verdicts counts."""

from pathlib import Path

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from ttscale.store.pending import SampleKeys, blocks_without
from ttscale.store.verdicts import VerdictSet, VerdictSetInfo
from ttscale.store.writer import SampleWriter
from ttscale.types import Sample

KEY = st.tuples(st.sampled_from(["a", "b", "long name"]), st.integers(0, 40))
COLUMNS = ["problem_id", "sample_index", "completion"]


def frame(keys: list[tuple[str, int]]) -> pl.DataFrame:
    return pl.DataFrame(keys, schema={"problem_id": pl.String, "sample_index": pl.Int64}, orient="row")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(KEY)), st.lists(KEY))
def test_a_set_of_keys_is_a_set(added: list[list[tuple[str, int]]], asked: list[tuple[str, int]]) -> None:
    keys = SampleKeys()
    for part in added:
        keys.add(frame(part))
    expected = {key for part in added for key in part}
    assert len(keys) == len(expected)
    assert keys.contains(frame(asked)).tolist() == [key in expected for key in asked]


def write_segments(folder: Path, *segments: list[tuple[str, int]]) -> None:
    for number, keys in enumerate(segments):
        writer = SampleWriter(folder, "c", f"s{number}")
        writer.add(
            [
                Sample(
                    problem_id=problem_id,
                    sample_index=index,
                    completion=f"{problem_id} {index}",
                    finish_reason="stop",
                    prompt_tokens=1,
                    completion_tokens=1,
                )
                for problem_id, index in keys
            ]
        )
        writer.flush()


def test_blocks_hold_every_sample_but_those_done_and_never_too_many(tmp_path: Path) -> None:
    every = [[("a", i) for i in range(7)], [("b", i) for i in range(2)], [("a", 7), ("b", 2)]]
    write_segments(tmp_path, *every)
    done = SampleKeys()
    done.add(frame([("a", 1), ("b", 2), ("a", 99)]))
    blocks = list(blocks_without(tmp_path, done, COLUMNS, block_rows=3))
    assert max(block.height for block in blocks) <= 3
    found = [tuple(row) for block in blocks for row in block.iter_rows()]
    expected = [key for keys in every for key in keys if key not in [("a", 1), ("b", 2)]]
    assert found == [(problem_id, index, f"{problem_id} {index}") for problem_id, index in expected]


def test_small_segments_are_read_together(tmp_path: Path) -> None:
    write_segments(tmp_path, *[[("a", i)] for i in range(6)])
    heights = [block.height for block in blocks_without(tmp_path, SampleKeys(), COLUMNS, block_rows=4)]
    assert heights == [4, 2]


def test_of_several_verdicts_the_newest_counts(tmp_path: Path) -> None:
    info = VerdictSetInfo(verifier="v", version="1", options={}, sees_answer=False)
    verdicts = VerdictSet(tmp_path, info)

    def rows(*outcomes: tuple[int, str]) -> pl.DataFrame:
        return frame([("a", index) for index, _ in outcomes]).with_columns(
            cell=pl.lit("c"), outcome=pl.Series([outcome for _, outcome in outcomes])
        )

    verdicts.write("c", rows((0, "correct"), (1, "error"), (2, "error"), (3, "error")), "s1-000000")
    verdicts.write("c", rows((1, "error"), (2, "incorrect"), (3, "error")), "s2-000000", again=True)
    verdicts.write("c", rows((1, "timeout"), (4, "correct")), "s1-000001", again=True)
    newest = verdicts.scan("c").sort("sample_index").select("sample_index", "outcome").collect()
    assert newest.rows() == [(0, "correct"), (1, "timeout"), (2, "incorrect"), (3, "error"), (4, "correct")]
    assert verdicts.count("c") == 5
    assert verdicts.outcomes(["c", "none"]) == {
        "correct": 2,
        "incorrect": 1,
        "no_answer": 0,
        "timeout": 1,
        "scored": 0,
        "error": 1,
    }
    asked = frame([("a", index) for index in range(6)])
    assert verdicts.verified("c").contains(asked).tolist() == [True] * 5 + [False]
    assert verdicts.verified("c", errors=False).contains(asked).tolist() == [
        True,
        True,
        True,
        False,
        True,
        False,
    ]
