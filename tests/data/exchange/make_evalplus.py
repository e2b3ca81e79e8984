"""Write evalplus/ with evalplus itself, on four problems and harmless programs of our own; see README.md."""

import json
import os
import random
import tempfile
from pathlib import Path

PROBLEMS = [
    ("Own/0", "def double(x: int) -> int:\n", "double", ["    return 2 * x\n", "    return x * x\n"], [[2], [0]], [[3], [-1]]),
    ("Own/1", "def longest(words: list) -> str:\n", "longest",
     ["    return max(words, key=len)\n", "    return words[0]\n"], [[["abc", "d"]]], [[["a", "bc"]]]),
    ("Own/2", "def is_even(x: int) -> bool:\n", "is_even", ["    return x % 2 == 0\n", "    return True\n"], [[4]], [[7]]),
    ("Own/3", "def total(xs: list) -> int:\n", "total", ["    return sum(xs)\n", "    return len(xs)\n"], [[[1, 1]]], [[[5]]]),
]  # fmt: skip

out = Path("evalplus")
out.mkdir(exist_ok=True)
with tempfile.TemporaryDirectory() as folder:
    problems = Path(folder) / "problems.jsonl"
    with problems.open("w") as file:
        for task_id, prompt, entry_point, (right, _), base, plus in PROBLEMS:
            row = {
                "task_id": task_id,
                "prompt": prompt,
                "entry_point": entry_point,
                "canonical_solution": right,
            }
            file.write(
                json.dumps(
                    row | {"base_input": base, "plus_input": plus, "atol": 0, "contract": "", "test": ""}
                )
                + "\n"
            )
    random.seed(7)
    with (out / "samples.jsonl").open("w") as file:
        for task_id, prompt, _, bodies, _, _ in PROBLEMS:
            for _ in range(5):
                solution = prompt + random.choice(bodies)
                file.write(json.dumps({"task_id": task_id, "solution": solution}) + "\n")
    os.environ["HUMANEVAL_OVERRIDE_PATH"] = str(problems)
    os.environ["XDG_CACHE_HOME"] = folder
    from evalplus.evaluate import evaluate

    evaluate("humaneval", str(out / "samples.jsonl"), parallel=1, i_just_wanna_run=True)
