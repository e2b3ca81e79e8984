"""The verifier `rocq`: a proof is right if Rocq (Coq) accepts it for *the given* statement, from allowed axioms.

The problem's metadata holds

* ``formal_statement``: a whole file that states the theorem last and leaves it open (``Proof. Admitted.``),
  as in miniF2F;
* ``theorem``: its name; without it, the last ``Theorem``, ``Lemma``, ``Example``, ``Fact`` or ``Corollary``
  of the file.

The completion is a whole file that proves a theorem of that name, or only a proof script, which is then put
below the statement.

Nothing is decided by searching the text. Three files are compiled, each in a sandbox:

1. the statement as given, into a library that the proof never touches;
2. the proof file, by itself, so that what it does to notations, scopes or flags ends with it;
3. a check that elaborates nothing of the proof's: it takes the *type* of the given theorem from the first
   library, loads the second without importing it, asks the kernel whether the proof has that type, and prints
   the assumptions it rests on.

So a theorem restated more weakly, with redefined notions, another theorem of the same name, ``Admitted``,
``Axiom``, a switched-off guard checker: all show up in the third step. The axioms printed are resolved to
their full names (a proof file may call its own axiom like an innocent one) and compared with the allow list.
The second file's library crosses as data; coqc has no commands that run programs, and whatever it writes
stays in its sandbox.

Statements that define inductive types or records of their own cannot always be compared this way, because two
copies of such a definition are two different types: where the third step fails on one, that is an error, not a
wrong answer. (None of miniF2F does.)
"""

import re
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, Field

from ttscale.errors import VerifierError
from ttscale.execution.sandbox import Completed, Limits, View, run_sandboxed
from ttscale.types import Outcome, Problem, Verdict
from ttscale.verifiers.proof.checking import ProofVerifier, stated
from ttscale.verifiers.proof.source import declares
from ttscale.verifiers.reasoning import ReadingOptions

CLASSICAL_AXIOMS = (
    "Coq.Logic.FunctionalExtensionality.functional_extensionality_dep",
    "Coq.Logic.Classical_Prop.classic",
    "Coq.Logic.PropExtensionality.propositional_extensionality",
    "Coq.Logic.ClassicalEpsilon.constructive_indefinite_description",
    "Coq.Logic.Epsilon.epsilon_statement",
    "Coq.Logic.ProofIrrelevance.proof_irrelevance",
    "Coq.Logic.Eqdep.Eq_rect_eq.eq_rect_eq",
    "Coq.Logic.JMeq.JMeq_eq",
    "Coq.Reals.ClassicalDedekindReals.sig_forall_dec",
    "Coq.Reals.ClassicalDedekindReals.sig_not_dec",
)
"""Axioms of the standard library that its real numbers, classical logic and extensionality rest on."""

_KEYWORDS = "Theorem|Lemma|Example|Fact|Corollary|Proposition|Remark"
_STATES = re.compile(rf"\b(?:{_KEYWORDS})\s+([A-Za-z_][\w']*)")
_NEW_TYPE = re.compile(r"\b(?:Inductive|CoInductive|Variant|Record|Structure|Class)\s")
_ENDING = re.compile(r"(?:\bProof\s*\.)?\s*\bAdmitted\s*\.\s*\Z")
_COMMENT = re.compile(r"\(\*.*?\*\)", re.DOTALL)
_ENTRY = re.compile(r"^([A-Za-z_][\w'.]*)(?:\s*:|\s*$)")
_CLOSED = "Closed under the global context"
_CONFIGURATION = tuple(path for path in ("/etc/ocamlfind.conf",) if Path(path).exists())
_LIBRARY_BYTES = 64 << 20

_CHECK = """
Require Statement.
Definition ttscale_statement := ltac:(let t := type of @Statement.{name} in exact t).
Require Answer.
Definition ttscale_proof : ttscale_statement := @Answer.{name}.
Eval compute in tt.
Print Assumptions ttscale_proof.
"""


class RocqOptions(ReadingOptions):
    """Options of `rocq`."""

    coqc: str = "coqc"
    """The compiler; found on PATH, or a path."""
    readable: tuple[str, ...] = ()
    """Folders outside /usr that it needs, such as an opam switch."""
    arguments: tuple[str, ...] = ()
    """More arguments for it, such as -R folders; the same for statements and proofs."""
    allowed_axioms: tuple[str, ...] = CLASSICAL_AXIOMS
    """Full names of the axioms that a proof may rest on, besides none at all."""
    timeout_s: float = Field(default=60.0, gt=0)
    """Wall time of each of the three steps."""
    memory_mb: int = Field(default=4096, ge=256)
    """Address space of the compiler (MiB)."""
    workers: int = Field(default=1, ge=1)
    """Proofs checked at a time."""
    unsafe_no_sandbox: bool = False
    """Run in the open."""


class _NotAProofError(Exception):
    """The proof was refused; carries the verdict."""

    def __init__(self, outcome: Outcome, detail: str) -> None:
        super().__init__(detail)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class _Statement:
    """A problem's statement, compiled.

    Attributes:
        name: The theorem.
        source: The file as given.
        library: The compiled file, where the theorem is an axiom.
    """

    name: str
    source: str
    library: bytes


class RocqVerifier(ProofVerifier[_Statement]):
    """Checks proofs with coqc."""

    Options: ClassVar[type[BaseModel]] = RocqOptions
    options: RocqOptions

    def require_tools(self) -> None:
        """Look for the compiler."""
        _ = self._program

    @cached_property
    def _program(self) -> str:
        found = shutil.which(self.options.coqc)
        if found is None:
            raise VerifierError(
                f"'{self.options.coqc}' is not installed. Install Rocq (apt install coq, or opam install coq), "
                "or give its path as the option 'coqc' and its folder in 'readable'."
            )
        return found

    def statement_of(self, problem: Problem) -> tuple[str, str]:
        """Return the theorem's name and the file that states it."""
        name, source = stated(problem, _STATES, _COMMENT)
        return name, source if _ENDING.search(source) else f"{source.rstrip()}\nAdmitted.\n"

    def check(self, statement: _Statement, answer: str) -> Verdict:
        """Compile a proof, then ask what it proves and rests on."""
        try:
            seconds = self._check(statement, answer)
        except _NotAProofError as error:
            score = None if error.outcome is Outcome.ERROR else 0.0
            return Verdict(outcome=error.outcome, score=score, detail=str(error))
        return Verdict(outcome=Outcome.CORRECT, score=1.0, seconds=seconds)

    def _check(self, statement: _Statement, answer: str) -> float:
        """Compile the answer and check it; return the seconds it took, or raise the verdict."""
        compiled = self._coqc({"Answer.v": as_file(answer, statement)}, "Answer", keep=True)
        _require(compiled, "the proof is not accepted")
        libraries = {"Statement.vo": statement.library, "Answer.vo": compiled.stdout}
        check = _CHECK.format(name=statement.name)
        checked = self._coqc({**libraries, "Check.v": check}, "Check")
        if checked.exit_code != 0 and _NEW_TYPE.search(_COMMENT.sub(" ", statement.source)):
            raise _NotAProofError(Outcome.ERROR, f"the statement defines types of its own: {_said(checked)}")
        _require(checked, "it is not a proof of the given statement")
        shown = assumptions(checked.stdout.decode(errors="replace"))
        if shown:
            asked = check + "".join(f"Locate {name}.\n" for name in shown)
            located = self._coqc({**libraries, "Check.v": asked}, "Check")
            _require(located, "its assumptions cannot be resolved")
            self._allow(located.stdout.decode(errors="replace"), len(shown))
        return compiled.seconds + checked.seconds

    def _allow(self, said: str, expected: int) -> None:
        found = re.findall(r"^(Constant|Inductive|Module|Notation|Ltac) (\S+)$", said, re.MULTILINE)
        names = [name for kind, name in found if kind == "Constant"]
        allowed = {_without_library(name) for name in self.options.allowed_axioms}
        foreign = [name for name in names if _without_library(name) not in allowed]
        if foreign or len(names) != expected:
            raise _NotAProofError(
                Outcome.INCORRECT, f"it rests on: {', '.join(foreign) or 'unknown assumptions'}"
            )

    def compile_statement(self, name: str, source: str) -> _Statement:
        """Compile the file that states a theorem."""
        done = self._coqc({"Statement.v": source}, "Statement", keep=True)
        if done.exit_code != 0:
            raise ValueError(f"the statement itself does not compile: {_said(done)}")
        return _Statement(name, source, done.stdout)

    def _coqc(self, files: dict[str, str | bytes], unit: str, *, keep: bool = False) -> Completed:
        """Compile a unit; with `keep`, its library is what comes back as standard output."""
        options = self.options
        content = {
            f"/tmp/{name}": data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
            for name, data in files.items()
        }
        compile_it = [self._program, "-q", *options.arguments, "-R", "/tmp", "''", f"/tmp/{unit}.v"]
        line = " ".join(part if part == "''" else f"'{part}'" for part in compile_it)
        script = f"{line} 1>&2 && cat /tmp/{unit}.vo" if keep else line
        return run_sandboxed(
            ["sh", "-c", script],
            limits=Limits(
                wall_s=options.timeout_s, memory_bytes=options.memory_mb << 20,
                file_bytes=_LIBRARY_BYTES, output_bytes=_LIBRARY_BYTES, tmp_bytes=2 * _LIBRARY_BYTES,
            ),
            view=View(readable=(*options.readable, *_CONFIGURATION), files=content),
            unsafe_no_sandbox=options.unsafe_no_sandbox,
        )  # fmt: skip


def as_file(answer: str, statement: _Statement) -> str:
    """Return an answer as a file: as it is where it states the theorem, else below the statement."""
    if declares(_COMMENT.sub(" ", answer), statement.name, _KEYWORDS):
        return answer
    above = _ENDING.sub("", statement.source).rstrip()
    script = answer.strip()
    opened = script if script.startswith("Proof") else f"Proof.\n{script}"
    closed = opened if re.search(r"\b(?:Qed|Defined|Admitted|Abort)\s*\.\s*\Z", opened) else f"{opened}\nQed."
    return f"{above}\n{closed}\n"


def _without_library(name: str) -> str:
    """Drop the standard library's own name, which changed with Rocq 9."""
    return re.sub(r"^(?:Coq|Stdlib|Corelib)\.", "", name)


def assumptions(said: str) -> list[str]:
    """Return the names that ``Print Assumptions`` lists, as printed; none if the proof is closed.

    Raises:
        _NotAProofError: It lists something other than axioms, such as a theory with a checker switched off.
    """
    _, _, listed = said.partition("= tt\n     : unit\n")
    if listed.strip() == _CLOSED:
        return []
    head, _, entries = listed.lstrip("\n").partition("\n")
    lines = [line for line in entries.split("\n") if line and not line.startswith(" ")]
    names = [match.group(1) for line in lines if (match := _ENTRY.match(line)) is not None]
    if head.strip() != "Axioms:" or len(names) != len(lines) or not names or "assumed" in entries:
        raise _NotAProofError(Outcome.INCORRECT, f"it rests on: {' '.join(listed.split())[:300]}")
    return names


def _require(done: Completed, otherwise: str) -> None:
    if done.timed_out:
        raise _NotAProofError(Outcome.TIMEOUT, "the checker ran out of time")
    if done.exit_code != 0:
        raise _NotAProofError(Outcome.INCORRECT, f"{otherwise}: {_said(done)}")


def _said(done: Completed) -> str:
    text = (done.stderr or done.stdout).decode("utf-8", "replace")
    _, found, error = text.rpartition("Error:")
    return " ".join((error if found else text).split())[:300]
