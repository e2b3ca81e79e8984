"""What is said of samples that the token limit cut off."""

from pathlib import Path

import polars as pl
import pytest

from ttscale.analysis.run.analyze import analyze_run
from ttscale.config.loading import check_config, dump_config
from ttscale.store.run import RunStore
from ttscale.store.verdicts import VerdictSetInfo
from ttscale.types import Problem, Sample

CELL = "m-arithmetic"
CONFIG = {
    "name": "r",
    "out": "unused",
    "model": "m",
    "task": "arithmetic",
    "sampling": {"n": 2},
    "verifiers": ["numeric"],
}


def caveats(path: Path, drawn: dict[str, list[tuple[str, bool]]], policy: str | None = "stated") -> str:
    """Return the caveats of a run with samples of (finish reason, is it correct)."""
    store = RunStore(path)
    options = {} if policy is None else {"truncated": policy}
    with store.writing():
        store.begin(name="r", version="0", config_yaml=dump_config(check_config(CONFIG)), cells={CELL: {}})
        store.keep_problems(CELL, [Problem(problem_id=name, prompt="?", answer="1") for name in drawn])
        samples = [
            Sample(
                problem_id=name,
                sample_index=i,
                completion="x",
                finish_reason=reason,
                prompt_tokens=1,
                completion_tokens=1,
            )
            for name, rows in drawn.items()
            for i, (reason, _) in enumerate(rows)
        ]
        writer = store.sample_writer(CELL, "s1")
        writer.add(samples)
        writer.flush()
        info = VerdictSetInfo(verifier="numeric", version="2", options=options, sees_answer=True)
        store.verdict_set(info).write(CELL, verdicts(drawn), "v1")
    (cell,) = analyze_run(store).cells
    return " ".join(cell.warnings)


def verdicts(drawn: dict[str, list[tuple[str, bool]]]) -> pl.DataFrame:
    rows = [
        {
            "cell": CELL,
            "problem_id": name,
            "sample_index": i,
            "outcome": "correct" if is_correct else "incorrect",
            **dict.fromkeys(("score", "answer", "answer_class", "seconds", "detail")),
        }
        for name, samples in drawn.items()
        for i, (_, is_correct) in enumerate(samples)
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


@pytest.mark.parametrize("reason", ["length", "max_tokens", "MAX_TOKENS", "model_length"])
def test_the_correct_samples_that_were_cut_off_are_counted(tmp_path: Path, reason: str) -> None:
    drawn = {
        "a": [(reason, True), ("stop", True)],
        "b": [(reason, True), (reason, False)],
        "c": [("stop", False)] * 2,
    }
    said = caveats(tmp_path / "run", drawn)
    assert "3 samples (50.0%) were cut off at the token limit" in said
    assert "only an answer stated before the cut counts" in said
    assert "2 of the 3 correct samples are among them" in said
    assert "1 of the 2 problems solved are solved by cut-off samples alone" in said


def test_nothing_is_said_where_nothing_was_cut_off(tmp_path: Path) -> None:
    assert "cut off" not in caveats(tmp_path / "run", {"a": [("stop", True)] * 2})


def test_nothing_is_warned_of_where_whole_samples_solve_all(tmp_path: Path) -> None:
    said = caveats(tmp_path / "run", {"a": [("stop", True), ("length", False)]}, policy="as-is")
    assert "such samples are read like whole ones" in said
    assert "0 of the 1 correct samples" in said
    assert "alone" not in said


def test_verdicts_of_before_the_option_say_no_policy(tmp_path: Path) -> None:
    said = caveats(tmp_path / "run", {"a": [("length", True), ("stop", True)]}, policy=None)
    assert "1 sample (50.0%) was cut off at the token limit. 1 of the 2 correct" in said
