"""The code verifier: a program is correct if it passes its problem's tests.

Threat model. A program is hostile until shown otherwise: it may try anything to be counted as correct, to
hurt the machine, or to disturb the programs after it. It runs in a sandbox (`ttscale.execution.sandbox`) in a
process of its own, with its own process table and ``/tmp``, which all die with it. The tests run in *another*
sandbox, which the program cannot see. What passes between the two is plain data over one socket: arguments
in, values out. So

* exiting early, killing its parent, closing or flooding the socket is an answer that never came: not passed;
* patching builtins, redefining ``==``, swallowing exceptions, tracing frames changes the program's own
  process, where nothing is compared and no assertion runs;
* the tests, the expected values and the verdict are in no file, memory or descriptor that the program can
  reach. It does see each call's arguments, as any function must. (A program that failed tests which cannot be followed sees them in its
  second run, below: that can make it an error, never correct, unless the user says so.)
* where the tests make the same calls whatever is answered, it is told all of them at its start: that tells it no more than it
  would see;
* no call tells it whether the answer before was right: tests go on after a failure (`...inside.going_on`), and no sample can
  leave a mark for the next (docs/programs.md lists every channel);
* what stays possible is to answer right, which is the definition of correct, and to recognise a published
  benchmark's arguments and answer from memory, which no test by examples can exclude.

Dates, paths, named tuples, arrays, frames and the like are plain data, too. Other objects stay in the program's process and do there what the
tests ask of them, unless that would tell the program what is expected (`ttscale.verifiers.code.inside.proxies`); functions of the tests stay
in theirs (`...inside.ours`). Tests that cannot be followed so fail for a right program, too. There, a program that fails is run once more,
beside its tests in one process (`...inside.doubt`): what passes only there may have forged it, and is an error, not a wrong answer.
"""

import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, Field

from ttscale.errors import InvalidInputError
from ttscale.execution.sandbox import Limits, require_sandbox
from ttscale.types import Outcome, Problem, Verdict
from ttscale.verifiers.code.pool import Job, Pool, PoolSettings
from ttscale.verifiers.code.program import Extraction, extract_program
from ttscale.verifiers.code.suite import DEFAULT_LIMITS, Suite, limits_of, names_tested, suite_key, suite_of
from ttscale.verifiers.contract import Candidate, failed
from ttscale.verifiers.reasoning import ReadingOptions, ReadingVerifier

_OUTCOME = {
    "passed": Outcome.CORRECT,
    "failed": Outcome.INCORRECT,
    "timeout": Outcome.TIMEOUT,
    "error": Outcome.ERROR,
}


class ProgramOptions(ReadingOptions):
    """How programs are cut out of completions, and run."""

    extraction: Extraction = "auto"
    """"auto", "continuation" of the prompt, "fence" or "whole": see `ttscale.verifiers.code.program`."""
    stop: tuple[str, ...] = ()
    """Texts that end a continuation, for samples drawn without stop sequences."""
    memory_mb: int | None = Field(default=None, ge=64)
    """Address space of a program (MiB); None: what the problem's benchmark allows, else 1024."""
    processes: int | None = Field(default=None, ge=1)
    """Processes and threads of a program; None: what the problem's benchmark allows, else 40."""
    output_mb: int | None = Field(default=None, ge=1)
    """Most that a script may print (MiB); None: what the problem's benchmark allows, else 16."""
    python: str | None = None
    """Interpreter whose installed packages programs may import; None: the standard library of this one."""
    preload: tuple[str, ...] = ()
    """Modules imported once per sandbox instead of once per program, such as "numpy"."""
    workers: int | None = Field(default=None, ge=1)
    """Programs run at a time; None: one per CPU. With more, hanging programs cost less, and others slow down."""
    beside: Literal["never", "doubt", "trust"] = "doubt"
    """What is done where tests that fail do more than call and compare (patch a module, read a file, catch what is printed), which
    cannot be followed from outside the program: run them a second time beside it, in its own process. "doubt": a program that passes there is an error,
    not a wrong answer, for it could have forged that. "trust": it is correct, as other harnesses have it. "never": what fails is wrong."""
    unsafe_no_sandbox: bool = False
    """Run foreign code unprotected."""

    def limits(self, problem: Problem) -> Limits:
        """Return what a program may use: as these options say, else the problem's benchmark, else the defaults.

        Raises:
            InvalidInputError: The problem's own limits are none.
        """
        said = {name: getattr(self, name) for name in DEFAULT_LIMITS if getattr(self, name, None) is not None}
        found = {**DEFAULT_LIMITS, **limits_of(problem), **said}
        return Limits(
            wall_s=found["timeout_s"], cpu_s=found["timeout_s"], memory_bytes=int(found["memory_mb"]) << 20,
            processes=int(found["processes"]), output_bytes=int(found["output_mb"]) << 20,
        )  # fmt: skip

    def pool(self) -> Pool:
        """Return a pool of sandboxes for such programs.

        Raises:
            VerifierError: There is no sandbox here.
        """
        settings = PoolSettings(python=self.python, preload=self.preload)
        return Pool(require_sandbox(unsafe_no_sandbox=self.unsafe_no_sandbox), settings, self.workers)

    def program(self, candidate: Candidate, entry_points: Iterable[str] = ()) -> str | None:
        """Return the program in a sample, or None; the tests call its `entry_points`."""
        problem = candidate.problem
        return extract_program(
            candidate.sample.completion,
            code_prompt=problem.metadata.get("code_prompt", ""),
            prompt=shown_text(problem),
            entry_points=entry_points,
            extraction=self.extraction,
            stop=self.stop,
        )


class CodeOptions(ProgramOptions):
    """Options of the code verifier."""

    timeout_s: float | None = Field(default=None, gt=0)
    """Wall time for all tests of a program together, or for each where a program is a script or the benchmark says so;
    None: what the problem's benchmark allows, else 10 s."""


class CodeVerifier(ReadingVerifier):
    """Unit tests in a sandbox; which kind is chosen by what the problem's metadata holds (see `suite`)."""

    Options: ClassVar[type[BaseModel]] = CodeOptions
    version: ClassVar[str] = "5"
    sees_answer: ClassVar[bool] = True
    batches_at_once: ClassVar[int] = 4  # while a program of one hangs, the others' go on

    def __init__(self, options: CodeOptions) -> None:
        super().__init__(options)
        self._starting = threading.Lock()
        self._pool: Pool | None = None
        self._suites: dict[int, tuple[Problem, Suite, str]] = {}

    def _verify(self, batch: Sequence[Candidate]) -> list[Verdict]:
        with self._starting:
            if self._pool is None:
                self._pool = self.options.pool()
        running: dict[tuple[str, str], Future[dict[str, Any]]] = {}
        verdicts = [self.start(candidate, self._pool, running) for candidate in batch]
        return [each if isinstance(each, Verdict) else verdict_of(each.result()) for each in verdicts]

    def close(self) -> None:
        """End the sandboxes."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def start(
        self, candidate: Candidate, pool: Pool, running: "dict[tuple[str, str], Future[dict[str, Any]]]"
    ) -> "Verdict | Future[dict[str, Any]]":
        """Return a verdict where there is nothing to run, else the run, shared with equal programs."""
        try:
            suite, key = self._suite(candidate.problem)
            limits = self.options.limits(candidate.problem)
        except (InvalidInputError, SyntaxError) as error:
            return failed(str(error))
        program = self.options.program(candidate, names_tested(suite))
        if program is None:
            return Verdict(outcome=Outcome.NO_ANSWER, detail="no program in the completion")
        if (key, program) not in running:
            running[key, program] = pool.submit(_job(key, suite, program, limits, self.options.beside))
        return running[key, program]

    def tests(self, problem: Problem) -> Suite:
        """Return the tests of a problem.

        Raises:
            InvalidInputError: It has none.
        """
        return suite_of(problem)

    def _suite(self, problem: Problem) -> tuple[Suite, str]:
        """Return a problem's tests and their key, computed once while the problem lives."""
        known = self._suites.get(id(problem))
        if known is None or known[0] is not problem:
            suite = self.tests(problem)
            known = self._suites[id(problem)] = (problem, suite, suite_key(problem, suite))
        return known[1:]


_ATTEMPTS = 4
"""How often a program is run at most: asked ahead and one by one, in a process that may only compute and in another, and beside its tests."""


def _job(key: str, suite: Suite, program: str, limits: Limits, beside: str) -> Job:
    runs = len(suite["tests"]) if suite["kind"] == "stdin" or suite.get("timeout_each") else 1
    if suite.get("timeout_each"):
        limits = limits._replace(cpu_s=runs * limits.wall_s)
    return Job(
        key=key, suite=suite, program=program, limits=limits, ceiling_s=_ATTEMPTS * runs * limits.wall_s,
        beside=beside,
    )  # fmt: skip


def shown_text(problem: Problem) -> str:
    """Return the text that a completion goes on from: a prompt, or the last message."""
    if problem.messages:
        return problem.messages[-1].content
    return problem.prompt or ""


def verdict_of(result: dict[str, Any]) -> Verdict:
    """Turn a tester's answer into a verdict."""
    outcome = _OUTCOME[result["outcome"]]
    return Verdict(
        outcome=outcome,
        score=None if outcome is Outcome.ERROR else float(outcome is Outcome.CORRECT),
        seconds=result.get("seconds"),
        detail=result.get("detail"),
    )
