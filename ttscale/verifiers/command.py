"""Any program as a verifier: it reads a candidate, and says by exit code or JSON whether it is right.

The program gets the completion on standard input, or as a file where an argument is ``{completion}``;
``{problem}`` is replaced by a JSON file with `problem_id`, `prompt`, `messages`, `metadata` and, for
`command-oracle` alone, `answer`. It runs in the sandbox once per candidate: no network, a private ``/tmp``,
nothing of the user's files but the paths in `readable`.

Verdict by ``exit-code``: 0 correct, 1 incorrect, anything else is the program's own failure: an error (a
Python script that crashes exits with 1, so let it speak JSON instead). Verdict by ``json``: the last line of
standard output, an object with `outcome` ("correct", "incorrect", "no_answer") or `correct` (true, false), or
only a `score` (number), and optionally `score`, `answer`, `answer_class`, `detail`. A program that says
neither is an error.
"""

import json
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, Field

from ttscale.execution.sandbox import Completed, Limits, View, require_sandbox, run_sandboxed
from ttscale.types import Outcome, Verdict
from ttscale.verifiers.contract import Candidate, by_threshold, failed
from ttscale.verifiers.reasoning import ReadingOptions, ReadingVerifier

_SPOKEN = (Outcome.CORRECT, Outcome.INCORRECT, Outcome.NO_ANSWER, Outcome.SCORED)
_SHOWN = 500


class CommandOptions(ReadingOptions):
    """Options of `command` and `command-oracle`."""

    command: tuple[str, ...] = Field(min_length=1)
    """The program and its arguments; ``{completion}`` and ``{problem}`` stand for files."""
    verdict: Literal["exit-code", "json"] = "exit-code"
    """How the program says its verdict."""
    accept_at: float | None = None
    """With ``json`` and only a score: correct from this score on; None: only scored, which is an error of an
    oracle."""
    readable: tuple[str, ...] = ()
    """Files and folders of yours that the program may read, at the same place."""
    environment: dict[str, str] = Field(default_factory=dict)
    """The program's environment variables."""
    timeout_s: float = Field(default=30.0, gt=0)
    """Wall time of each run."""
    memory_mb: int = Field(default=2048, ge=64)
    """Address space of each process (MiB)."""
    processes: int = Field(default=64, ge=1)
    """Processes and threads of each run."""
    workers: int = Field(default=1, ge=1)
    """Runs at a time."""
    unsafe_no_sandbox: bool = False
    """Run in the open: network, files and all."""


class CommandVerifier(ReadingVerifier):
    """A program of the user's that does not see the answer key."""

    Options: ClassVar[type[BaseModel]] = CommandOptions
    version: ClassVar[str] = "3"
    sees_answer: ClassVar[bool] = False
    options: CommandOptions

    def _verify(self, batch: Sequence[Candidate]) -> list[Verdict]:
        require_sandbox(unsafe_no_sandbox=self.options.unsafe_no_sandbox)
        with ThreadPoolExecutor(self.options.workers) as threads:
            return list(threads.map(self._verdict_on, batch))

    def _verdict_on(self, candidate: Candidate) -> Verdict:
        options = self.options
        try:
            done = run_sandboxed(
                [_PLACES.get(part, part) for part in options.command],
                limits=self._limits(),
                view=View(
                    readable=options.readable, files=self._files(candidate), environment=options.environment
                ),
                stdin=_encoded(candidate.sample.completion),
                unsafe_no_sandbox=options.unsafe_no_sandbox,
            )
        except OSError as error:
            return failed(str(error))
        if done.timed_out:
            return failed(f"the command took more than {options.timeout_s:g} s", seconds=done.seconds)
        read = _by_json if options.verdict == "json" else _by_exit_code
        return read(done, options)

    def _limits(self) -> Limits:
        options = self.options
        return Limits(
            wall_s=options.timeout_s,
            cpu_s=math.inf,
            memory_bytes=options.memory_mb << 20,
            processes=options.processes,
        )

    def _files(self, candidate: Candidate) -> dict[str, bytes]:
        problem = candidate.problem
        known = {
            "problem_id": problem.problem_id,
            "prompt": problem.prompt,
            "messages": [asdict(message) for message in problem.messages or ()],
            "metadata": dict(problem.metadata),
        }
        if self.sees_answer:
            known["answer"] = problem.answer
        files = {
            "{completion}": _encoded(candidate.sample.completion),
            "{problem}": json.dumps(known, default=str).encode(),
        }
        return {_PLACES[part]: data for part, data in files.items() if part in self.options.command}


class CommandOracle(CommandVerifier):
    """A program of the user's that sees the answer key and defines *correct*."""

    sees_answer: ClassVar[bool] = True


_PLACES = {"{completion}": "/tmp/completion.txt", "{problem}": "/tmp/problem.json"}


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _by_exit_code(done: Completed, options: CommandOptions) -> Verdict:
    outcome = {0: Outcome.CORRECT, 1: Outcome.INCORRECT}.get(done.exit_code, Outcome.ERROR)
    detail = None if outcome is Outcome.CORRECT else _complaint(done)
    score = None if outcome is Outcome.ERROR else float(outcome is Outcome.CORRECT)
    return Verdict(outcome=outcome, score=score, seconds=done.seconds, detail=detail)


def _by_json(done: Completed, options: CommandOptions) -> Verdict:
    if done.exit_code != 0 or done.output_exceeded:
        return failed(_complaint(done), seconds=done.seconds)
    lines = done.stdout.decode("utf-8", "replace").strip().split("\n")
    try:
        said = json.loads(lines[-1])
        score = _score(said)
        outcome = _outcome(said, score, options.accept_at)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        why = f"the command's last line is no verdict ({error}): {lines[-1][:_SHOWN]}"
        return failed(why, seconds=done.seconds)
    return Verdict(
        outcome=outcome, score=score, seconds=done.seconds,
        answer=_text(said, "answer"), answer_class=_text(said, "answer_class"), detail=_text(said, "detail"),
    )  # fmt: skip


def _score(said: dict[str, Any]) -> float | None:
    score = said.get("score")
    if score is None:
        return None
    if isinstance(score, bool) or not isinstance(score, int | float) or not math.isfinite(score):
        raise ValueError(f"score {score!r} is not a finite number")
    return float(score)


def _outcome(said: dict[str, Any], score: float | None, accept_at: float | None) -> Outcome:
    if "outcome" in said:
        outcome = Outcome(said["outcome"])
        if outcome not in _SPOKEN:
            raise ValueError(f"outcome {said['outcome']!r} is not among {', '.join(_SPOKEN)}")
        return outcome
    if "correct" in said:
        if not isinstance(said["correct"], bool):
            raise ValueError(f"correct {said['correct']!r} is neither true nor false")
        return Outcome.CORRECT if said["correct"] else Outcome.INCORRECT
    if score is None:
        raise ValueError("neither outcome, correct nor score")
    return by_threshold(score, accept_at)


def _text(said: dict[str, Any], name: str) -> str | None:
    return None if said.get(name) is None else str(said[name])


def _complaint(done: Completed) -> str:
    why = "it wrote too much" if done.output_exceeded else f"exit code {done.exit_code}"
    said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()[-_SHOWN:]
    return f"{why}: {said}" if said else why
