"""Tasks read from a hub through the real `datasets`: a loopback one, which speaks the real one's interface.

`datasets` takes the hub's address from the environment when it is imported, so it runs in a process of its own.
"""

import io
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from loopback_hub import COMMIT, loopback_hub
from tests_paths import ROOT

pytestmark = pytest.mark.skipif(find_spec("datasets") is None, reason="the extra 'datasets' is not installed")

GSM8K = "cc7b047b6e5bb11b4f1af84efc572db110a51b3c"
AIME25 = "563bb8404243c5f09de6ec262f2db674fe5bce9b"
READ = """
import json, sys
from ttscale.config.models import PluginSettings
from ttscale.errors import TtscaleError
from ttscale.pipeline.building import build_task
for line in sys.stdin:
    try:
        task = build_task(PluginSettings.model_validate(json.loads(line)))
        print(json.dumps({"answers": [p.answer for p in task.problems()], "origin": task.origin}))
    except TtscaleError as error:
        print(json.dumps({"error": str(error)}))
"""


def parquet(rows: list[dict[str, Any]]) -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame(rows).write_parquet(buffer)
    return buffer.getvalue()


def card(config: str, split: str, files: str) -> bytes:
    return f"---\nconfigs:\n- config_name: {config}\n  data_files:\n  - split: {split}\n    path: {files}\n---\n".encode()


REPOSITORIES = {
    "openai/gsm8k": {
        "README.md": card("main", "test", "main/test-*"),
        "main/test-00000-of-00001.parquet": parquet([{"question": "1 + 1?", "answer": "Two.\n#### 2"}]),
    },
    "math-ai/aime25": {"test.jsonl": b'{"problem": "1 + 2?", "answer": 3, "id": "0"}\n'},
    "TIGER-Lab/MMLU-Pro": {
        "README.md": b"---\nconfigs:\n- config_name: default\n  data_files:\n  - {split: test, path: data/test-*}\n"
        b"  - {split: validation, path: data/validation-*}\n---\n",
        **{
            f"data/{split}-00000-of-00001.parquet": parquet(
                [
                    {
                        "question_id": n, "question": "?", "options": ["a", "b"], "answer": "B", "answer_index": 1,
                        "cot_content": "A: Let's think step by step. The answer is (B).", "category": "law", "src": "x",
                    }
                    for n in range(5)
                ]
            )
            for split in ("test", "validation")
        },
    },
}  # fmt: skip


def read(tasks: list[dict[str, Any]], address: str, home: Path, **environment: str) -> list[dict[str, Any]]:
    known = {
        "HF_ENDPOINT": address,
        "HF_HOME": str(home),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", READ], input="\n".join(map(json.dumps, tasks)), capture_output=True, text=True,
        check=False, env={**os.environ, **known, "PYTHONPATH": str(ROOT), **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_data_is_read_at_the_pinned_commit_noted_and_cached(tmp_path: Path) -> None:
    tasks: list[dict[str, Any]] = [
        {"name": "gsm8k"},
        {"name": "gsm8k", "revision": "main"},
        {"name": "aime", "year": 2025},
        {"name": "mmlu-pro"},
        {"name": "gpqa"},
        {"name": "math-500"},
    ]
    with loopback_hub(REPOSITORIES, gated=frozenset({"Idavidrein/gpqa"})) as (address, asked):
        pinned, newest, file, choice, gated, missing = read(tasks, address, tmp_path)
    assert pinned == {"answers": ["2"], "origin": f"openai/gsm8k@{GSM8K} (main, test)"}
    assert newest == {"answers": ["2"], "origin": f"openai/gsm8k@{COMMIT} (main, test)"}
    assert file["answers"] == ["3"]
    assert file["origin"].startswith(f"hf://datasets/math-ai/aime25@{AIME25}/test.jsonl sha256:")
    assert choice["answers"] == ["B"] * 5
    assert "Data set 'Idavidrein/gpqa'" in gated["error"]
    assert "gated" in gated["error"]
    assert "'HuggingFaceH4/MATH-500'" in missing["error"]
    assert any(f"/openai/gsm8k/resolve/{GSM8K}/main/test-" in path for path in asked)
    again = read(tasks[:3], address, tmp_path, HF_HUB_OFFLINE="1")  # the hub is gone
    assert [found.get("answers") for found in again] == [["2"], ["2"], ["3"]]
    assert again[0]["origin"] == pinned["origin"]
