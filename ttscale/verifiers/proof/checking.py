"""What every proof checker shares: extract the proof, compile the statement once, check in a sandbox."""

import re
from abc import abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, ClassVar, Generic, TypeVar

from ttscale.execution.sandbox import require_sandbox
from ttscale.types import Outcome, Problem, Verdict
from ttscale.verifiers.contract import Candidate, failed
from ttscale.verifiers.proof.source import fenced_or_all
from ttscale.verifiers.reasoning import ReadingVerifier

Statement = TypeVar("Statement")

_REMEMBERED = 1024
"""Compiled statements kept."""


class ProofVerifier(ReadingVerifier, Generic[Statement]):
    """Checks proofs of formal statements.

    Args:
        options: With `workers` and `unsafe_no_sandbox`.
    """

    version: ClassVar[str] = "2"
    sees_answer: ClassVar[bool] = True

    def __init__(self, options: Any) -> None:
        super().__init__(options)
        self._compiled = lru_cache(_REMEMBERED)(self.compile_statement)

    @abstractmethod
    def require_tools(self) -> None:
        """Raise `VerifierError`, with the fix, where the checker is not installed."""

    @abstractmethod
    def statement_of(self, problem: Problem) -> tuple[str, str]:
        """Return a problem's theorem and the file that states it; `ValueError` where it has none."""

    @abstractmethod
    def compile_statement(self, name: str, source: str) -> Statement:
        """Compile the file that states a theorem; `ValueError` where that fails."""

    @abstractmethod
    def check(self, statement: Statement, answer: str) -> Verdict:
        """Judge one proof."""

    def _verify(self, batch: Sequence[Candidate]) -> list[Verdict]:
        require_sandbox(unsafe_no_sandbox=self.options.unsafe_no_sandbox)
        self.require_tools()
        with ThreadPoolExecutor(self.options.workers) as threads:
            return list(threads.map(self._verdict_on, batch))

    def _verdict_on(self, candidate: Candidate) -> Verdict:
        answer = fenced_or_all(candidate.sample.completion)
        if answer is None:
            return Verdict(outcome=Outcome.NO_ANSWER, detail="no proof in the completion")
        try:
            statement = self._compiled(*self.statement_of(candidate.problem))
        except ValueError as error:
            return failed(str(error))
        return self.check(statement, answer)


def stated(problem: Problem, states: re.Pattern[str], comment: re.Pattern[str]) -> tuple[str, str]:
    """Return a problem's theorem, by name, and its formal statement as given.

    Args:
        problem: With `formal_statement` and perhaps `theorem` in its metadata.
        states: Finds what is stated; its group is the name.
        comment: Finds comments, in which nothing is stated.

    Raises:
        ValueError: The metadata lacks it.
    """
    source = problem.metadata.get("formal_statement")
    if not source:
        raise ValueError(f"problem '{problem.problem_id}' has no 'formal_statement' in its metadata")
    names = states.findall(comment.sub(" ", source))
    name = problem.metadata.get("theorem") or (names[-1] if names else None)
    if name is None:
        raise ValueError(f"problem '{problem.problem_id}' states no theorem")
    return str(name), str(source)
