"""The samples in a page: all of them within a size, none that can act, none told wrongly."""

import base64
import json
import zlib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from report_results import make_result
from stored_runs import make_run

import ttscale.report.samples as samples_module
from ttscale.analysis.run.analyze import analyze_run
from ttscale.analysis.run.results import CellResult
from ttscale.report.samples import packed_samples, problem_samples
from ttscale.types import Outcome

CODES = [outcome.value for outcome in Outcome]


def unpacked(text: str) -> list[list[Any]]:
    columns = json.loads(zlib.decompress(base64.b64decode(text)))
    return [list(one) for one in zip(*columns, strict=True)]


def group(completion: str, outcome: str, first: int = 0, n: int = 1, **more: Any) -> dict[str, Any]:
    row = {"problem_id": "p", "completion": completion, "finish_reason": "stop", "completion_tokens": 3}
    indices = list(range(first, first + n))
    return row | {"outcome": outcome, "answer": None, "sample_indices": indices} | more


def cell_of(groups: list[dict[str, Any]]) -> CellResult:
    cell = make_result(n_problems=1, n=4, law=False).cells[0]
    problems = cell.problems.with_columns(problem_id=pl.lit("p"))
    return replace(cell, problems=problems, samples=pl.DataFrame(groups, infer_schema_length=None))


def test_every_stored_sample_is_in_the_page_once_with_its_verdict(tmp_path: Path) -> None:
    store = make_run(tmp_path / "run", n=12, n_problems=7)
    (cell,) = analyze_run(store, depth="full").cells
    (packed,) = packed_samples([cell], rows=1000)
    assert packed.told == ""
    stored = store.samples(cell.cell).collect()
    for problem, text in zip(cell.problems.iter_rows(named=True), packed.packed, strict=True):
        own = stored.filter(pl.col("problem_id") == problem["problem_id"])
        shown: Counter[str] = Counter()
        for completion, _, _, _, outcomes, indices, alike in unpacked(text):
            shown[completion] += alike
            assert set(indices) <= set(own.filter(pl.col("completion") == completion)["sample_index"])
            assert len(outcomes) == len(packed.verifiers)
        assert shown == Counter(own["completion"].to_list())
        correct = sum(one[6] for one in unpacked(text) if CODES[int(one[4][0])] == "correct")
        assert correct == problem["c"]


def test_too_many_samples_keep_correct_and_other_ones_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples_module, "_BUDGET", 4000)
    rng = np.random.default_rng(0)
    texts = [f"{i:03d} {rng.bytes(100).hex()}" for i in range(100)]
    cell = cell_of(
        [group(text, "correct" if i % 10 == 5 else "incorrect", i) for i, text in enumerate(texts)]
    )
    (packed,) = packed_samples([cell], rows=1000)
    kept = unpacked(packed.packed[0])
    assert len(packed.packed[0]) <= 4000
    assert [one[5][0] for one in kept] == sorted(one[5][0] for one in kept)
    outcomes = Counter(CODES[int(one[4])] for one in kept)
    assert outcomes["correct"] >= min(10, len(kept) // 2) > 1
    assert "a part of the samples of 1 of 1 problems" in packed.told


@pytest.mark.parametrize(("finish", "cut"), [("length", 1), ("max_tokens", 1), ("stop", 0), (None, 0)])
def test_a_cut_off_sample_is_told_by_whatever_word(finish: str | None, cut: int) -> None:
    ((_, told, *_),) = problem_samples(pl.DataFrame([group("text", "correct", finish_reason=finish)]))
    assert told == cut


def test_an_answer_that_is_the_whole_text_is_not_written_twice() -> None:
    rows = [group("42", "correct", answer="42"), group("so 42", "correct", 1, answer="42")]
    assert [one[3] for one in problem_samples(pl.DataFrame(rows))] == [0, "42"]


@pytest.mark.parametrize("outcome", [*CODES, None])
def test_outcomes_survive_as_digits(outcome: str | None) -> None:
    frame = pl.DataFrame([group("x", "correct", **{"outcome:judge": outcome})], infer_schema_length=None)
    ((*_, codes, _, _),) = problem_samples(frame)
    assert codes == "0" + ("9" if outcome is None else str(CODES.index(outcome)))


def test_a_sample_of_a_megabyte_and_its_hidden_characters_are_tamed() -> None:
    hostile = "\u202e</script>\x00" + "x" * 1_000_000 + "the end \ud800"
    ((text, *_),) = problem_samples(pl.DataFrame([group(hostile.replace("\ud800", "\u2028"), "incorrect")]))
    assert len(text) < 25_000
    assert text.startswith("⟨U+202E⟩</script>⟨NUL⟩")
    assert text.endswith("the end ⟨U+2028⟩")
    (packed,) = packed_samples([cell_of([group(hostile[:-1], "incorrect")])], rows=10)
    assert "<" not in packed.packed[0]


def test_a_result_without_all_samples_shows_its_examples() -> None:
    cell = make_result(n_problems=5, n=20).cells[0]
    (packed,) = packed_samples([cell], rows=1000)
    assert "A few samples" in packed.told
    examples = cell.problems["examples"].to_list()
    assert [[one[0] for one in unpacked(text)] for text in packed.packed] == [
        [example["completion"] for example in some] for some in examples
    ]
