"""Files of other tools as the cases after public bug reports have them: what is imported, and what is named instead."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from foreign_formats import write_json, write_jsonl

from ttscale.errors import InvalidInputError
from ttscale.exchange.counts import read_counts
from ttscale.pipeline.importing import ImportResult, import_samples

SHARED = Path(__file__).parents[3] / "shared" / "cases"
IMPORTS = SHARED / "imports"
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason=f"no {SHARED}")


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def outcomes(result: ImportResult) -> dict[str, dict[str, list[str]]]:
    """Return verifier -> problem -> outcomes of its samples."""
    found: dict[str, dict[str, list[str]]] = {}
    for one in result.store.verdict_sets():
        for cell in result.store.cells():
            for row in one.scan(cell).collect().sort("problem_id", "sample_index").iter_rows(named=True):
                found.setdefault(one.info.verifier, {}).setdefault(row["problem_id"], []).append(
                    row["outcome"]
                )
    return found


def unmapped(result: ImportResult) -> str:
    return " ".join(name for record in result.read for name in record.unmapped)


def remarks(result: ImportResult) -> str:
    return " ".join(remark for record in result.read for remark in record.remarks)


@needs_shared
@pytest.mark.parametrize(
    ("folder", "verdicts", "named"),
    [
        ("lm-ifeval-lists", {"prompt_level_strict_acc"}, "inst_level_strict_acc"),
        ("lm-perplexity", set(), "edit_distance"),
        ("lm-bypass999", set(), "bypass"),
        ("lm-wer", set(), "wer"),
        ("lm-ppl", set(), "word_perplexity"),
        ("lm-nan", {"acc"}, "acc (not a number)"),
        ("lm-bom", {"exact_match"}, ""),
        ("lm-null-resp", {"exact_match"}, ""),
        ("ins-sorted-keys", {"match"}, ""),
        ("ins-old-score", {"score"}, ""),
        ("ins-epoch-zero", {"m"}, ""),
        ("ev-bigcodebench", {"bigcodebench"}, ""),
    ],
)  # fmt: skip
def test_shared_imports(folder: str, verdicts: set[str], named: str, tmp_path: Path) -> None:
    result = import_samples([IMPORTS / folder], tmp_path / "run")
    assert outcomes(result).keys() == verdicts
    assert named in unmapped(result)


@needs_shared
def test_shared_details(tmp_path: Path) -> None:
    nan = outcomes(import_samples([IMPORTS / "lm-nan"], tmp_path / "nan"))
    assert nan == {"acc": {"1": ["correct"]}}
    null = import_samples([IMPORTS / "lm-null-resp"], tmp_path / "null")
    assert outcomes(null) == {"exact_match": {"0": ["incorrect"], "1": ["correct"]}}
    assert "log-likelihood" not in remarks(null)
    retried = import_samples([IMPORTS / "ins-epoch-zero"], tmp_path / "retry")
    assert "retry of another" in remarks(retried)


@needs_shared
@pytest.mark.parametrize(
    ("folder", "word"), [("lm-zst", "Zstandard"), ("archive-nested/outer.tar.gz", "archive in the archive")]
)
def test_shared_packings_are_named(folder: str, word: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=word):
        import_samples([IMPORTS / folder], tmp_path / "run")


# ---- cases of our own, kind by kind ----------------------------------------------------------------


def lm_line(problem: int, text: Any = "a", **metrics: Any) -> dict[str, Any]:
    texts = text if isinstance(text, list) else [text]
    filtered = texts if len(texts) > 1 else texts[0]
    return {"doc_id": problem, "doc": {"q": problem}, "target": "4", "arguments": {}, "resps": [texts]} | {
        "filtered_resps": [filtered], "filter": "none", "metrics": [*metrics], **metrics
    }  # fmt: skip


def lm_eval(folder: Path, *rows: dict[str, Any], time: str = "2025-01-02T03-04-05") -> Path:
    return write_jsonl(folder / f"samples_toy_{time}.678901.jsonl", list(rows))


@pytest.mark.parametrize(
    "metric", ["wer", "cer", "ter", "ppl", "word_perplexity", "byte_perplexity", "bits_per_byte", "bypass", "nll_loss",
               "edit_distance", "loglikelihood", "inst_level_loose_acc", "brier_score", "token_count", "num_turns", "mae"],
)  # fmt: skip
@pytest.mark.parametrize("values", [(0.0, 1.0), (1, 7), (0, 0)])
def test_errors_losses_and_counts_are_no_verdicts(
    metric: str, values: tuple[float, float], tmp_path: Path
) -> None:
    path = lm_eval(tmp_path, *(lm_line(i, acc=1.0, **{metric: value}) for i, value in enumerate(values)))
    result = import_samples([path], tmp_path / "run")
    assert outcomes(result).keys() == {"acc"}
    assert metric in unmapped(result)


@pytest.mark.parametrize(
    "values",
    [(1.0, 0.0, 3.0), (0.0, 1.0, -0.5), (12.7, 0.0, 1.0), ([1, 0], 1.0, 0.0), ([True], [False], [True]), (1.0, 0.0, 1e300)],
)  # fmt: skip
def test_a_metric_that_leaves_0_to_1_anywhere_is_none_anywhere(
    values: tuple[Any, ...], tmp_path: Path
) -> None:
    path = lm_eval(tmp_path, *(lm_line(i, own=value, acc=1) for i, value in enumerate(values)))
    result = import_samples([path], tmp_path / "run")
    assert outcomes(result) == {"acc": {str(i): ["correct"] for i in range(len(values))}}
    assert "own (" in unmapped(result)


def test_a_named_threshold_makes_verdicts_of_any_score(tmp_path: Path) -> None:
    path = lm_eval(tmp_path, *(lm_line(i, own=value) for i, value in enumerate((3.0, 7.5, 10.0))))
    result = import_samples([path], tmp_path / "run", options={"threshold": 7.0})
    assert outcomes(result) == {"own": {"0": ["incorrect"], "1": ["correct"], "2": ["correct"]}}


def test_what_the_results_call_lower_is_better_is_no_verdict(tmp_path: Path) -> None:
    path = lm_eval(tmp_path, lm_line(0, penalty=1.0, acc=0.0))
    (tmp_path / "results_2025-01-02T03-04-05.678901.json").write_text(
        json.dumps({"model_name": "m", "higher_is_better": {"toy": {"penalty": False, "acc": True}}})
    )
    assert outcomes(import_samples([path], tmp_path / "run")).keys() == {"acc"}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), None])
def test_what_is_no_number_was_not_judged(value: Any, tmp_path: Path) -> None:
    path = lm_eval(tmp_path, lm_line(0, acc=value), lm_line(1, acc=0.0))
    assert outcomes(import_samples([path], tmp_path / "run")) == {"acc": {"1": ["incorrect"]}}


def test_graded_shares_stay_scores(tmp_path: Path) -> None:
    path = lm_eval(tmp_path, *(lm_line(i, f1=value) for i, value in enumerate((0.0, 0.4, 1.0))))
    assert outcomes(import_samples([path], tmp_path / "run")) == {
        "f1": {"0": ["incorrect"], "1": ["incorrect"], "2": ["correct"]}
    }


def test_inspect_scores_beyond_1_are_named(tmp_path: Path) -> None:
    samples = [inspect_sample(name, 1, {"judge": {"value": value}, "match": {"value": "C"}})
               for name, value in (("a", 1), ("b", 7), ("c", 10))]  # fmt: skip
    result = import_samples([write_json(tmp_path / "log.json", inspect_log(samples))], tmp_path / "run")
    assert outcomes(result).keys() == {"match"}
    assert "judge (7 is no share of right" in unmapped(result)


def inspect_sample(name: str, epoch: int, scores: Any, **more: Any) -> dict[str, Any]:
    output = {"choices": [{"message": {"role": "assistant", "content": "4"}, "stop_reason": "stop"}]}
    return {
        "id": name,
        "epoch": epoch,
        "input": "q",
        "target": "4",
        "output": output,
        "scores": scores,
    } | more


def inspect_log(samples: list[dict[str, Any]]) -> dict[str, Any]:
    head = {"version": 2, "status": "success", "eval": {"task": "toy", "model": "org/m"}, "plan": {}}
    return head | {"results": {}, "stats": {}, "samples": samples}


@pytest.mark.parametrize(
    "order",
    [["eval", "plan", "results", "samples", "stats", "status", "version"],
     ["version", "status", "samples", "eval", "plan"], ["plan", "eval", "samples", "status"]],
)  # fmt: skip
def test_an_inspect_log_in_any_order_of_keys(order: list[str], tmp_path: Path) -> None:
    log = inspect_log([inspect_sample("a", 1, {"match": {"value": "C"}})]) | {"status": "error"}
    path = write_json(tmp_path / "log.json", {key: log[key] for key in order})
    result = import_samples([path], tmp_path / "run")
    assert outcomes(result) == {"match": {"a": ["correct"]}}
    assert result.store.cells() == ["m-toy"]
    assert ("status 'error'" in remarks(result)) is ("status" in order)


@pytest.mark.parametrize("uuid", [True, False])
def test_a_retry_is_not_doubled_silently(uuid: bool, tmp_path: Path) -> None:
    one, two = (
        inspect_sample(name, 1, {"m": {"value": "C"}}, **({"uuid": f"u-{name}"} if uuid else {}))
        for name in "ab"
    )
    write_json(tmp_path / "logs" / "1.json", inspect_log([one]))
    write_json(tmp_path / "logs" / "2.json", inspect_log([one, two]))
    result = import_samples([tmp_path / "logs"], tmp_path / "run")
    assert "they count twice" in remarks(result)
    (tmp_path / "logs" / "1.json").unlink()
    result = import_samples([tmp_path / "logs"], tmp_path / "another")
    assert outcomes(result) == {"m": {"a": ["correct"], "b": ["correct"]}}
    assert "twice" not in remarks(result)


@pytest.mark.parametrize("sizes", [(1, 3), (3, 1), (1, 2, 3), (2, 1, 4)])
def test_later_files_may_hold_further_problems(sizes: tuple[int, ...], tmp_path: Path) -> None:
    for seed, size in enumerate(sizes):
        rows = [{"id": f"p{i}", "generation": f"{seed}", "is_correct": True} for i in range(size)]
        write_jsonl(tmp_path / "toy" / f"output-rs{seed}.jsonl", rows)
        lm_eval(
            tmp_path / "lm",
            *(lm_line(i, f"{seed}", acc=1.0) for i in range(size)),
            time=f"2025-01-0{seed + 1}T03-04-05",
        )
    expected = {i: sum(size > i for size in sizes) for i in range(max(sizes))}
    nemo = outcomes(import_samples([tmp_path / "toy"], tmp_path / "run"))["is_correct"]
    assert {name: len(each) for name, each in nemo.items()} == {f"p{i}": n for i, n in expected.items()}
    lm = outcomes(import_samples([tmp_path / "lm"], tmp_path / "lm-run"))["acc"]
    assert {name: len(each) for name, each in lm.items()} == {f"{i}": n for i, n in expected.items()}


@pytest.mark.parametrize(
    ("judgement", "outcome"),
    [
        ("Reasoning.\nJudgement: **No**", "incorrect"), ("Reasoning.\n**Judgement:** Yes", "correct"),
        ("**Judgement**: yes", "correct"), ("**Judgement: Yes**", "correct"), ("Judgment: No", "incorrect"),
        ("Judgement : No", "incorrect"), ("Judgement:\n\nYes", "correct"), ("Judgement: `Yes`", "correct"),
        ("judgement is: no.", "incorrect"), ("Judgement: [Yes]", "correct"), ("Judgement: _No_, since", "incorrect"),
        ("# Judgement: Yes", "correct"), ("Judgement: No\n\n**Judgement:** Yes", "correct"), ("Yes", "correct"), ("No.", "incorrect"),
        ("**Yes**", "correct"), ("Yes, it is.", "correct"), ("no idea", "error"), ("Judgement: no idea", "error"), ("nothing", "error"),
        ("yesterday", "error"), ("Judgement: Nobody knows", "error"), ("I would say no", "error"), ("", "error"),
        ("The judgement is hard. Yes", "error"),
    ],
)  # fmt: skip
def test_judgements_in_any_markup(judgement: str, outcome: str, tmp_path: Path) -> None:
    rows = [{"id": "p", "generation": "x", "judgement": judgement}]
    result = import_samples([write_jsonl(tmp_path / "toy" / "output-rs0.jsonl", rows)], tmp_path / "run")
    assert outcomes(result)["judge_correct"] == {"p": [outcome]}


def test_null_texts_are_empty_answers(tmp_path: Path) -> None:
    files = {
        "lm-eval": lm_eval(tmp_path, lm_line(0, None, acc=0.0)),
        "human-eval": write_jsonl(tmp_path / "samples.jsonl", [{"task_id": "T/0", "completion": None}]),
        "nemo-skills": write_jsonl(tmp_path / "output-rs0.jsonl", [{"id": "a", "generation": None}]),
        "bigcode": write_json(tmp_path / "generations_toy.json", [[None]]),
        "monkeys": write_json(
            tmp_path / "toy_m.json", [{"question": "?", "samples": [None], "is_corrects": [False]}]
        ),
    }
    for name, path in files.items():
        result = import_samples([path], tmp_path / name, format_name=name)
        (cell,) = result.store.cells()
        assert result.store.samples(cell).collect()["completion"].to_list() == [""]
        assert "null" in remarks(result)


@pytest.mark.parametrize(
    "kind", ["human-eval", "nemo-skills", "table.jsonl", "table.csv", "monkeys", "verifiers", "lm-eval"]
)
def test_a_byte_order_mark_is_read_over(kind: str, tmp_path: Path) -> None:
    path = {
        "human-eval": lambda: write_jsonl(tmp_path / "s.jsonl", [{"task_id": "T/0", "completion": "x"}]),
        "nemo-skills": lambda: write_jsonl(tmp_path / "output.jsonl", [{"id": "a", "generation": "x"}]),
        "table.jsonl": lambda: write_jsonl(tmp_path / "t.jsonl", [{"problem_id": "a", "completion": "x"}]),
        "monkeys": lambda: write_json(tmp_path / "toy_m.json", [{"question": "?", "samples": ["x"], "is_corrects": [True]}]),
        "verifiers": lambda: write_jsonl(tmp_path / "results.jsonl", [{"example_id": 0, "completion": "x", "reward": 1.0}]),
        "lm-eval": lambda: lm_eval(tmp_path, lm_line(0, acc=1.0)),
        "table.csv": lambda: _written(tmp_path / "t.csv", "problem_id,completion\na,x\n"),
    }[kind]()  # fmt: skip
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    result = import_samples([path], tmp_path / "run", format_name=kind.partition(".")[0])
    assert result.read[0].n_samples == 1


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("column", "value"), [("key", "42"), ("KEY", "42"), ("gold", "42"), ("expected_answer", "42")]
)  # fmt: skip
def test_a_column_named_as_its_field_is_that_field(column: str, value: str, tmp_path: Path) -> None:
    path = _written(tmp_path / "t.csv", f"problem_id,completion,{column}\na,x,{value}\n")
    result = import_samples([path], tmp_path / "run", format_name="table")
    (cell,) = result.store.cells()
    assert [problem.answer for problem in result.store.problems(cell)] == [value]


WORDS = {
    "yes": 1,
    "no": 0,
    "Y": 1,
    "n": 0,
    "true": 1,
    "FALSE": 0,
    "pass": 1,
    "wrong": 0,
    "right": 1,
    "resolved": 1,
    "1.0": 1,
    " yes ": 1,
}


@pytest.mark.parametrize(("word", "is_right"), WORDS.items())
def test_import_and_curve_read_words_alike(word: str, is_right: int, tmp_path: Path) -> None:
    path = _written(tmp_path / "t.csv", f"problem_id,correct\na,{word}\nb,{word}\n")
    result = import_samples([path], tmp_path / "run", format_name="table")
    wanted = "correct" if is_right else "incorrect"
    assert outcomes(result) == {"correct": {"a": [wanted], "b": [wanted]}}
    (group,) = read_counts(path)  # what `ttscale curve` reads
    assert (group.n.tolist(), group.c.tolist()) == ([1, 1], [is_right, is_right])


def test_not_a_number_in_a_table_was_not_judged(tmp_path: Path) -> None:
    path = _written(tmp_path / "t.csv", "problem_id,completion,correct\na,x,nan\nb,y,1\n")
    assert outcomes(import_samples([path], tmp_path / "run", format_name="table")) == {
        "correct": {"b": ["correct"]}
    }


@pytest.mark.parametrize(
    ("suffix", "word"), [(".zst", "Zstandard"), (".xz", "xz"), (".bz2", "bzip2"), (".7z", "7z")]
)
def test_packings_that_are_not_read_are_named(suffix: str, word: str, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    path = _written(folder / f"samples_toy_2025-01-02T03-04-05.678901.jsonl{suffix}", "x")
    for given, name in ((folder, None), (path, None), (folder, "lm-eval")):
        with pytest.raises(InvalidInputError, match=word):
            import_samples([given], tmp_path / "run", format_name=name)
