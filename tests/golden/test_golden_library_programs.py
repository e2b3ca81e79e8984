"""Right programs as BigCodeBench and LiveCodeBench ask for them: NumPy and pandas in program and tests, methods and scripts.

The programs are ours, in the benchmarks' manner. All are correct, and a wrong variant of each is not.
"""

import contextlib
import shutil
import sys
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ttscale.execution.sandbox import find_sandbox
from ttscale.tasks.livecodebench import IMPORTS
from ttscale.types import Outcome, Problem, Sample, Verdict
from ttscale.verifiers.code import CodeOptions, CodeVerifier
from ttscale.verifiers.contract import Candidate

pytestmark = pytest.mark.skipif(not find_sandbox().available, reason="bubblewrap does not work here")

NUMPY: dict[str, tuple[str, str, str]] = {
    "array": ("def f(x): return np.asarray(x) * 2", "* 2", "assert (f([1, 2]) == np.array([2, 4])).all()\nassert f([1]).shape == (1,)"),
    "array given": ("def f(x): return x.sum(axis=0)", "axis=0", "assert f(np.eye(2) * 3).tolist() == [3, 3]\nassert f(np.ones((2, 3))).shape == (3,)"),
    "testing": ("def f(n): return np.linspace(0, 1, n)", "0, 1", "np.testing.assert_allclose(f(3), [0, 0.5, 1])"),
    "scalar": ("def f(x): return np.mean(x)", "mean", "assert f([1, 2, 6]) == 3.0\nassert isinstance(f([1, 2]), float)"),
    "truth": ("def f(x): return np.all(np.array(x) > 0)", "> 0", "assert f([1, 2])\nassert not f([0, 1])"),
    "matrix": ("def f(a, b): return np.array(a) @ np.array(b)", "@", "assert np.array_equal(f([[1, 2]], [[3], [4]]), [[11]])"),
    "dictionary": ("def f(x): return {'values': np.sort(x), 'n': np.int64(len(x))}", "sort", "r = f([3, 1])\nassert r['n'] == 2 and r['values'].tolist() == [1, 3]"),
    "type": ("def f(n): return np.zeros((n, 2), dtype=np.int32)", "zeros", "r = f(3)\nassert isinstance(r, np.ndarray) and r.dtype == np.int32 and not r.any()"),
    "strings": ("def f(x): return np.unique(x)", "unique", "assert list(f(['b', 'a', 'b'])) == ['a', 'b']"),
    "objects": ("def f(x): return np.array([x, None], dtype=object)", "None", "r = f('a')\nassert r[0] == 'a' and r[1] is None"),
    "not a number": ("def f(x): return np.array([x, np.nan])", "np.nan", "assert np.isnan(f(1.0)).tolist() == [False, True]"),
    "dates": ("def f(d): return np.array([d], dtype='datetime64[D]') + 1", "+ 1", "assert str(f('2024-02-28')[0]) == '2024-02-29'"),
    "in place": ("def f(x):\n    x[0] = 9\n    return x", "9", "assert f(np.arange(3)).tolist() == [9, 1, 2]"),
    "random": ("def f(seed): return np.random.default_rng(seed).normal(size=3)", "normal", "assert np.allclose(f(1), np.random.default_rng(1).normal(size=3))"),
}  # fmt: skip
PANDAS: dict[str, tuple[str, str, str]] = {
    "frame": ("def f(d): return pd.DataFrame(d).sort_values('a').reset_index(drop=True)", ".sort_values('a')", "pd.testing.assert_frame_equal(f({'a': [2, 1], 'b': ['x', 'y']}), pd.DataFrame({'a': [1, 2], 'b': ['y', 'x']}))"),
    "frame given": ("def f(df): return df.groupby('k')['v'].sum().to_dict()", "sum()", "assert f(pd.DataFrame({'k': ['a', 'a', 'b'], 'v': [1, 2, 3]})) == {'a': 3, 'b': 3}"),
    "series": ("def f(x): return pd.Series(x, name='n').cumsum()", "cumsum", "pd.testing.assert_series_equal(f([1, 2, 3]), pd.Series([1, 3, 6], name='n'))"),
    "index": ("def f(x): return pd.Series(x).value_counts()", "value_counts()", "r = f(['b', 'a', 'b'])\nassert r['b'] == 2 and list(r.index) == ['b', 'a']"),
    "columns": ("def f(df): return df.assign(c=df.a + df.b)", "+", "r = f(pd.DataFrame({'a': [1.5], 'b': [2.5]}))\nassert list(r.columns) == ['a', 'b', 'c'] and r['c'].iloc[0] == 4 and isinstance(r, pd.DataFrame)"),
    "missing": ("def f(x): return pd.DataFrame({'s': x}).dropna()", ".dropna()", "assert f(['a', None, 'b'])['s'].tolist() == ['a', 'b']"),
    "dates": ("def f(d): return pd.DataFrame({'d': pd.to_datetime(d)}).set_index('d')", "set_index", "assert f(['2024-03-01']).index[0].year == 2024"),
    "both": ("def f(df): return df.to_numpy().mean()", "mean", "assert f(pd.DataFrame({'a': [1, 2], 'b': [3, 6]})) == 3.0"),
    "text": ("def f(df): return df.to_csv(index=False)", "index=False", "assert f(pd.DataFrame({'a': [1]})) == 'a\\n1\\n'"),
}  # fmt: skip


def interpreter_of(library: str) -> str:
    """Return the interpreter that a library is installed for, which need not be this one; skip without it."""
    module = pytest.importorskip(library)
    python = Path(module.__file__ or "").parents[4] / "bin" / "python"
    return str(python) if python.exists() else sys.executable


@pytest.fixture(scope="module")
def numpy_verifier() -> Iterator[CodeVerifier]:
    made = CodeVerifier(CodeOptions(timeout_s=60.0, workers=1, extraction="whole", python=interpreter_of("numpy"), preload=("numpy",)))  # fmt: skip
    yield made
    made.close()


@pytest.fixture(scope="module")
def pandas_verifier() -> Iterator[CodeVerifier]:
    made = CodeVerifier(CodeOptions(timeout_s=60.0, workers=1, extraction="whole", memory_mb=4096, python=interpreter_of("pandas"), preload=("numpy", "pandas")))  # fmt: skip
    yield made
    made.close()


def judge(verifier: CodeVerifier, program: str, metadata: dict[str, Any]) -> Verdict:
    problem = Problem(problem_id="p", prompt="", metadata=metadata)
    sample = Sample(
        problem_id="p", sample_index=0, completion=program, finish_reason="stop", prompt_tokens=0, completion_tokens=0
    )  # fmt: skip
    (verdict,) = verifier.verify([Candidate(problem, sample)])
    return verdict


def checked(imports: str, tests: str) -> dict[str, Any]:
    body = "".join(f"    {line}\n" for line in tests.split("\n"))
    return {"test": f"{imports}\ndef check(f):\n{body}", "entry_point": "f"}


@pytest.mark.parametrize("name", NUMPY)
def test_numpy_in_program_and_tests(name: str, numpy_verifier: CodeVerifier) -> None:
    program, _, tests = NUMPY[name]
    verdict = judge(numpy_verifier, f"import numpy as np\n{program}", checked("import numpy as np", tests))
    assert verdict.outcome is Outcome.CORRECT, verdict.detail


@pytest.mark.parametrize("name", PANDAS)
def test_pandas_in_program_and_tests(name: str, pandas_verifier: CodeVerifier) -> None:
    program, _, tests = PANDAS[name]
    verdict = judge(pandas_verifier, f"import pandas as pd\n{program}", checked("import pandas as pd", tests))
    assert verdict.outcome is Outcome.CORRECT, verdict.detail


@pytest.mark.parametrize(
    ("name", "program"),
    [
        ("array", "def f(x): return np.asarray(x) * 3"),
        ("type", "def f(n): return np.zeros((n, 2), dtype=np.int64)"),
        ("testing", "def f(n): return np.linspace(0, 2, n)"),
        ("truth", "def f(x): return np.array([True])"),
        ("array", "class A(np.ndarray):\n    def __eq__(self, other): return np.array([True])\ndef f(x): return np.zeros(len(x)).view(A)"),
        ("array", "def f(x):\n    a = np.zeros(len(x))\n    np.ndarray = type(a)\n    return a"),
        ("matrix", "def f(a, b): raise ImportError('numpy')"),
        ("in place", "def f(x): return undefined"),
    ],
)  # fmt: skip
def test_what_is_wrong_stays_wrong(name: str, program: str, numpy_verifier: CodeVerifier) -> None:
    metadata = checked("import numpy as np", NUMPY[name][2])
    assert judge(numpy_verifier, f"import numpy as np\n{program}", metadata).outcome in (
        Outcome.INCORRECT,
        Outcome.ERROR,
    )


def test_tests_that_need_a_library_that_is_not_there_are_an_error() -> None:
    verifier = CodeVerifier(CodeOptions(timeout_s=60.0, workers=1, extraction="whole"))
    for inside in (
        "    import no_such_library\n    assert f(1) == 1",
        "    assert no_such_helper(f(1)) == 1",
    ):
        metadata = {"test": f"def check(f):\n{inside}", "entry_point": "f"}
        assert judge(verifier, "def f(x): return x", metadata).outcome is Outcome.ERROR
        assert (
            judge(verifier, "def f(x): return y", {"tests": ["assert f(1) == 1"]}).outcome
            is Outcome.INCORRECT
        )
    verifier.close()


_METHOD = "class Solution:\n    def twoSum(self, nums: List[int], target: int) -> List[int]:\n        return [(i, j) for j in range(len(nums)) for i in range(j) if nums[i] + nums[j] == target][0]"
_SCRIPT = "def main():\n    n = int(input())\n    a = list(map(int, sys.stdin.readline().split()))\n    print(f'{sum(a) / n:.6f}', *sorted(Counter(a).values()))\nif __name__ == '__main__':\n    main()"
_HEAP = "n, *rest = map(int, sys.stdin.buffer.read().split())\nheapify(rest)\nprint(*[heappop(rest) for _ in range(n)])"
_DEEP = "@lru_cache(None)\ndef f(n): return 0 if n == 0 else 1 + f(n - 1)\nprint(f(int(input())))"


@pytest.mark.parametrize(
    ("program", "hidden"),
    [
        (_METHOD, {"tests": ["assert same(Solution().twoSum([2, 7, 11], 9), [0, 1])"], "test_setup": "def same(a, b): return list(a) == b", "entry_points": ["Solution"]}),
        (_SCRIPT, {"stdin_tests": [{"input": "3\n1 2 2\n", "output": "1.666667 1 2"}], "output_rule": "livecodebench"}),
        (_HEAP, {"stdin_tests": [{"input": "4 4 3 2 1", "output": "1 2 3 4"}], "output_rule": "livecodebench"}),
        (_DEEP, {"stdin_tests": [{"input": "9000", "output": "9000"}], "output_rule": "livecodebench"}),
    ],
)  # fmt: skip
def test_methods_and_scripts_of_contests(program: str, hidden: dict[str, Any]) -> None:
    limits = {"timeout_s": 30.0, "memory_mb": 4096, "timeout_each": True}
    verifier = CodeVerifier(CodeOptions(workers=1, extraction="whole"))
    verdict = judge(verifier, f"{IMPORTS}\n{program}", {"limits": limits, **hidden})
    verifier.close()
    assert verdict.outcome is Outcome.CORRECT, verdict.detail


@pytest.mark.parametrize("mode", [0o755, 0o700])
def test_packages_below_tmp_are_imported_on_when_tmp_has_become_the_programs_own(mode: int) -> None:
    """Environments of continuous integration lie there; a package may import its parts when they are first used."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        folder.chmod(mode)
        venv.create(folder, with_pip=False)
        package = next(folder.glob("lib/python3*/site-packages")) / "lazy_package"
        package.mkdir()
        package.joinpath("__init__.py").write_text("")
        package.joinpath("later.py").write_text("ANSWER = 42\n")
        made = CodeVerifier(CodeOptions(workers=1, extraction="whole", python=str(folder / "bin/python"), preload=("lazy_package",)))  # fmt: skip
        with contextlib.closing(made):
            program = "def f():\n    from lazy_package.later import ANSWER\n    return ANSWER"
            verdict = judge(made, program, checked("", "assert f() == 42"))
    finally:
        shutil.rmtree(folder)
    assert verdict.outcome is Outcome.CORRECT, verdict.detail
