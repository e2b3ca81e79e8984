"""Peak memory and speed of `ttscale import` on large generated files: memory must not grow with the file.

    python benchmarks/import_memory.py --megabytes 100,400 --out results/benchmarks/import_memory

Each import runs in a process of its own, whose peak resident memory the operating system reports.
"""

import argparse
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PROBLEMS = 128
TEXT = 1_000
"""Characters of a sample: a chain of thought of a small model."""

WORDS = [f"word{number:03d}" for number in range(500)]


def texts(rng: random.Random) -> Iterator[str]:
    """Different texts that compress about as natural language does."""
    while True:
        words = rng.choices(WORDS, k=TEXT // 8)
        yield " ".join(words)


def write_lm_eval(path: Path, n: int, text: Iterator[str]) -> None:
    with path.open("w") as file:
        for problem in range(PROBLEMS):
            repeats = [next(text) for _ in range(n // PROBLEMS)]
            right = [float(number % 10 == 0) for number in range(len(repeats))]
            row = {"doc_id": problem, "doc": {"q": "?"}, "target": "7", "arguments": {}, "resps": [repeats]}
            row |= {"filtered_resps": [repeats], "filter": "none", "metrics": ["right"], "right": right}
            file.write(json.dumps(row) + "\n")


def write_human_eval(path: Path, n: int, text: Iterator[str]) -> None:
    with path.open("w") as file:
        for number in range(n):
            row = {
                "task_id": f"HumanEval/{number % PROBLEMS}",
                "completion": next(text),
                "passed": number % 10 == 0,
            }
            file.write(json.dumps(row) + "\n")


def write_bigcode(path: Path, n: int, text: Iterator[str]) -> None:
    with path.open("w") as file:
        for problem in range(PROBLEMS):
            file.write(("[" if not problem else ",") + json.dumps([next(text) for _ in range(n // PROBLEMS)]))
        file.write("]")


def write_inspect(path: Path, n: int, text: Iterator[str]) -> None:
    header = {"version": 2, "status": "success", "eval": {"task": "toy", "model": "toy"}, "plan": {}}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for number in range(n):
            problem, epoch = number % PROBLEMS, number // PROBLEMS + 1
            choice = {"message": {"role": "assistant", "content": next(text)}, "stop_reason": "stop"}
            row = {
                "id": problem,
                "epoch": epoch,
                "input": "?",
                "target": "7",
                "output": {"choices": [choice]},
            }
            row |= {"scores": {"match": {"value": "C" if number % 10 == 0 else "I"}}, "events": []}
            archive.writestr(f"samples/{problem}_epoch_{epoch}.json", json.dumps(row))
        archive.writestr("header.json", json.dumps(header))


def write_csv(path: Path, n: int, text: Iterator[str]) -> None:
    with path.open("w") as file:
        file.write("problem_id,completion,correct\n")
        for number in range(n):
            file.write(f"p{number % PROBLEMS},{next(text)},{int(number % 10 == 0)}\n")


WRITERS: dict[str, tuple[str, Callable[[Path, int, Iterator[str]], None]]] = {
    "lm-eval": ("samples_toy_2026-01-01T00-00-00.000000.jsonl", write_lm_eval),
    "human-eval": ("samples.jsonl", write_human_eval),
    "bigcode": ("generations_toy.json", write_bigcode),
    "inspect": ("toy.eval", write_inspect),
    "table": ("samples.csv", write_csv),
}


def measure(name: str, megabytes: int, folder: Path) -> dict[str, Any]:
    file_name, write = WRITERS[name]
    path = folder / file_name
    n = max(megabytes * 1_000_000 // (TEXT + 60) // PROBLEMS, 1) * PROBLEMS
    write(path, n, texts(random.Random(0)))
    size = path.stat().st_size
    began = time.monotonic()
    _, status, usage = run(
        [sys.executable, "-m", "ttscale", "import", name, str(path), "--out", str(folder / "run")]
    )
    seconds = time.monotonic() - began
    if status:
        raise SystemExit(f"{name} failed")
    stored = sum(each.stat().st_size for each in (folder / "run").rglob("*.parquet"))
    shutil.rmtree(folder / "run")
    path.unlink()
    return {
        "format": name,
        "file_mb": round(size / 1e6),
        "samples": n,
        "peak_mb": round(usage.ru_maxrss / 1e3),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "mb_per_cpu_s": round(size / 1e6 / (usage.ru_utime + usage.ru_stime)),
        "stored_mb": round(stored / 1e6),
    }


def run(command: list[str]) -> tuple[int, int, resource.struct_rusage]:
    """Run a command; return its pid, exit status and resource usage."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    return pid, status, usage


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", default="100,400")
    parser.add_argument("--formats", default=",".join(WRITERS))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        for name in options.formats.split(","):
            for megabytes in map(int, options.megabytes.split(",")):
                rows.append(measure(name, megabytes, Path(folder)))
                print(rows[-1], flush=True)
    if options.out:
        options.out.with_suffix(".json").write_text(json.dumps(rows, indent=2) + "\n")
        options.out.with_suffix(".md").write_text(report(rows))


def report(rows: list[dict[str, Any]]) -> str:
    names = list(rows[0])
    table = ["| " + " | ".join(name.replace("_", " ") for name in names) + " |", "| --- " * len(names) + "|"]
    table += [
        "| "
        + " | ".join(f"{row[name]:,}" if isinstance(row[name], int) else str(row[name]) for name in names)
        + " |"
        for row in rows
    ]
    head = (
        "# Memory and speed of imports\n\n"
        "Generated files of samples of about 1,000 characters, 128 problems; `python benchmarks/import_memory.py`, each import in a "
        "process of its own on one core of a shared machine. The peak is that of the whole process, Python and polars included.\n\n"
    )
    return head + "\n".join(table) + "\n"


if __name__ == "__main__":
    main()
