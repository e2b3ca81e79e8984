"""Where data comes from: pinned commits, folders and addresses through `datasets`, and what is noted of them."""

import functools
import hashlib
import http.server
import json
import re
import sys
import threading
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ttscale.config.models import PluginSettings
from ttscale.errors import TaskError
from ttscale.pipeline.building import build_task
from ttscale.registry import BUILT_IN, load_plugin
from ttscale.tasks.data_task import DataTask
from ttscale.tasks.loading import read_data

ROWS = [{"question": "1 + 1?", "answer": "2\n#### 2"}, {"question": "2 + 2?", "answer": "4\n#### 4"}]


def task(name: str, **options: Any) -> Any:
    return build_task(PluginSettings.model_validate({"name": name, **options}))


class Hub:
    """Stands for `datasets`: notes what is asked for, and returns rows."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows
        self.asked: list[tuple[Any, ...]] = []

    def load_dataset(self, path: str, name: str | None, *, split: str, revision: str | None) -> Any:
        self.asked.append((path, name, split, revision))
        return self.rows


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    fake = types.ModuleType("datasets")
    found = Hub(ROWS)
    fake.load_dataset = found.load_dataset  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", fake)
    return found


def test_the_commit_is_pinned_for_a_tasks_own_data_and_for_nothing_else(hub: Hub) -> None:
    pinned = "cc7b047b6e5bb11b4f1af84efc572db110a51b3c"
    own = task("gsm8k")
    own.problems()
    task("gsm8k", revision="main").problems()
    task("gsm8k", path="someone/gsm8k-fixed").problems()
    assert hub.asked == [
        ("openai/gsm8k", "main", "test", pinned),
        ("openai/gsm8k", "main", "test", "main"),
        ("someone/gsm8k-fixed", "main", "test", None),
    ]
    assert own.origin == f"openai/gsm8k@{pinned} (main, test)"


def test_math_reads_every_subject(hub: Hub) -> None:
    hub.rows = [{"problem": "1 + 1", "solution": r"\boxed{2}"}]
    problems = task("math").problems()
    assert [asked[1] for asked in hub.asked] == list(load_plugin("tasks", "math").Options().subjects)
    assert {asked[3] for asked in hub.asked} == {"21a5633873b6a120296cce3e2df9d5550074f4a3"}
    assert problems[1].problem_id == "math/test/counting_and_probability/0"


@pytest.mark.parametrize("name", sorted(BUILT_IN["tasks"].keys() - {"imported"}))
def test_every_built_in_task_says_what_it_is(name: str) -> None:
    plugin = load_plugin("tasks", name)
    assert plugin.about.source
    assert plugin.about.license
    assert name == "table" or plugin.verifiers
    if issubclass(plugin, DataTask) and plugin.commit is not None:
        assert re.fullmatch("[0-9a-f]{40}", plugin.commit)


def test_a_folder_is_read_by_datasets_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "gsm"
    folder.mkdir()
    pl.DataFrame(ROWS).write_parquet(folder / "test-00000-of-00001.parquet")
    found = task("gsm8k", path=str(folder), config_name=None)
    assert [problem.answer for problem in found.problems()] == ["2", "4"]
    assert found.origin == "gsm (default, test)"
    with pytest.raises(TaskError, match=r"split train\) cannot be loaded.*Data files there: test-00000"):
        task("gsm8k", path=str(folder), config_name=None, split="train").problems()


def test_a_file_is_noted_by_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "gsm.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    found = task("gsm8k", path=str(path))
    assert found.origin is None
    found.problems()
    assert found.origin == f"gsm.jsonl sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The address of a loopback server with one file."""
    (tmp_path / "mixed.jsonl").write_text(
        '{"question": "q", "answer": [1, [2]]}\n{"question": "r", "answer": 3}\n'
    )

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_an_address_is_downloaded_and_parsed_here(
    served: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(datasets.config, "DOWNLOADED_DATASETS_PATH", tmp_path / "downloads")
    data = read_data(f"{served}/mixed.jsonl")
    assert [row["answer"] for row in data.rows] == [[1, [2]], 3]  # which Arrow would refuse
    assert data.origin.startswith(f"{served}/mixed.jsonl sha256:")
    with pytest.raises(TaskError, match=r"nothing\.jsonl' cannot be downloaded"):
        read_data(f"{served}/nothing.jsonl")
    with pytest.raises(TaskError, match="no known format"):
        read_data(f"{served}/page.html")


def test_a_template_replaces_the_prompt_and_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "gsm.jsonl"
    path.write_text(json.dumps(ROWS[0]) + "\n", encoding="utf-8")
    (problem,) = task("gsm8k", path=str(path), template="Q: {question} In \\boxed{}, please.").problems()
    assert problem.prompt == "Q: 1 + 1? In \\boxed{}, please."
    with pytest.raises(TaskError, match=r"names \{questoin\}\. Did you mean 'question'"):
        task("gsm8k", path=str(path), template="{questoin}").problems()
    with pytest.raises(TaskError, match="names no part"):
        task("gsm8k", path=str(path), template="Hello.").problems()


# ---- options that choose ------------------------------------------------------------------------


def test_aime_takes_the_data_of_its_year(monkeypatch: pytest.MonkeyPatch) -> None:
    assert task("aime").options.path == "HuggingFaceH4/aime_2024"
    assert task("aime", year=2025).options.path.startswith("hf://datasets/math-ai/aime25@563bb8404243c5f0")
    assert task("aime", year=2026, path="mine.jsonl").options.path == "mine.jsonl"


def test_livecodebench_names_files_at_a_commit_and_filters(tmp_path: Path) -> None:
    commit = "0fe84c3912ea0c4d4a78037083943e8f0c4dd505"
    own = task("livecodebench", files=[1, 6])
    assert [own._address(number) for number in own.options.files] == [
        f"hf://datasets/livecodebench/code_generation_lite@{commit}/test.jsonl",
        f"hf://datasets/livecodebench/code_generation_lite@{commit}/test6.jsonl",
    ]
    row = {
        "question_content": "q", "platform": "atcoder", "question_id": "a", "contest_date": "2025-02-08T00:00:00",
        "starter_code": "", "difficulty": "easy", "public_test_cases": "[]", "private_test_cases": "[]", "metadata": "{}",
    }  # fmt: skip
    path = tmp_path / "lcb.jsonl"
    path.write_text(
        json.dumps(row)
        + "\n"
        + json.dumps({**row, "contest_date": "2025-03-01T00:00:00", "question_id": "b"})
    )
    later = task("livecodebench", path=str(path), after="2025-02-09").problems()
    assert [problem.problem_id for problem in later] == ["livecodebench/b"]
    with pytest.raises(TaskError, match=r"None of the 2 problems .* from 2025-02-08 to 2025-03-01"):
        task("livecodebench", path=str(path), difficulty=["hard"]).problems()


def test_a_pickle_that_asks_for_a_class_is_refused(tmp_path: Path) -> None:
    import base64
    import pickle
    import zlib

    from ttscale.tasks.livecodebench import _private_tests

    evil = base64.b64encode(zlib.compress(pickle.dumps(Path("/tmp")))).decode()
    with pytest.raises(TaskError, match=r"'a' cannot be decoded: it asks for pathlib"):
        _private_tests(evil, "a")


def test_minif2f_rocq_says_where_the_statements_are(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"git clone https://github\.com/LLM4Rocq/miniF2F-rocq"):
        task("minif2f-rocq").problems()
    (tmp_path / "x.tar.gz").write_bytes(b"nonsense")
    with pytest.raises(TaskError, match="no readable tar archive"):
        task("minif2f-rocq", path=str(tmp_path / "x.tar.gz")).problems()
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "a.v").write_text("Theorem a : True.\nProof.\nAdmitted.\n")
    (problem,) = task("minif2f-rocq", path=str(tmp_path)).problems()
    assert (problem.problem_id, problem.metadata["theorem"]) == ("minif2f/a", "a")
