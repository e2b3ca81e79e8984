"""The analysis of a stored run against arrays worked out by hand."""

from pathlib import Path

import polars as pl
import pytest

from ttscale.analysis.run.analyze import analyze_run
from ttscale.config.loading import check_config, dump_config
from ttscale.errors import InvalidInputError, StoreError
from ttscale.stats.counts.curve import table_budgets
from ttscale.store.inventory import delete
from ttscale.store.run import RunStore
from ttscale.store.verdicts import VerdictSetInfo
from ttscale.types import Problem, Sample

CELL = "m-arithmetic"
CONFIG = {
    "name": "r",
    "out": "unused",
    "model": "m",
    "task": "arithmetic",
    "sampling": {"n": 4},
    "verifiers": ["exact", "last-digit"],
}
ORACLE = VerdictSetInfo(verifier="exact", version="1", options={}, sees_answer=True)
DEPLOYABLE = VerdictSetInfo(verifier="last-digit", version="1", options={}, sees_answer=False)

# problem -> (completion, logprob, outcome of the oracle, score of the deployable verifier) per sample
SAMPLES = {
    "a": [("2", -1.0, "correct", 1.0), ("3", -0.5, "incorrect", 0.0), ("2", -2.0, "correct", 1.0), ("3", -3.0, "incorrect", 0.0)],
    "b": [("9", -1.0, "incorrect", 1.0), ("9", -0.5, "incorrect", 1.0), ("8", -2.0, "correct", 1.0), ("", -3.0, "no_answer", 0.0)],
}  # fmt: skip


def build(path: Path, *, oracle_outcome: dict[tuple[str, int], str] | None = None) -> RunStore:
    store = RunStore(path)
    config = check_config(CONFIG)
    with store.writing():
        store.begin(name="r", version="0", config_yaml=dump_config(config), cells={CELL: {}})
        store.keep_problems(
            CELL, [Problem(problem_id=name, prompt=f"{name}?", answer="2") for name in SAMPLES]
        )
        writer = store.sample_writer(CELL, "s1")
        for name, rows in SAMPLES.items():
            writer.add(
                [
                    Sample(
                        problem_id=name,
                        sample_index=i,
                        completion=row[0],
                        finish_reason="stop" if row[0] else "length",
                        prompt_tokens=3,
                        completion_tokens=2,
                        cumulative_logprob=row[1],
                    )
                    for i, row in enumerate(rows)
                ]
            )
        writer.flush()
        for info, column in ((ORACLE, 2), (DEPLOYABLE, 3)):
            rows = [
                {
                    "cell": CELL,
                    "problem_id": name,
                    "sample_index": i,
                    "outcome": (oracle_outcome or {}).get((name, i), row[2]) if info is ORACLE else "correct",
                    "score": None if info is ORACLE else row[column],
                    "answer": row[0] or None,
                    "answer_class": row[0] or None,
                    "seconds": None,
                    "detail": None,
                }
                for name, samples in SAMPLES.items()
                for i, row in enumerate(samples)
            ]
            store.verdict_set(info).write(CELL, pl.DataFrame(rows, infer_schema_length=None), "v1")
    return store


def values(curve: object) -> dict[int, float]:
    return {row["k"]: round(row["value"], 6) for row in curve.to_rows()}  # type: ignore[attr-defined]


def test_curves_are_the_exact_expectations_over_all_subsets(tmp_path: Path) -> None:
    (cell,) = analyze_run(build(tmp_path)).cells
    # a: 2 of 4 correct, b: 1 of 4. pass@2: 1 - C(2,2)/C(4,2) = 5/6 and 1 - C(3,2)/6 = 1/2.
    assert values(cell.coverage) == {
        1: 0.375,
        2: round((5 / 6 + 1 / 2) / 2, 6),
        3: round((1 + 3 / 4) / 2, 6),
        4: 1.0,
    }
    # k = 4: a is a tie of two answers (1/2), b's plurality is the wrong 9.
    assert values(cell.selectors["majority vote"])[4] == 0.25
    # k = 4: the likeliest samples are wrong in both problems; k = 3 misses it in one of four subsets.
    assert values(cell.selectors["best by logprob"])[4] == 0.0
    assert values(cell.selectors["best by logprob"])[3] == round((1 / 4 + 0) / 2, 6)
    # k = 4: in a the accepted ones are the right ones; in b one of three accepted is.
    assert values(cell.selectors["best by last-digit"])[4] == round((1 + 1 / 3) / 2, 6)


def test_an_oracle_error_is_left_out_and_said_never_counted_as_wrong(tmp_path: Path) -> None:
    store = build(tmp_path, oracle_outcome={("b", 0): "error", ("a", 1): "error"})
    (cell,) = analyze_run(store).cells
    assert values(cell.coverage) == {
        1: round((2 / 3 + 1 / 3) / 2, 6),
        2: round((1 + 2 / 3) / 2, 6),
        3: 1.0,
    }
    assert any("failed on 2 samples" in warning for warning in cell.warnings)


def test_the_problem_table_shows_answers_and_examples(tmp_path: Path) -> None:
    (cell,) = analyze_run(build(tmp_path)).cells
    rows = cell.problems.to_dicts()
    assert [(row["problem_id"], row["n"], row["c"]) for row in rows] == [("a", 4, 2), ("b", 4, 1)]
    assert rows[1]["answers"] == [
        {"answer": "9", "count": 2, "correct": False},
        {"answer": "8", "count": 1, "correct": True},
    ]
    assert [example["completion"] for example in rows[0]["examples"]] == ["2", "3", "2", "3"]


def test_truncated_samples_and_tokens_are_told(tmp_path: Path) -> None:
    (cell,) = analyze_run(build(tmp_path)).cells
    assert (cell.totals.n_samples, cell.totals.n_truncated) == (8, 1)
    assert (cell.totals.prompt_tokens, cell.totals.completion_tokens) == (6, 16)
    assert any("cut off at the token limit" in warning for warning in cell.warnings)


def test_unverified_samples_are_left_out_and_said(tmp_path: Path) -> None:
    store = build(tmp_path)
    writer = store.sample_writer(CELL, "s2")
    extra = Sample(
        problem_id="a",
        sample_index=4,
        completion="2",
        finish_reason="stop",
        prompt_tokens=3,
        completion_tokens=2,
    )
    writer.add([extra])
    writer.flush()
    (cell,) = analyze_run(store).cells
    assert any("1 of 9 samples are not verified yet" in warning for warning in cell.warnings)


def test_a_run_without_verdicts_of_an_oracle_says_so(tmp_path: Path) -> None:
    store = build(tmp_path)
    for path in (tmp_path / "verdicts").glob("exact-*/*"):
        if path.is_file():
            delete([path])
    with pytest.raises(StoreError, match="No verdicts of an oracle"):
        analyze_run(store)


def test_table_budgets_are_powers_of_ten_and_the_largest() -> None:
    assert table_budgets(None, 256) == (1, 10, 100, 256)
    assert table_budgets(None, 1000) == (1, 10, 100, 1000)
    assert table_budgets((2, 50), 32) == (2,)


def test_a_budget_beyond_the_samples_is_refused(tmp_path: Path) -> None:
    store = build(tmp_path)
    config = check_config(CONFIG | {"analysis": {"k": [1, 5]}})
    with pytest.raises(InvalidInputError, match="asks for k = 5, but the smallest problem has 4"):
        analyze_run(store, config)
    assert analyze_run(store, config, allow_empty=True).table_k == (1,)  # of a run that is still going
