"""The verifier `lean`: a proof is right if Lean 4 accepts it for *the given* statement, from allowed axioms.

It needs a built Lean 4 project of yours (``lake build`` done; with Mathlib, if the statements use it). The
problem's metadata holds

* ``formal_statement``: states the theorem last, with its proof left open (``:= by sorry``, or ``:= by`` as in
  miniF2F);
* ``header``: imports and options to put above it, if it is no whole file;
* ``theorem``: its name; without it, the last ``theorem`` or ``lemma`` of the file.

The completion is a whole file that proves a theorem of that name, or what comes after ``:=`` in place of
``sorry``.

Nothing is decided by searching the text for ``sorry``: a macro can hide it, and a comment may name it.
Statement and answer are compiled to two ``.olean`` files, and a third program, which runs nothing of the
answer's, loads both environments side by side and compares what is in them: the theorem's type must be the
same expression, every definition that the statement's file makes must be unchanged in the answer's, and the
axioms that the proof rests on (`sorryAx` is one) must be in the allow list.

Limits. Lean runs the answer's own metaprograms while it compiles it, in the sandbox; such a program can put a
declaration into the answer's environment that the kernel never saw. Set ``replay: true`` to have the kernel
check every declaration of the answer again (it needs `lean4checker` in the project, and takes longer). This
module's Lean program follows Lean 4's documented interface, but no Lean was at hand where ttscale is
developed: the tests cover the commands that are built and the answers that are read, not Lean itself. Try it
on a proof you know, and on ``sorry``, before you rely on it.
"""

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, Field

from ttscale.errors import VerifierError
from ttscale.execution.sandbox import Completed, Limits, View, run_sandboxed
from ttscale.plain_files import real_path, user_path
from ttscale.types import Outcome, Problem, Verdict
from ttscale.verifiers.contract import failed
from ttscale.verifiers.proof.checking import ProofVerifier, stated
from ttscale.verifiers.proof.source import declares
from ttscale.verifiers.reasoning import ReadingOptions

STANDARD_AXIOMS = ("propext", "Classical.choice", "Quot.sound")
"""The axioms of Lean's own logic, on which most of Mathlib rests."""

_KEYWORDS = "theorem|lemma"
_STATES = re.compile(rf"\b(?:{_KEYWORDS})\s+([^\s:({{\[]+)")
_COMMENT = re.compile(r"/-.*?-/|--[^\n]*", re.DOTALL)
_OPEN_PROOF = re.compile(r":=\s*(?:by\b)?\s*(?:sorry)?\s*\Z")
_OLEAN_BYTES = 256 << 20
_MARK = "TTSCALE "

_CHECK = """import Lean
open Lean

def axiomsOf (env : Environment) (name : Name) : Array Name :=
  let (_, state) := ((CollectAxioms.collect name).run env).run {}
  state.axioms

def changed (target answer : Environment) (index : ModuleIdx) : List String := Id.run do
  let mut found := []
  for (name, info) in target.constants.map₁.toList do
    if target.getModuleIdxFor? name == some index && !info.isTheorem && !(info matches .axiomInfo _) then
      match answer.find? name with
      | some other =>
        if other.type != info.type || other.value? != info.value? then found := name.toString :: found
      | none => found := name.toString :: found
  return found

def main (arguments : List String) : IO Unit := do
  let name := (arguments[0]!).toName
  initSearchPath (← findSysroot)
  let target ← importModules #[{module := `Statement}] {}
  let answer ← importModules #[{module := `Answer}] {}
  let report ← match target.find? name, answer.find? name with
    | some wanted, some given => do
      let index := (target.getModuleIdx? `Statement).get!
      pure <| Json.mkObj [
        ("same_type", Json.bool (wanted.type == given.type && wanted.levelParams == given.levelParams)),
        ("is_theorem", Json.bool given.isTheorem),
        ("changed", toJson (changed target answer index)),
        ("axioms", toJson ((axiomsOf answer name).toList.map Name.toString))]
    | _, none => pure <| Json.mkObj [("missing", Json.str "answer")]
    | none, _ => pure <| Json.mkObj [("missing", Json.str "statement")]
  IO.println s!"TTSCALE {report.compress}"
"""


class LeanOptions(ReadingOptions):
    """Options of `lean`."""

    project: str
    """Folder of a built Lean 4 project, with a lakefile and what the statements import."""
    lake: str = "lake"
    """Lean's build tool; found on PATH, or a path."""
    readable: tuple[str, ...] = ("~/.elan",)
    """Folders outside /usr and the project that Lean needs: where its toolchain lives."""
    allowed_axioms: tuple[str, ...] = STANDARD_AXIOMS
    """Axioms that a proof may rest on, besides none at all."""
    replay: bool = False
    """Have lean4checker check every declaration of the answer again."""
    timeout_s: float = Field(default=300.0, gt=0)
    """Wall time of each step."""
    memory_mb: int = Field(default=16384, ge=1024)
    """Address space of each process (MiB); Lean maps all of Mathlib."""
    workers: int = Field(default=1, ge=1)
    """Proofs checked at a time."""
    unsafe_no_sandbox: bool = False
    """Run in the open."""


@dataclass(frozen=True, slots=True)
class LeanStep:
    """One run of Lean.

    Attributes:
        argv: The command, as seen from inside.
        files: Place inside -> content.
    """

    argv: tuple[str, ...]
    files: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class _Statement:
    """A theorem, the file that states it, and that file compiled."""

    name: str
    source: str
    olean: bytes


class LeanVerifier(ProofVerifier[_Statement]):
    """Checks proofs with an external Lean 4 project."""

    Options: ClassVar[type[BaseModel]] = LeanOptions
    options: LeanOptions

    def require_tools(self) -> None:
        """Look for Lean and the project."""
        project = user_path(self.options.project, VerifierError)
        if shutil.which(self.options.lake) is None:
            raise VerifierError(
                f"'{self.options.lake}' is not installed. Install Lean 4 with elan (https://github.com/leanprover/elan), "
                "or give its path as the option 'lake'."
            )
        if not any((project / name).exists() for name in ("lakefile.lean", "lakefile.toml")):
            raise VerifierError(
                f"'{project}' is no Lean project: it has no lakefile. Give a built project as 'project'."
            )

    def statement_of(self, problem: Problem) -> tuple[str, str]:
        """Return the theorem's name and the file that states it."""
        return statement_of(problem)

    def compile_statement(self, name: str, source: str) -> _Statement:
        """Compile the file that states a theorem."""
        done = self._run(compile_step("Statement", source, self.options.lake))
        if done.exit_code != 0:
            raise ValueError(f"the statement itself does not compile: {_said(done)}")
        return _Statement(name, source, done.stdout)

    def check(self, statement: _Statement, answer: str) -> Verdict:
        """Compile a proof, then inspect what came of it."""
        lake = self.options.lake
        compiled = self._run(compile_step("Answer", as_file(answer, statement.name, statement.source), lake))
        if compiled.exit_code != 0:
            return _refused(compiled, "the proof is not accepted")
        oleans = {"/tmp/Statement.olean": statement.olean, "/tmp/Answer.olean": compiled.stdout}
        if self.options.replay:
            replayed = self._run(replay_step(oleans, lake))
            if replayed.exit_code != 0:
                return _refused(replayed, "the kernel does not accept it when it is replayed")
        checked = self._run(check_step(oleans, statement.name, lake))
        return read_report(checked, self.options.allowed_axioms)

    def _run(self, step: LeanStep) -> Completed:
        options = self.options
        project = str(real_path(user_path(options.project, VerifierError), VerifierError))
        readable = tuple(
            str(path) for each in options.readable if (path := user_path(each, VerifierError)).exists()
        )
        home = str(Path.home())  # elan finds its toolchains there
        return run_sandboxed(
            step.argv,
            limits=Limits(
                wall_s=options.timeout_s, memory_bytes=options.memory_mb << 20, processes=64, open_files=65536,
                file_bytes=_OLEAN_BYTES, output_bytes=_OLEAN_BYTES, tmp_bytes=2 * _OLEAN_BYTES,
            ),
            view=View(
                readable=(project, *readable), files=step.files, directory=project,
                environment={"HOME": home, "PATH": f"{home}/.elan/bin:/usr/local/bin:/usr/bin:/bin"},
            ),
            unsafe_no_sandbox=options.unsafe_no_sandbox,
        )  # fmt: skip


def compile_step(unit: str, source: str, lake: str) -> LeanStep:
    """Return the step that compiles a file; its ``.olean`` comes back as standard output."""
    script = f"'{lake}' env lean -o /tmp/{unit}.olean /tmp/{unit}.lean 1>&2 && cat /tmp/{unit}.olean"
    return LeanStep(("sh", "-c", script), {f"/tmp/{unit}.lean": source.encode("utf-8", "surrogatepass")})


def check_step(oleans: dict[str, bytes], name: str, lake: str) -> LeanStep:
    """Return the step that compares the two environments and prints a report."""
    argv = ("sh", "-c", f'{_with_oleans(lake)} lean --run /tmp/Check.lean "$0"', name)
    return LeanStep(argv, {**oleans, "/tmp/Check.lean": _CHECK.encode()})


def replay_step(oleans: dict[str, bytes], lake: str) -> LeanStep:
    """Return the step that has the kernel check the answer's declarations again."""
    return LeanStep(("sh", "-c", f"{_with_oleans(lake)} lean4checker Answer"), oleans)


def _with_oleans(lake: str) -> str:
    """Return the shell words that run a command of the project with /tmp added to Lean's search path."""
    path = f"export LEAN_PATH=\"$('{lake}' env printenv LEAN_PATH):/tmp\""
    return f"{path}; exec '{lake}' env env LEAN_PATH=\"$LEAN_PATH\""


def read_report(done: Completed, allowed_axioms: Sequence[str]) -> Verdict:
    """Turn what the check printed into a verdict; where it did not report, that is an error."""
    lines = [line for line in done.stdout.decode("utf-8", "replace").split("\n") if line.startswith(_MARK)]
    if done.timed_out or done.exit_code != 0 or len(lines) != 1:
        return failed(f"the check did not report: {_said(done)}", seconds=done.seconds)
    reason = _objection(json.loads(lines[0].removeprefix(_MARK)), allowed_axioms)
    if reason is None:
        return Verdict(outcome=Outcome.CORRECT, score=1.0, seconds=done.seconds)
    return Verdict(outcome=Outcome.INCORRECT, score=0.0, seconds=done.seconds, detail=reason)


def _objection(report: dict[str, Any], allowed_axioms: Sequence[str]) -> str | None:
    """Return why a report speaks against the proof, or None."""
    if "missing" in report:
        return f"the theorem is missing from the {report['missing']}"
    if report["is_theorem"] is not True:
        return "it is not a theorem"
    if report["same_type"] is not True:
        return "it is not a proof of the given statement: its type differs"
    if report["changed"]:
        return f"it changes definitions of the statement: {', '.join(sorted(report['changed']))}"
    foreign = sorted(set(report["axioms"]) - set(allowed_axioms))
    return f"it rests on: {', '.join(foreign)}" if foreign else None


def statement_of(problem: Problem) -> tuple[str, str]:
    """Return the theorem's name and the file that states it.

    Raises:
        ValueError: The metadata lacks it, or the file does not end in an open proof.
    """
    name, source = stated(problem, _STATES, _COMMENT)
    if not _OPEN_PROOF.search(source):
        raise ValueError(
            f"the statement of problem '{problem.problem_id}' does not end in an open proof, such as ':= by sorry'"
        )
    above = _OPEN_PROOF.sub("", source).rstrip()
    return name, f"{problem.metadata.get('header', '')}{above} := by sorry\n"


def as_file(answer: str, name: str, statement: str) -> str:
    """Return an answer as a file: as it is where it states the theorem, else in place of ``sorry``."""
    if declares(_COMMENT.sub(" ", answer), name, _KEYWORDS):
        return answer
    above = _OPEN_PROOF.sub("", statement).rstrip()
    proof = answer.strip().removeprefix(":=").strip()
    if not proof.startswith("by"):
        proof = "by\n  " + proof.replace("\n", "\n  ")
    return f"{above} := {proof}\n"


def _refused(done: Completed, why: str) -> Verdict:
    if done.timed_out:
        return Verdict(
            outcome=Outcome.TIMEOUT, score=0.0, seconds=done.seconds, detail="Lean ran out of time"
        )
    return Verdict(outcome=Outcome.INCORRECT, score=0.0, seconds=done.seconds, detail=f"{why}: {_said(done)}")


def _said(done: Completed) -> str:
    return " ".join((done.stderr or done.stdout).decode("utf-8", "replace").split())[-300:]
