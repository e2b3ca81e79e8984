"""The same samples as every foreign format writes them: three problems, four repeats, known verdicts."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

PROBLEMS = 3
REPEATS = 4


def is_right(problem: int, repeat: int) -> bool:
    """5 of 12: problem 0 never, problem 1 once, problem 2 always."""
    return problem == 2 or (problem == 1 and repeat == 2)


N_CORRECT = sum(is_right(p, r) for p in range(PROBLEMS) for r in range(REPEATS))


def text(problem: int, repeat: int) -> str:
    return f"Try {repeat} at problem {problem}: ünïcödé \U0001f600, the answer is {7 if is_right(problem, repeat) else repeat}"


def answer(problem: int, repeat: int) -> str:
    return text(problem, repeat).rpartition(" ")[2]


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_json(path: Path, document: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1), encoding="utf-8")
    return path


def pairs() -> list[tuple[int, int]]:
    return [(p, r) for p in range(PROBLEMS) for r in range(REPEATS)]


def lm_eval(folder: Path, repeats: int = REPEATS) -> Path:
    rows = [
        {
            "doc_id": p,
            "doc": {"question": f"Problem {p}?"},
            "target": "7",
            "arguments": {
                "gen_args_0": {"arg_0": f"Problem {p}?", "arg_1": {"temperature": 0.8, "until": []}}
            },
            "resps": [[text(p, r) for r in range(repeats)]],
            "filtered_resps": [[answer(p, r) for r in range(repeats)]],
            "filter": "none",
            "metrics": ["right"],
            "right": [float(is_right(p, r)) for r in range(repeats)],
            "odd_field": "kept nowhere",
        }
        for p in range(PROBLEMS)
    ]
    return write_jsonl(folder / "samples_toy_2026-01-02T03-04-05.678901.jsonl", rows)


def inspect_sample(p: int, r: int) -> dict[str, Any]:
    return {
        "id": p,
        "epoch": r + 1,
        "input": f"Problem {p}?",
        "target": "7",
        "messages": [],
        "output": {
            "model": "toy",
            "choices": [{"message": {"role": "assistant", "content": text(p, r)}, "stop_reason": "stop"}],
            "usage": {"input_tokens": 5, "output_tokens": 11, "total_tokens": 16},
        },
        "scores": {"match": {"value": "C" if is_right(p, r) else "I", "answer": answer(p, r)}},
        "metadata": {"level": p},
        "events": [{"event": "model", "value": float("nan")}],
    }


INSPECT_HEADER = {
    "version": 2,
    "status": "success",
    "eval": {"task": "toy", "model": "org/toy", "model_generate_config": {"temperature": 0.8}},
    "plan": {"config": {}},
}


def inspect_eval(folder: Path) -> Path:
    path = folder / "2026-01-02_toy.eval"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for r in range(REPEATS):  # epochs come in the order in which they finish
            for p in reversed(range(PROBLEMS)):
                archive.writestr(f"samples/{p}_epoch_{r + 1}.json", json.dumps(inspect_sample(p, r)))
        archive.writestr("header.json", json.dumps(INSPECT_HEADER))
    return path


def inspect_json(folder: Path) -> Path:
    samples = [inspect_sample(p, r) for p, r in pairs()]
    return write_json(folder / "2026-01-02_toy.json", INSPECT_HEADER | {"samples": samples})


def human_eval(folder: Path) -> Path:
    rows = [
        {
            "task_id": f"HumanEval/{p}",
            "completion": text(p, r),
            "result": "passed" if is_right(p, r) else "timed out",
        }
        | {"passed": is_right(p, r)}
        for p, r in pairs()
    ]
    return write_jsonl(folder / "samples.jsonl_results.jsonl", rows)


def evalplus(folder: Path) -> Path:
    def graded(p: int, r: int) -> dict[str, Any]:
        status = "pass" if is_right(p, r) else "fail"
        return {"solution": text(p, r), "base_status": "pass", "plus_status": status, "plus_fail_tests": []}

    tasks = {f"HumanEval/{p}": [graded(p, r) for r in range(REPEATS)] for p in range(PROBLEMS)}
    return write_json(
        folder / "org--toy_vllm_temp_0.8_eval_results.json", {"date": "x", "hash": "y", "eval": tasks}
    )


def bigcode(folder: Path) -> Path:
    rows = [[text(p, r) for r in range(REPEATS)] for p in range(PROBLEMS)]
    return write_json(folder / "generations_toy.json", rows)


def livecodebench(folder: Path) -> Path:
    rows = [
        {
            "question_id": f"q{p}",
            "question_title": "Toy",
            "question_content": f"Problem {p}?",
            "platform": "codeforces",
            "contest_date": "2026-01-01T00:00:00",
            "difficulty": "easy",
            "output_list": [text(p, r) for r in range(REPEATS)],
            "code_list": ["pass"] * REPEATS,
            "graded_list": [is_right(p, r) for r in range(REPEATS)],
            "pass@1": 0.25,
            "metadata": ["{}"] * REPEATS,
        }
        for p in range(PROBLEMS)
    ]
    return write_json(folder / "toy-model" / "Scenario.codegeneration_4_0.8_eval_all.json", rows)


def nemo_skills(folder: Path) -> Path:
    for r in range(REPEATS):
        rows = [
            {
                "problem": f"Problem {p}?",
                "expected_answer": "7",
                "generation": text(p, r),
                "predicted_answer": answer(p, r),
                "symbolic_correct": is_right(p, r),
                "judgement": f"Reasoning: x\nJudgement: {'Yes' if is_right(p, r) else 'No'}",
                "reward_model_score": 0.5 * p - 0.1 * r,
                "num_generated_tokens": 11,
                "generation_time": 0.5,
            }
            for p in range(PROBLEMS)
        ]
        write_jsonl(folder / "toy" / f"output-rs{r}.jsonl", rows)
    return folder / "toy"


def monkeys_yaml(folder: Path) -> Path:
    import yaml

    home = folder / "toy"
    home.mkdir(parents=True, exist_ok=True)
    for p in range(PROBLEMS):
        row = {
            "prompt": f"Few shots. Problem {p}?",
            "question": f"Problem {p}?",
            "gt_answer": "7",
            "samples": [text(p, r) for r in range(REPEATS)],
            "is_correct": [is_right(p, r) for r in range(REPEATS)],
        }
        (home / f"{p}.yaml").write_text(yaml.dump(row), encoding="utf-8")
    return home


def monkeys_published(folder: Path) -> Path:
    rows = [
        {
            "question": f"Problem {p}?",
            "gt_answer": "7",
            "samples": [text(p, r) for r in range(REPEATS)],
            "is_corrects": [is_right(p, r) for r in range(REPEATS)],
            "orig_dset_split": "test",
            "orig_dset_idx": 100 + p,
        }
        for p in range(PROBLEMS)
    ]
    return write_json(folder / "GSM8K_Toy-1B.json", rows)


def verifiers(folder: Path) -> Path:
    home = folder / "toy--org--model" / "ab12cd34"
    rows = [
        {
            "example_id": p,
            "prompt": [{"role": "user", "content": f"Problem {p}?"}],
            "completion": [{"role": "assistant", "content": text(p, r)}],
            "answer": "7",
            "reward": float(is_right(p, r)),
            "metrics": {"format": 1.0, "length": 33.0},
            "format": 1.0,
            "length": 33.0,
            "token_usage": {"input_tokens": 5.0, "output_tokens": 11.0},
            "is_completed": True,
            "is_truncated": False,
            "stop_condition": "stop",
        }
        for p, r in pairs()
    ]
    write_json(
        home / "metadata.json", {"env_id": "toy", "model": "org/model", "sampling_args": {"temperature": 0.8}}
    )
    return write_jsonl(home / "results.jsonl", rows)


def swe_bench(folder: Path) -> Path:
    for r in range(REPEATS):
        ids = [f"repo__repo-{p}" for p in range(PROBLEMS)]
        resolved = [ids[p] for p in range(PROBLEMS) if is_right(p, r)]
        report = {
            "total_instances": PROBLEMS,
            "submitted_ids": ids,
            "completed_ids": ids,
            "incomplete_ids": [],
            "empty_patch_ids": [],
            "resolved_ids": resolved,
            "unresolved_ids": sorted(set(ids) - set(resolved)),
            "error_ids": [],
            "schema_version": 2,
        }
        write_json(folder / "reports" / f"org__toy.run{r}.json", report)
    return folder / "reports"


def swe_bench_logs(folder: Path) -> Path:
    for p, r in pairs():
        instance = f"repo__repo-{p}"
        home = folder / "logs" / f"run{r}" / "org__toy" / instance
        report = {instance: {"patch_is_None": False, "patch_exists": True, "resolved": is_right(p, r)}}
        write_json(home / "report.json", report)
        (home / "patch.diff").write_text(text(p, r), encoding="utf-8")
    return folder / "logs"


def table_rows() -> list[dict[str, Any]]:
    return [
        {
            "problem": f"p{p}",
            "try": r,
            "text": text(p, r),
            "pred": answer(p, r),
            "ok": is_right(p, r),
            "rm": 0.5 * p - r,
        }
        for p, r in pairs()
    ]


def table_csv(folder: Path) -> Path:
    path = folder / "samples.csv"
    pl.DataFrame(table_rows()).write_csv(path)
    return path


def table_parquet(folder: Path) -> Path:
    path = folder / "samples.parquet"
    pl.DataFrame(table_rows()).write_parquet(path)
    return path


def table_jsonl(folder: Path) -> Path:
    return write_jsonl(folder / "samples_table.jsonl", table_rows())


TABLE_MAP = {"map": "problem_id=problem,sample_index=try,completion=text,answer=pred,correct=ok,score:rm=rm"}

WRITERS: dict[str, tuple[str, Callable[[Path], Path], str | None, dict[str, Any]]] = {
    "lm-eval": ("lm-eval", lm_eval, "right", {}),
    "inspect .eval": ("inspect", inspect_eval, "match", {}),
    "inspect .json": ("inspect", inspect_json, "match", {}),
    "human-eval": ("human-eval", human_eval, "human-eval", {}),
    "evalplus": ("human-eval", evalplus, "evalplus-plus", {}),
    "bigcode": ("bigcode", bigcode, None, {}),
    "livecodebench": ("livecodebench", livecodebench, "livecodebench", {}),
    "nemo-skills": ("nemo-skills", nemo_skills, "symbolic_correct", {}),
    "monkeys YAML": ("monkeys", monkeys_yaml, "is_correct", {}),
    "monkeys published": ("monkeys", monkeys_published, "is_correct", {}),
    "verifiers": ("verifiers", verifiers, "reward", {}),
    "swe-bench reports": ("swe-bench", swe_bench, "swe-bench", {}),
    "swe-bench logs": ("swe-bench", swe_bench_logs, "swe-bench", {}),
    "table CSV": ("table", table_csv, "correct", TABLE_MAP),
    "table Parquet": ("table", table_parquet, "correct", TABLE_MAP),
    "table JSON Lines": ("table", table_jsonl, "correct", TABLE_MAP),
}
"""name -> format, writer, the verifier that comes along, options."""
