"""CodeT's programs for HumanEval, judged in the sandbox: a slice of what `benchmarks/verifiers_code.py golden` judges whole."""

from pathlib import Path

import pytest
from codet import candidates, published

from ttscale.execution.sandbox import find_sandbox
from ttscale.tasks.humaneval import STOP
from ttscale.verifiers.code import CodeOptions, CodeVerifier

pytestmark = pytest.mark.skipif(not find_sandbox().available, reason="bubblewrap does not work here")


def test_verdicts_agree_with_the_published_ones(shared_data: Path) -> None:
    batch = candidates(shared_data, range(7, 100, 50))  # 328 programs, two of each problem
    known = published(shared_data)
    verifier = CodeVerifier(CodeOptions(timeout_s=5.0, stop=STOP))
    verdicts = verifier.verify(batch)
    verifier.close()
    differ = [
        (each.problem.problem_id, each.sample.sample_index, verdict)
        for each, verdict in zip(batch, verdicts, strict=True)
        if (verdict.outcome == "correct") != known[each.problem.problem_id][each.sample.sample_index]
    ]
    assert not differ


def test_reference_solutions_pass_their_own_tests(shared_data: Path) -> None:
    from codet import humaneval, read_lines, sample

    from ttscale.verifiers.contract import Candidate

    solutions = {
        row["task_id"]: row["canonical_solution"] for row in read_lines(shared_data / "HumanEval.jsonl.gz")
    }
    batch = [
        Candidate(problem, sample(problem.problem_id, 0, solutions[problem.problem_id]))
        for problem in humaneval(shared_data)
    ]
    verifier = CodeVerifier(CodeOptions())
    verdicts = verifier.verify(batch)
    verifier.close()
    assert len(batch) == 164
    assert not [
        (each.problem.problem_id, verdict)
        for each, verdict in zip(batch, verdicts, strict=True)
        if verdict.outcome != "correct"
    ]


@pytest.mark.parametrize("kind", ["base", "plus"])
def test_reference_solutions_pass_the_inputs_of_humaneval_plus(shared_data: Path, kind: str) -> None:
    from codet import read_lines, sample

    from ttscale.tasks.humaneval import HumanEvalOptions, HumanEvalTask
    from ttscale.verifiers.contract import Candidate

    path = shared_data / "HumanEvalPlus-Mini.jsonl.gz"
    solutions = {row["task_id"]: row["canonical_solution"] for row in read_lines(path)}
    problems = HumanEvalTask(HumanEvalOptions(path=str(path), plus=kind)).problems()
    verifier = CodeVerifier(CodeOptions())
    verdicts = verifier.verify(
        [Candidate(p, sample(p.problem_id, 0, solutions[p.problem_id])) for p in problems]
    )
    verifier.close()
    assert not [(p.problem_id, v) for p, v in zip(problems, verdicts, strict=True) if v.outcome != "correct"]


def test_reference_solutions_pass_the_assertions_of_mbpp(shared_data: Path) -> None:
    import json

    from codet import sample

    from ttscale.tasks.mbpp import MbppOptions, MbppTask
    from ttscale.verifiers.contract import Candidate

    path = shared_data / "mbpp.jsonl"
    code = {f"mbpp/{row['task_id']}": row["code"] for row in map(json.loads, path.open(encoding="utf-8"))}
    problems = MbppTask(MbppOptions(path=str(path), split="test", limit=150, seed=0)).problems()
    verifier = CodeVerifier(CodeOptions(extraction="whole", timeout_s=60))
    verdicts = verifier.verify([Candidate(p, sample(p.problem_id, 0, code[p.problem_id])) for p in problems])
    verifier.close()
    assert len(problems) == 150
    assert not [(p.problem_id, v) for p, v in zip(problems, verdicts, strict=True) if v.outcome != "correct"]
