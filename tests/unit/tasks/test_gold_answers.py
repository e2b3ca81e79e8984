"""Gold answers, fed as completions, are correct by the verifiers that each task recommends; wrong ones are not."""

import gzip
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ttscale.config.models import PluginSettings
from ttscale.execution.sandbox import find_sandbox
from ttscale.pipeline.building import NamedVerifier, build_task, build_verifier
from ttscale.tasks.competition_math import last_boxed
from ttscale.types import Outcome, Problem, Sample, Verdict
from ttscale.verifiers.contract import Candidate
from ttscale.verifiers.proof.lean import statement_of

needs_sandbox = pytest.mark.skipif(not find_sandbox().available, reason="bubblewrap does not work here")


def task(name: str, **options: Any) -> Any:
    return build_task(PluginSettings.model_validate({"name": name, **options}))


def recommended(name: str) -> NamedVerifier:
    (choice, *_) = task(name).verifiers
    return build_verifier(PluginSettings.model_validate(choice))


def judge(verifier: NamedVerifier, completions: dict[str, str], problems: list[Problem]) -> list[Verdict]:
    batch = [
        Candidate(problem, _sample(problem.problem_id, completions[problem.problem_id]))
        for problem in problems
    ]
    with closing(verifier):
        return list(verifier.verifier.verify(batch))


def _sample(problem_id: str, completion: str) -> Sample:
    return Sample(
        problem_id=problem_id, sample_index=0, completion=completion, finish_reason="stop", prompt_tokens=1, completion_tokens=1
    )  # fmt: skip


def boxed(problem: Problem) -> str:
    return f"Some steps, with 1 and 2.\nSo the answer is $\\boxed{{{problem.answer}}}$."


TEXT_TASKS: list[tuple[str, str, int, Callable[[Problem], str]]] = [
    ("gsm8k", "gsm8k_test.jsonl", 200, lambda problem: f"First 3, then 4.\n#### {problem.answer}"),
    ("gsm8k", "gsm8k_train_400.jsonl", 400, lambda problem: f"The answer is ${problem.answer}."),
    ("math-500", "math500.jsonl", 30, boxed),
    ("math", "math500.jsonl", 10, boxed),
    ("aime", "aime24.jsonl", 30, boxed),
    ("amc", "amc23.jsonl", 40, boxed),
]


@pytest.mark.parametrize(("name", "file", "limit", "gold"), TEXT_TASKS)
def test_keys_are_correct_and_other_problems_keys_mostly_not(
    shared_data: Path, name: str, file: str, limit: int, gold: Callable[[Problem], str]
) -> None:
    problems = task(name, path=str(shared_data / file), limit=limit, seed=1).problems()
    assert len(problems) == limit
    right = {problem.problem_id: gold(problem) for problem in problems}
    assert {verdict.outcome for verdict in judge(recommended(name), right, problems)} == {Outcome.CORRECT}
    shifted = [*problems[1:], problems[0]]
    wrong = {problem.problem_id: gold(other) for problem, other in zip(problems, shifted, strict=True)}
    judged = judge(recommended(name), wrong, problems)
    differ = [a.answer != b.answer for a, b in zip(problems, shifted, strict=True)]
    assert all(v.outcome is Outcome.INCORRECT for v, differs in zip(judged, differ, strict=True) if differs)


def test_the_key_of_math_is_cut_out_of_the_solution_as_math_500_has_it(shared_data: Path) -> None:
    rows = [json.loads(line) for line in (shared_data / "math500.jsonl").read_text("utf-8").splitlines()]
    assert all(last_boxed(row["solution"]) == row["answer"] for row in rows)
    assert len(rows) == 500


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return (json.loads(line) for line in content.decode().splitlines())


def _fenced(row: dict[str, Any]) -> str:
    return f"Here it is:\n```python\n{row['prompt']}{row['canonical_solution']}\n```\nDone."


CODE_TASKS: list[tuple[str, str, dict[str, Any], int, Callable[[dict[str, Any]], str]]] = [
    ("humaneval", "HumanEval.jsonl.gz", {}, 40, lambda row: row["canonical_solution"] + "\nprint(1)"),
    ("humaneval", "HumanEvalPlus-Mini.jsonl.gz", {"plus": "plus", "style": "chat"}, 15, _fenced),
    ("mbpp", "mbpp.jsonl", {}, 60, lambda row: f"```python\n{row['code']}\n```"),
]  # fmt: skip


@needs_sandbox
@pytest.mark.parametrize(("name", "file", "options", "limit", "gold"), CODE_TASKS)
def test_reference_solutions_pass_and_an_empty_function_does_not(
    shared_data: Path, name: str, file: str, options: dict[str, Any], limit: int, gold: Any
) -> None:
    path = shared_data / file
    problems = task(name, path=str(path), limit=limit, seed=2, **options).problems()
    by_id = {str(row["task_id"]).rpartition("/")[2]: gold(row) for row in _rows(path)}
    right = {problem.problem_id: by_id[problem.problem_id.rpartition("/")[2]] for problem in problems}
    outcomes = {v.problem_id: d.outcome for v, d in zip(problems, judge(recommended(name), right, problems), strict=True)}  # fmt: skip
    assert {key for key, outcome in outcomes.items() if outcome is not Outcome.CORRECT} == set()
    wrong = {problem.problem_id: "```python\npass\n```" for problem in problems[:5]}
    judged = judge(recommended(name), wrong, problems[:5])
    assert all(verdict.outcome is Outcome.INCORRECT for verdict in judged)


def visible(
    problems: list[Problem], programs: dict[str, str], choice: Any = "visible-tests"
) -> list[Verdict]:
    """Judge by what the statements show, with nothing hidden at hand."""
    seen = [replace(problem, answer=None, hidden={}) for problem in problems]
    return judge(build_verifier(PluginSettings.model_validate(choice)), programs, seen)


@needs_sandbox
def test_humanevals_reference_solutions_pass_the_examples_that_their_statements_show(
    shared_data: Path,
) -> None:
    path = shared_data / "HumanEval.jsonl.gz"
    problems = task("humaneval", path=str(path)).problems()
    right = {row["task_id"]: row["canonical_solution"] for row in _rows(path)}
    strict = {"name": "visible-tests", "without_examples": "error"}
    verdicts = dict(zip(right, visible(problems, right, strict), strict=True))
    of = {outcome: [name for name, v in verdicts.items() if v.outcome is outcome] for outcome in Outcome}
    # a median that is none, a sorted list that is not by its own rule, a string where the tests want a tuple
    assert of[Outcome.INCORRECT] == ["HumanEval/47", "HumanEval/116", "HumanEval/148"]
    assert "median([-10, 4, 6, 1000, 10, 20]) gives 8.0, but the statement shows 15.0" in str(
        verdicts["HumanEval/47"].detail
    )
    assert len(of[Outcome.CORRECT]) == 135
    assert len(of[Outcome.ERROR]) == 26  # they show no example that can be read
    assert visible(problems, right)[38].outcome is Outcome.CORRECT


@needs_sandbox
def test_mbpp_shows_its_assertions(shared_data: Path) -> None:
    path = shared_data / "mbpp.jsonl"
    problems = task("mbpp", path=str(path), limit=20, seed=3).problems()
    code = {f"mbpp/{row['task_id']}": f"```python\n{row['code']}\n```" for row in _rows(path)}
    assert {verdict.outcome for verdict in visible(problems, code)} == {Outcome.CORRECT}
    empty = {problem.problem_id: "```python\npass\n```" for problem in problems}
    assert {verdict.outcome for verdict in visible(problems, empty)} == {Outcome.INCORRECT}


# ---- layouts of which the tests have no copy: rows made here ------------------------------------


@needs_sandbox
def test_livecodebench_judges_scripts_and_methods(tmp_path: Path) -> None:
    path = tmp_path / "lcb.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in livecodebench_rows()), encoding="utf-8")
    problems = task("livecodebench", path=str(path)).problems()
    script, method = problems
    assert "class Solution" in str(method.prompt)
    assert len(script.hidden["stdin_tests"]) == 3  # two of them from the packed private tests
    right = {
        script.problem_id: "```python\nprint(sum(map(int, sys.stdin.read().split())))\n```",
        method.problem_id: "```python\nclass Solution:\n    def pairs(self, xs: List[int], k: int):\n"
        "        return tuple(Counter(xs).most_common(k)[0])\n```",
    }
    assert [v.outcome for v in judge(recommended("livecodebench"), right, problems)] == [Outcome.CORRECT] * 2
    wrong = {
        script.problem_id: "```python\nprint(3)\n```",
        method.problem_id: "```python\nclass Solution:\n    def pairs(self, xs, k):\n        return [5, 2]\n```",
    }
    assert [v.outcome for v in judge(recommended("livecodebench"), wrong, problems)] == [
        Outcome.INCORRECT
    ] * 2
    by_heart = {
        script.problem_id: "```python\nprint(3)\n```",  # the public tests alone are not enough
        method.problem_id: "```python\nclass Solution:\n    def pairs(self, xs, k):\n        return [5, 2]\n```",
    }
    assert [v.outcome for v in visible(problems, by_heart)] == [Outcome.CORRECT] * 2
    other = {name: program.replace("3", "4").replace("5, 2", "5, 3") for name, program in by_heart.items()}
    assert [v.outcome for v in visible(problems, other)] == [Outcome.INCORRECT] * 2


def livecodebench_rows() -> list[dict[str, Any]]:
    """A script and a method, in the layout of livecodebench/code_generation_lite."""
    import base64
    import pickle
    import zlib

    def packed(tests: list[dict[str, str]]) -> str:
        return base64.b64encode(zlib.compress(pickle.dumps(json.dumps(tests)))).decode()

    shared = {"contest_id": "c", "question_title": "t", "difficulty": "easy"}
    script = {
        "question_content": "Print the sum.",
        "platform": "atcoder",
        "question_id": "abc1_a",
        "contest_date": "2025-02-08T00:00:00",
        "starter_code": "",
        "public_test_cases": json.dumps([{"input": "1 2\n", "output": "3\n", "testtype": "stdin"}]),
        "private_test_cases": packed(
            [
                {"input": "5 6", "output": "11", "testtype": "stdin"},
                {"input": "0 0\n", "output": "0", "testtype": "stdin"},
            ]
        ),
        "metadata": "{}",
    }
    method = {
        "question_content": "Return the most common value and its count.",
        "platform": "leetcode",
        "question_id": "3800",
        "contest_date": "2025-03-01T00:00:00",
        "starter_code": "class Solution:\n    def pairs(self, xs: List[int], k: int) -> List[int]:\n        ",
        "public_test_cases": json.dumps(
            [{"input": "[5, 5, 1]\n1", "output": "[5, 2]", "testtype": "functional"}]
        ),
        "private_test_cases": json.dumps([{"input": "[2]\n1", "output": "[2, 1]", "testtype": "functional"}]),
        "metadata": json.dumps({"func_name": "pairs"}),
    }
    return [{**shared, **script}, {**shared, **method}]


@needs_sandbox
def test_code_contests_judges_by_all_kinds_of_tests(tmp_path: Path) -> None:
    row = {
        "name": "1_A. Double",
        "description": "Double it.",
        "public_tests": {"input": ["1\n"], "output": ["2\n"]},
        "private_tests": [{"input": "4\n", "output": "8\n"}],
        "generated_tests": {"input": ["10\n"], "output": ["20\n"]},
        "cf_rating": 800,
        "time_limit": {"seconds": 1, "nanos": 500_000_000},
    }
    path = tmp_path / "cc.jsonl"
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    (problem,) = task("code-contests", path=str(path)).problems()
    assert problem.metadata["time_limit_s"] == 1.5
    assert len(problem.hidden["stdin_tests"]) == 3
    programs = ["print(2 * int(input()))", "n = int(input()); print(2 * n if n < 9 else 0)"]
    found = [
        judge(recommended("code-contests"), {problem.problem_id: f"```\n{program}\n```"}, [problem])[
            0
        ].outcome
        for program in programs
    ]
    assert found == [Outcome.CORRECT, Outcome.INCORRECT]
    shown = [
        visible([problem], {problem.problem_id: f"```\n{program}\n```"})[0]
        for program in (*programs, "print(3)")
    ]
    assert [v.outcome for v in shown] == [Outcome.CORRECT, Outcome.CORRECT, Outcome.INCORRECT]


MBPP_PLUS = '''import numpy as np
from math import inf

def is_floats(x) -> bool:
    if isinstance(x, float):
        return True
    if isinstance(x, (list, tuple)):
        return all(isinstance(i, float) for i in x)
    if isinstance(x, np.ndarray):
        return x.dtype == np.float64 or x.dtype == np.float32
    return False

def assertion(out, exp, atol):
    if atol == 0 and is_floats(exp):
        atol = 1e-6
    if out != exp and atol != 0:
        assert np.allclose(out, exp, rtol=1e-07, atol=atol)
    else:
        assert out == exp

inputs = {inputs}
results = {results}
for i, (inp, exp) in enumerate(zip(inputs, results)):
    assertion({call}(*inp), exp, 0)
'''  # fmt: skip


@needs_sandbox
@pytest.mark.parametrize(
    ("call", "right", "wrong", "inputs", "results"),
    [
        ("pair", "return (x, y)", "return [x, y]", "[[1, 2], [(3,), inf]]", "[(1, 2), ((3,), inf)]"),
        ("half", "return x / 2 + 1e-8", "return x / 2 + 1e-3", "[[1.0, 0], [5.0, 0]]", "[0.5, 2.5]"),
        ("halves", "return [x / 2, y / 2 + 1e-9]", "return [x / 2]", "[[1.0, 3.0]]", "[[0.5, 1.5]]"),
        ("sum", "return x + y", "return x", "[[1, 2]]", "[3]"),
    ],
)
def test_mbpp_plus_compares_as_its_own_tests_do_without_numpy(
    tmp_path: Path, call: str, right: str, wrong: str, inputs: str, results: str
) -> None:
    row = {
        "task_id": 2,
        "prompt": "Write a function.",
        "code": f"def {call}(x, y):\n    {right}\n",
        "test": MBPP_PLUS.format(call=call, inputs=inputs, results=results),
        "test_list": [f"assert {call}(1, 2)"],
    }
    path = tmp_path / "plus.jsonl"
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    problems = task("mbpp", path=str(path), plus=True).problems()
    found = [
        judge(recommended("mbpp"), {"mbpp/2": f"```python\ndef {call}(x, y):\n    {body}\n```"}, problems)[0]
        for body in (right, wrong)
    ]
    assert [verdict.outcome for verdict in found] == [Outcome.CORRECT, Outcome.INCORRECT], found


@needs_sandbox
def test_sanitized_mbpp_has_its_imports_and_other_names_of_columns(tmp_path: Path) -> None:
    row = {
        "task_id": 12,
        "prompt": "Write a function to find roots.",
        "code": "def root(x):\n    return x ** 0.5\n",
        "test_imports": ["import math"],
        "test_list": ["assert root(4) == math.sqrt(4)"],
    }
    path = tmp_path / "sanitized.jsonl"
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    problems = task("mbpp", path=str(path)).problems()
    assert "to find roots" in str(problems[0].prompt)
    found = judge(recommended("mbpp"), {"mbpp/12": f"```python\n{row['code']}```"}, problems)
    assert found[0].outcome is Outcome.CORRECT


# ---- formal proofs ------------------------------------------------------------------------------


def test_every_statement_of_minif2f_can_be_given_to_its_checker(shared_data: Path) -> None:
    lean = task("minif2f-lean", path=str(shared_data / "minif2f_lean4.jsonl"), split="all").problems()
    rocq = task("minif2f-rocq", path=str(shared_data / "minif2f_rocq.tar.gz"), split="all").problems()
    assert len(lean) == len(rocq) == 488
    for problem in lean:
        name, source = statement_of(problem)
        assert problem.problem_id == f"minif2f/{name}"
        assert source.rstrip().endswith(":= by sorry")
    assert all(problem.metadata["theorem"] in problem.metadata["formal_statement"] for problem in rocq)
    halves = [
        task("minif2f-rocq", path=str(shared_data / "minif2f_rocq.tar.gz"), split=split).problems()
        for split in ("valid", "test")
    ]
    assert [len(half) for half in halves] == [244, 244]


@needs_sandbox
@pytest.mark.skipif(shutil.which("coqc") is None, reason="coqc is not installed")
def test_a_proof_of_minif2f_is_accepted_and_an_admitted_one_is_not(shared_data: Path) -> None:
    found = task("minif2f-rocq", path=str(shared_data / "minif2f_rocq.tar.gz"), split="all").problems()
    (problem,) = [each for each in found if each.problem_id == "minif2f/mathd_numbertheory_12"]
    statement = problem.metadata["formal_statement"]
    proofs = [statement.replace("Admitted.", "vm_compute. reflexivity.\nQed."), statement]
    found_outcomes = [
        judge(recommended("minif2f-rocq"), {problem.problem_id: f"```coq\n{proof}\n```"}, [problem])[
            0
        ].outcome
        for proof in proofs
    ]
    assert found_outcomes == [Outcome.CORRECT, Outcome.INCORRECT]


def test_the_worked_examples_of_math_are_right_and_stand_before_the_problem(shared_data: Path) -> None:
    import itertools
    import math
    from fractions import Fraction

    from ttscale.tasks.competition_math import WORKED_EXAMPLES

    nines = sum(a + b == 9 for a, b in itertools.product(range(1, 7), repeat=2))
    truths = [7**5 % 10, float(Fraction(nines, 36)), 2 + math.sqrt(3), (5 + 12 - math.hypot(5, 12)) / 2]
    assert 4 * truths[2] - 1 == pytest.approx(truths[2] ** 2)
    read = [7, 1 / 9, 2 + math.sqrt(3), 2]
    assert truths == pytest.approx(read)
    assert [answer for _, _, answer in WORKED_EXAMPLES] == ["7", r"\frac{1}{9}", r"2 + \sqrt{3}", "2"]
    (problem,) = task(
        "math-500", path=str(shared_data / "math500.jsonl"), limit=1, style="few-shot"
    ).problems()
    prompt = str(problem.prompt)
    assert prompt.count("Problem:") == 5
    assert r"$\frac{4}{36} = \frac{1}{9}$. The final answer is $\boxed{\frac{1}{9}}$." in prompt
    assert prompt.endswith("\nSolution:")
    assert "Convert the point $(0,3)$" in prompt
