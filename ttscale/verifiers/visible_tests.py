"""The verifier `visible-tests`: programs are run on the examples that the problem's statement shows, and on nothing else.

No key is needed, so it may pick among samples and may stand inside a strategy. A program that fails an example is wrong
unless the statement is (HumanEval/47 shows a median that is none); one that passes may fail the hidden tests all the same,
and `ttscale compare` says how often. The examples are

* ``Problem.metadata["visible_tests"]``, laid out as `ttscale.verifiers.code.suite` says (``stdin_tests`` or ``tests``): the tasks
  `livecodebench` and `code-contests` put their public tests there, `mbpp` the assertions that its prompt shows;
* otherwise what `ttscale.verifiers.code.shown` reads in the statement, such as the ``>>>`` of HumanEval's docstrings.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, ClassVar, Literal

from pydantic import BaseModel

from ttscale.errors import InvalidInputError
from ttscale.types import Outcome, Problem, Verdict
from ttscale.verifiers.code.shown import shown_suite
from ttscale.verifiers.code.suite import Suite, suite_of
from ttscale.verifiers.code.verifier import CodeOptions, CodeVerifier, shown_text
from ttscale.verifiers.contract import Candidate

_NOTHING_SHOWN = "the statement shows no examples"


class VisibleTestsOptions(CodeOptions):
    """Options of `visible-tests`: those of `code`, and what holds where nothing is shown."""

    without_examples: Literal["accept", "error"] = "accept"
    """Where a statement shows no examples: accept what speaks for nothing and against nothing, or leave the problem out."""


class VisibleTestsVerifier(CodeVerifier):
    """The examples in the problem's statement, run in a sandbox; the hidden tests are never seen."""

    Options: ClassVar[type[BaseModel]] = VisibleTestsOptions
    version: ClassVar[str] = "2"
    sees_answer: ClassVar[bool] = False
    options: VisibleTestsOptions

    def start(self, candidate: Candidate, *rest: Any) -> Any:
        """Accept at once where there is nothing to run; else start the run."""
        if self.options.without_examples == "accept" and visible_suite(candidate.problem) is None:
            return Verdict(outcome=Outcome.CORRECT, score=1.0, detail=_NOTHING_SHOWN)
        return super().start(candidate, *rest)

    def tests(self, problem: Problem) -> Suite:
        """Return the visible tests of a problem."""
        suite = visible_suite(problem)
        if suite is None:
            raise InvalidInputError(
                f"{_NOTHING_SHOWN}: problem '{problem.problem_id}' has no visible_tests in its metadata either. "
                "`without_examples: accept` accepts every program there."
            )
        return suite


def visible_suite(problem: Problem) -> Suite | None:
    """Return what a problem's statement shows as tests, or None; what is hidden is not looked at."""
    given: Mapping[str, Any] | None = problem.metadata.get("visible_tests")
    if given is not None:
        known = {name: problem.metadata[name] for name in _NAMED if name in problem.metadata}
        return (
            suite_of(replace(problem, metadata=known, hidden=given))
            if given.get("stdin_tests") or given.get("tests")
            else None
        )
    text = problem.metadata.get("code_prompt") or shown_text(problem)
    return _suite_in(str(text), problem.metadata.get("entry_point"))


_NAMED = ("code_prompt", "entry_point")
_suite_in = lru_cache(maxsize=4096)(shown_suite)
