"""What single formats say in odd ways: every one of these was met in real logs or in a tool's source."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from foreign_formats import INSPECT_HEADER, inspect_sample, write_json, write_jsonl

from ttscale.errors import InvalidInputError
from ttscale.pipeline.importing import ImportResult, import_samples
from ttscale.types import Message


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def verdicts(
    result: ImportResult, verifier: str
) -> dict[tuple[str, int], tuple[str, float | None, str | None]]:
    (own,) = [one for one in result.store.verdict_sets() if one.info.verifier == verifier]
    rows = [row for cell in result.store.cells() for row in own.scan(cell).collect().to_dicts()]
    return {(r["problem_id"], r["sample_index"]): (r["outcome"], r["score"], r["answer"]) for r in rows}


def texts(result: ImportResult) -> list[str]:
    (cell,) = result.store.cells()
    rows = result.store.samples(cell).collect().sort("problem_id", "sample_index")
    found: list[str] = rows["completion"].to_list()
    return found


def inspect(folder: Path, *changes: dict[str, Any], **header: Any) -> ImportResult:
    samples = [inspect_sample(0, r) | change for r, change in enumerate(changes)]
    path = write_json(folder / "log.json", INSPECT_HEADER | header | {"samples": samples})
    return import_samples([path], folder / "run")


def score(value: Any, **other: Any) -> dict[str, Any]:
    return {"scores": {"own": {"value": value} | other}}


def test_inspect_scores_in_every_spelling(tmp_path: Path) -> None:
    values = ["C", "I", "P", "N", True, 0, 0.25, "yes", "0.75", float("nan"), "odd", None]
    result = inspect(tmp_path, *(score(value) for value in values))
    found = [verdicts(result, "own").get(("0", position)) for position in range(len(values))]
    assert [one and one[:2] for one in found] == [
        ("correct", None), ("incorrect", None), ("incorrect", 0.5), ("no_answer", None), ("correct", None),
        ("incorrect", None), ("incorrect", 0.25), ("correct", None), ("incorrect", 0.75),
        ("error", None), ("error", None), None,
    ]  # fmt: skip


def test_inspect_scorers_with_several_values_are_several_verifiers(tmp_path: Path) -> None:
    result = inspect(tmp_path, score({"form": 1, "content": 0}), score([1, 2]))
    assert verdicts(result, "own-form") == {("0", 0): ("correct", None, None)}
    assert verdicts(result, "own-content") == {("0", 0): ("incorrect", None, None)}
    assert result.read[0].unmapped["own (a list of scores)"] == 1


def test_inspect_attachments_parts_and_limits(tmp_path: Path) -> None:
    parts = [
        {"type": "reasoning", "reasoning": "hm"},
        {"type": "text", "text": "attachment://abc"},
        {"type": "text", "text": "end"},
    ]
    logprobs = {"content": [{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": -0.25}]}
    usage = {"input_tokens": 3, "input_tokens_cache_read": 4, "output_tokens": 2}
    changed = {
        "input": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "attachment://abc"},
        ],
        "target": ["7", "seven"],
        "output": {
            "choices": [{"message": {"content": parts}, "stop_reason": "stop", "logprobs": logprobs}],
            "usage": usage,
        },
        "attachments": {"abc": "a long text"},
        "limit": {"type": "token", "limit": 5},
        "choices": ["6", "7"],
    }
    result = inspect(tmp_path, changed)
    assert texts(result) == ["a long text\nend"]
    (cell,) = result.store.cells()
    row = result.store.samples(cell).collect().row(0, named=True)
    assert (row["finish_reason"], row["prompt_tokens"], row["completion_tokens"]) == ("length", 7, 2)
    assert row["cumulative_logprob"] == pytest.approx(-0.75)
    assert row["token_logprobs"] == pytest.approx([-0.5, -0.25])
    (problem,) = result.store.problems(cell)
    assert problem.messages == (Message("system", "Be brief."), Message("user", "a long text"))
    assert problem.answer == '["7", "seven"]'
    assert problem.metadata["choices"] == ["6", "7"]


def test_inspect_errors_and_invalid_samples_are_left_out_and_said(tmp_path: Path) -> None:
    error = {"error": {"message": "x"}, "output": {"choices": []}, "scores": None}
    result = inspect(tmp_path, error, {"invalidation": {"author": "me"}}, {}, status="error")
    assert len(texts(result)) == 1
    assert [remark.split(" ")[0] for remark in result.read[0].remarks] == ["A", "Samples", "Samples"]


def test_lm_eval_choices_by_likelihood_are_left_out(tmp_path: Path) -> None:
    base = {
        "doc_id": 0,
        "doc": {},
        "target": "1",
        "filtered_resps": [],
        "filter": "none",
        "metrics": ["acc"],
        "acc": 1.0,
    }
    rows = [
        base | {"resps": [[["-1.5", "True"]], [["-2.0", "False"]]]},
        base | {"doc_id": 1, "resps": [["text"]]},
    ]
    result = import_samples(
        [write_jsonl(tmp_path / "samples.jsonl", rows)], tmp_path / "run", format_name="lm-eval"
    )
    assert texts(result) == ["text"]
    assert "multiple choice" in result.read[0].remarks[0]


def test_lm_eval_verdicts_of_an_unknown_sample_are_an_error(tmp_path: Path) -> None:
    base = {"doc": {}, "target": "1", "filtered_resps": ["x"], "metrics": ["m"], "m": 1.0, "resps": [["x"]]}
    rows = [base | {"doc_id": 0, "filter": "one"}, base | {"doc_id": 5, "filter": "two"}]
    path = write_jsonl(tmp_path / "samples.jsonl", rows)
    with pytest.raises(
        InvalidInputError, match="has a verdict on sample 0 of problem '5', which it does not hold"
    ):
        import_samples([path], tmp_path / "run", format_name="lm-eval")


def test_a_whole_long_text_is_no_answer(tmp_path: Path) -> None:
    long, short = "word " * 60, "42"
    rows = [
        {
            "doc_id": i,
            "doc": {},
            "target": "1",
            "resps": [[text]],
            "filtered_resps": [text],
            "metrics": ["m"],
            "m": 1.0,
        }
        for i, text in enumerate((long, short))
    ]
    result = import_samples(
        [write_jsonl(tmp_path / "samples.jsonl", rows)], tmp_path / "run", format_name="lm-eval"
    )
    assert verdicts(result, "m") == {("0", 0): ("correct", None, None), ("1", 0): ("correct", None, "42")}


def test_a_judge_that_says_neither_yes_nor_no_has_not_judged(tmp_path: Path) -> None:
    rows = [{"problem": f"p{i}", "generation": "x", "judgement": text} for i, text in enumerate(
        ["Judgement: Yes", "Judgement: No\nJudgement: yes.", "I cannot tell", "Judgement: perhaps"]
    )]  # fmt: skip
    result = import_samples([write_jsonl(tmp_path / "toy" / "output-rs3.jsonl", rows)], tmp_path / "run")
    outcomes = [outcome for outcome, _, _ in verdicts(result, "judge_correct").values()]
    assert outcomes == ["correct", "correct", "error", "error"]


def test_rewards_between_count_from_the_threshold_on(tmp_path: Path) -> None:
    rows = [
        {"example_id": 0, "prompt": "?", "completion": "x", "reward": reward}
        for reward in (0.0, 0.5, 1.0, 1.5)
    ]
    path = write_jsonl(tmp_path / "results.jsonl", rows)
    for threshold, expected in ((1.0, 2), (0.5, 3)):
        result = import_samples(
            [path], tmp_path / f"run{threshold}", format_name="verifiers", options={"threshold": threshold}
        )
        found = [outcome for outcome, _, _ in verdicts(result, "reward").values()]
        assert found.count("correct") == expected
        assert "--threshold" in result.read[0].remarks[0]


def test_rollouts_of_several_turns_keep_the_roles(tmp_path: Path) -> None:
    turns = [
        {"role": "assistant", "content": "a"},
        {"role": "tool", "content": [{"type": "text", "text": "b"}]},
    ]
    rows = [{"example_id": 0, "prompt": [], "completion": turns, "reward": 1.0, "is_truncated": True}]
    result = import_samples([write_jsonl(tmp_path / "results.jsonl", rows)], tmp_path / "run")
    assert texts(result) == ["assistant: a\n\ntool: b"]


def test_swe_bench_errors_are_neither_right_nor_wrong(tmp_path: Path) -> None:
    report = {
        "submitted_ids": ["a", "b", "c"],
        "resolved_ids": ["a"],
        "unresolved_ids": [],
        "empty_patch_ids": ["b"],
        "error_ids": ["c"],
    }
    result = import_samples([write_json(tmp_path / "org__m.v1.run7.json", report)], tmp_path / "run")
    found = {problem: outcome for (problem, _), (outcome, _, _) in verdicts(result, "swe-bench").items()}
    assert found == {"a": "correct", "b": "no_answer", "c": "error"}
    assert result.store.manifest()["cells"][result.store.cells()[0]]["model.path"] == "org/m.v1"
    twice = write_json(tmp_path / "org__m.run8.json", report | {"unresolved_ids": ["a"]})
    with pytest.raises(InvalidInputError, match="lists 'a' with two outcomes"):
        import_samples([twice], tmp_path / "run")


def test_bigcode_problems_are_matched_by_position(tmp_path: Path) -> None:
    from ttscale.config.models import PluginSettings
    from ttscale.pipeline.building import read_problems

    task = PluginSettings.model_validate({"name": "arithmetic", "problems": 3})
    path = write_json(tmp_path / "generations_toy.json", [["x"], None, ["y"]])
    result = import_samples([path], tmp_path / "run", problems=task)
    known = read_problems(task)
    assert result.store.problems(result.store.cells()[0]) == [known[0], known[2]]


def test_hostile_yaml_is_data(tmp_path: Path) -> None:
    lines = ["prompt: p", "samples: [x]", "test_cases:", "  a: &a [y, y]"]
    lines += [f"  {chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 9)}]" for i in range(9)]
    (tmp_path / "0.yaml").write_text("\n".join(lines), encoding="utf-8")  # nine billion when written out
    with pytest.raises(InvalidInputError, match="aliases unfold it to more than"):
        import_samples([tmp_path / "0.yaml"], tmp_path / "run", format_name="monkeys")
    (tmp_path / "1.yaml").write_text(
        "samples: !!python/object/apply:os.system [exit]\nprompt: p\n", encoding="utf-8"
    )
    with pytest.raises(InvalidInputError, match="is not valid YAML: could not determine a constructor"):
        import_samples([tmp_path / "1.yaml"], tmp_path / "run", format_name="monkeys")


def test_a_table_may_hold_its_samples_in_lists(tmp_path: Path) -> None:
    row = {"id": 1, "completion": ["a", "b"], "correct": [True, False], "prompt": "?"}
    (tmp_path / "t.json").write_text(json.dumps([row]), encoding="utf-8")
    result = import_samples([tmp_path / "t.json"], tmp_path / "run", format_name="table")
    assert texts(result) == ["a", "b"]
    assert [outcome for outcome, _, _ in verdicts(result, "correct").values()] == ["correct", "incorrect"]
