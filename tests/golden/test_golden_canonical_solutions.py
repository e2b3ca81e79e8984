"""The benchmarks' own solutions of every problem that is at hand: all are correct, as a base model and as a chat model write them."""

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ttscale.execution.sandbox import find_sandbox
from ttscale.registry import load_plugin
from ttscale.types import Outcome, Sample
from ttscale.verifiers.code import CodeOptions, CodeVerifier
from ttscale.verifiers.contract import Candidate

pytestmark = pytest.mark.skipif(not find_sandbox().available, reason="bubblewrap does not work here")


@pytest.fixture(scope="module")
def verifier() -> Iterator[CodeVerifier]:
    made = CodeVerifier(
        CodeOptions(timeout_s=60.0)
    )  # the machine may be busy; the solutions take a second at most
    yield made
    made.close()


def rows(path: Path) -> list[dict[str, Any]]:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in data.splitlines() if line.strip()]


def _continued(row: dict[str, Any]) -> str:
    return str(row["canonical_solution"])


def _chat(row: dict[str, Any]) -> str:
    program = f"{row['prompt']}{row['canonical_solution']}"
    return f"Here it is:\n\n```python\n{program}\n```\n\nFor example:\n\n```python\nprint({row['entry_point']})\n```\nDone."


def _answered(row: dict[str, Any]) -> str:
    tests = "\n".join(row["test_list"])
    return f"Sure.\n```python\n{row['code']}\n```\nThe tests hold:\n```python\n{tests}\n```\n"


CASES: list[tuple[str, str, dict[str, Any], int, Callable[[dict[str, Any]], str]]] = [
    ("humaneval", "HumanEval.jsonl.gz", {}, 164, _continued),
    ("humaneval", "HumanEval.jsonl.gz", {"style": "chat"}, 164, _chat),
    ("humaneval", "HumanEvalPlus-Mini.jsonl.gz", {"plus": "plus"}, 164, _continued),
    ("humaneval", "HumanEvalPlus-Mini.jsonl.gz", {"plus": "plus", "style": "chat"}, 164, _chat),
    ("mbpp", "mbpp.jsonl", {"split": "test"}, 500, _answered),
    ("mbpp", "mbpp.jsonl", {"split": "train"}, 374, _answered),
    ("mbpp", "mbpp.jsonl", {"split": "validation"}, 90, _answered),
    ("mbpp", "mbpp.jsonl", {"split": "prompt"}, 10, _answered),
]


@pytest.mark.parametrize("case", CASES)
def test_every_solution_of_the_benchmark_is_correct(
    shared_data: Path,
    verifier: CodeVerifier,
    case: tuple[str, str, dict[str, Any], int, Callable[[dict[str, Any]], str]],
) -> None:
    name, file, options, n, gold = case
    plugin = load_plugin("tasks", name)
    problems = plugin(plugin.Options.model_validate({"path": str(shared_data / file), **options})).problems()
    golds = {str(row["task_id"]).rpartition("/")[2]: gold(row) for row in rows(shared_data / file)}
    candidates = [
        Candidate(
            problem,
            Sample(
                problem_id=problem.problem_id, sample_index=0, completion=golds[problem.problem_id.rpartition("/")[2]],
                finish_reason="stop", prompt_tokens=0, completion_tokens=0,
            ),
        )
        for problem in problems
    ]  # fmt: skip
    assert len(candidates) == n
    verdicts = verifier.verify(candidates)
    wrong = {
        one.problem.problem_id: verdict.detail
        for one, verdict in zip(candidates, verdicts, strict=True)
        if verdict.outcome is not Outcome.CORRECT
    }
    assert not wrong
