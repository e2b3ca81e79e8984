"""Model-written tests as a verifier, and CodeT's dual agreement.

Chen et al. 2022, https://arxiv.org/abs/2207.10397.

No answer key is needed: a model was asked for test cases as well as for programs. A program's score is the
number of tests that it passes, each as often as it was written, and its answer class is the set of those tests.
Programs of one class agree with each other. The paper scores a class by (number of its programs) x (number of tests
they pass): that is the vote weighted by this verifier's score over this verifier's classes, for any number of samples.
The program that the authors published (github.com/microsoft/CodeT) takes the square root of the number of programs, which
gives the tests more say; `dual_agreement` computes that for one problem.

The tests are foreign code too: only assertions made of calls, literals and plain operators are kept, which
cannot do harm, and whatever they call of the program runs in its sandbox.

The tests come from ``Problem.metadata["generated_tests"]`` (a list of texts, each with any number of
assertions), or from `path`.
"""

import ast
import gzip
import itertools
import json
import math
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, Field

from ttscale.errors import VerifierError
from ttscale.execution.sandbox import Limits
from ttscale.types import Outcome, Problem, Verdict
from ttscale.verifiers.code.pool import Job, Pool
from ttscale.verifiers.code.suite import Suite, asserts_suite, names_tested, parse_quietly, suite_key
from ttscale.verifiers.code.verifier import ProgramOptions
from ttscale.verifiers.contract import Candidate, by_threshold
from ttscale.verifiers.reasoning import ReadingVerifier

_SAFE_CALLS = frozenset([
    "abs", "all", "any", "bool", "dict", "float", "frozenset", "int", "isinstance", "len", "list", "max", "min",
    "round", "set", "sorted", "str", "sum", "tuple",
])  # fmt: skip
_SAFE_NODES = (
    ast.Assert, ast.Compare, ast.BoolOp, ast.UnaryOp, ast.BinOp, ast.Call, ast.Constant, ast.Name, ast.List, ast.Tuple,
    ast.Set, ast.Dict, ast.keyword, ast.Load, ast.cmpop, ast.boolop, ast.unaryop, ast.Subscript, ast.Slice,
    ast.Add, ast.Sub, ast.Div, ast.Mod, ast.FloorDiv,
)  # fmt: skip
"""No attributes, no comprehensions, no `**`, `*` or `<<`: nothing that grows beyond what was written down."""


class GeneratedTestsOptions(ProgramOptions):
    """Options of `generated-tests`."""

    path: str | None = None
    """JSONL (``.gz`` too) with `problem_id` and `generated_tests` (texts); None: the problems' metadata."""
    max_tests: int | None = Field(default=None, ge=1)
    """Distinct assertions kept per problem: those written most often, then first. None: all."""
    max_tests_per_text: int = Field(default=5, ge=1)
    """Assertions kept of each text, the first ones; CodeT keeps 5."""
    count: Literal["written", "distinct"] = "written"
    """A test passed counts as often as it was "written", as in CodeT, or once ("distinct")."""
    timeout_s: float = Field(default=0.5, gt=0)
    """Wall time of each test."""
    accept_share: float | None = Field(default=None, gt=0, le=1)
    """Accept programs that pass at least this share of the kept tests; None: only score."""
    max_hangs: int = Field(default=3, ge=0)
    """After so many tests that hang or kill a program, its other tests count as not passed."""


class GeneratedTestsVerifier(ReadingVerifier):
    """Scores programs by tests that a model wrote: the number passed, and a judgement only with `accept_share`."""

    Options: ClassVar[type[BaseModel]] = GeneratedTestsOptions
    version: ClassVar[str] = "6"
    sees_answer: ClassVar[bool] = False
    batches_at_once: ClassVar[int] = 4  # while a program of one hangs, the others' go on

    def __init__(self, options: GeneratedTestsOptions) -> None:
        super().__init__(options)
        self._starting = threading.Lock()
        self._pool: Pool | None = None

    def _verify(self, batch: Sequence[Candidate]) -> list[Verdict]:
        with self._starting:
            if self._pool is None:
                self._pool = self.options.pool()
        prepared: dict[str, tuple[Suite, str, list[int]]] = {}
        running: dict[tuple[str, str], Any] = {}
        keys: list[tuple[str, str] | None] = []
        for candidate in batch:
            problem = candidate.problem
            if problem.problem_id not in prepared:
                suite, weights = self._suite(problem)
                prepared[problem.problem_id] = (suite, suite_key(problem, suite), weights)
            suite, key, _ = prepared[problem.problem_id]
            program = self.options.program(candidate, names_tested(suite))
            keys.append(None if program is None else (key, program))
            if program is not None and (key, program) not in running:
                running[key, program] = self._pool.submit(
                    _job(key, suite, program, self.options.limits(problem))
                )
        results = {name: future.result() for name, future in running.items()}
        counted = {key: weights for _, key, weights in prepared.values()}
        return [_verdict(name, results, counted, self.options.accept_share) for name in keys]

    def close(self) -> None:
        """End the sandboxes."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def _suite(self, problem: Problem) -> tuple[Suite, list[int]]:
        """Return the tests of a problem and how much each counts."""
        tests = written_tests(
            self._texts(problem),
            entry_point=str(problem.metadata.get("entry_point", "")),
            per_text=self.options.max_tests_per_text,
            most=self.options.max_tests,
        )
        suite = asserts_suite(list(tests), entry_points=_entry_points(problem))
        weights = list(tests.values()) if self.options.count == "written" else [1] * len(tests)
        return {**suite, "kind": "count", "max_restarts": self.options.max_hangs}, weights

    def _texts(self, problem: Problem) -> Sequence[str]:
        texts = (
            self._read.get(problem.problem_id)
            if self.options.path
            else problem.metadata.get("generated_tests")
        )
        if texts is None:
            where = f"'{self.options.path}'" if self.options.path else "its metadata (generated_tests)"
            raise VerifierError(
                f"Problem '{problem.problem_id}' has no model-written tests in {where}. Give 'path' a JSONL file with "
                "the columns problem_id and generated_tests."
            )
        return list(texts)

    @cached_property
    def _read(self) -> dict[str, Sequence[str]]:
        path = Path(str(self.options.path))
        try:
            with (
                gzip.open(path, "rt", encoding="utf-8")
                if path.suffix == ".gz"
                else path.open(encoding="utf-8") as file
            ):
                rows = [json.loads(line) for line in file if line.strip()]
            return {str(row["problem_id"]): row["generated_tests"] for row in rows}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise VerifierError(
                f"The tests in '{path}' cannot be read: {type(error).__name__}: {error}"
            ) from error


def _job(key: str, suite: Suite, program: str, limits: Limits) -> Job:
    ceiling_s = limits.wall_s * (len(suite["tests"]) + 1)
    return Job(key=key, suite=suite, program=program, limits=limits, ceiling_s=ceiling_s)


def _verdict(
    name: tuple[str, str] | None,
    results: Mapping[tuple[str, str], Any],
    counted: Mapping[str, list[int]],
    accept_share: float | None,
) -> Verdict:
    if name is None:
        return Verdict(outcome=Outcome.NO_ANSWER, detail="no program in the completion")
    result, weights = results[name], counted[name[0]]
    if result["outcome"] in ("error", "timeout"):
        return Verdict(outcome=Outcome(result["outcome"]), detail=result.get("detail"))
    passed = sorted(result["passed"])
    score = sum(weights[number] for number in passed)
    return Verdict(
        outcome=by_threshold(score / sum(weights) if weights else 0.0, accept_share),
        score=float(score),
        answer_class=",".join(map(str, passed)),
        seconds=result.get("seconds"),
        detail=f"{len(passed)} of {len(weights)} distinct generated tests",
    )


def dual_agreement(verdicts: Sequence[Verdict]) -> list[float | None]:
    """Return CodeT's score of each sample of one problem: √(programs in its set) x tests that the set passes.

    Args:
        verdicts: Of every sample of the problem, by `GeneratedTestsVerifier`. Where none passes a test, all scores are 0 and the
            choice is at random, as in CodeT.

    Returns:
        One score per verdict; None where there was no program.

    >>> both = Verdict(outcome=Outcome.SCORED, score=2.0, answer_class="0,1")
    >>> one = Verdict(outcome=Outcome.SCORED, score=1.0, answer_class="0")
    >>> dual_agreement([both, one, both])
    [2.8284271247461903, 1.0, 2.8284271247461903]
    """
    sizes = Counter(verdict.answer_class for verdict in verdicts)
    return [
        None if each.score is None else math.sqrt(sizes[each.answer_class]) * each.score for each in verdicts
    ]


def written_tests(
    texts: Iterable[str], *, entry_point: str, per_text: int, most: int | None = None
) -> dict[str, int]:
    """Return the safe assertions of model-written texts that call the entry point, and how often each was written.

    The most frequent come first. Assertions are equal if they differ in layout or message alone.

    >>> texts = ["assert f(1) == 2\\nassert f( 1) == 2", "assert f(3) == 4; assert g()"]
    >>> written_tests(texts, entry_point="f", per_text=5)
    {'assert f(1) == 2': 2, 'assert f(3) == 4': 1}
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(itertools.islice(_assertions(text, entry_point), per_text))
    return dict(counts.most_common(most))


def _assertions(text: str, entry_point: str) -> Iterator[str]:
    """Yield every safe assertion of a text; what cannot be parsed as a whole is tried piece by piece."""
    for piece in _pieces(text):
        for node in piece.body:
            if isinstance(node, ast.Assert) and _is_safe(node, entry_point):
                yield ast.unparse(ast.Assert(test=node.test, msg=None))


def _pieces(text: str) -> Iterator[ast.Module]:
    try:
        yield parse_quietly(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        for piece in text.split("assert ")[1:]:
            body = piece if _parses(f"assert {piece.strip()}") else piece.strip().split("\n", maxsplit=1)[0]
            if (tree := _parses(f"assert {body.strip()}")) is not None:
                yield tree


def _parses(source: str) -> ast.Module | None:
    try:
        return parse_quietly(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _is_safe(node: ast.Assert, entry_point: str) -> bool:
    """Say whether an assertion calls the entry point and has only calls, literals and plain operators."""
    parts = list(ast.walk(node.test))
    if not all(isinstance(part, _SAFE_NODES) for part in parts):
        return False
    called = {
        part.func.id for part in parts if isinstance(part, ast.Call) and isinstance(part.func, ast.Name)
    }
    nested = any(isinstance(part, ast.Call) and not isinstance(part.func, ast.Name) for part in parts)
    names = {part.id for part in parts if isinstance(part, ast.Name)}
    allowed = _SAFE_CALLS | {entry_point, "True", "False", "None"}
    return not nested and entry_point in called and names <= allowed


def _entry_points(problem: Problem) -> tuple[str, ...]:
    name = problem.metadata.get("entry_point")
    return (str(name),) if name else ()
