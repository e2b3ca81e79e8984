"""The tasks `minif2f-lean` and `minif2f-rocq`: formal statements to be proved (Zheng et al. 2021).

miniF2F (https://arxiv.org/abs/2109.00110) has 488 statements, half ``valid``, half ``test``. The Lean 4 ones are those
of DeepSeek-Prover-V1.5 (MIT), read from its repository at a fixed commit. The Rocq ones are those of LLM4Rocq
(https://github.com/LLM4Rocq/miniF2F-rocq, MIT): clone it and give the folder, or an archive of it. Both are tested on local copies;
the download is not.
"""

import re
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import ClassVar, Literal

from pydantic import BaseModel

from ttscale.errors import TaskError
from ttscale.plain_files import user_path
from ttscale.tasks.contract import RecommendedVerifiers, TaskInfo
from ttscale.tasks.data_task import DataOptions, DataTask
from ttscale.tasks.loading import digest_of
from ttscale.tasks.rows import Row, require_columns
from ttscale.types import Problem

LEAN_TEMPLATE = (
    "Prove this theorem in Lean 4 with Mathlib. Give the whole file, with the proof in place of `sorry`, in one code "
    "block.\n\n```lean4\n{header}{informal}{statement}  sorry\n```\n"
)
"""The prompt; its parts are {header}, {informal} and {statement}."""

ROCQ_TEMPLATE = (
    "Prove this theorem in Rocq (Coq). Give the whole file, with the proof in place of `Admitted.`, in one code block."
    "\n\n```coq\n{statement}\n```\n"
)
"""The prompt; its part is {statement}."""

_COMMIT = "2c4ba9119eef74d0d611f494261b2c5bae98c69a"
_LEAN = f"https://raw.githubusercontent.com/deepseek-ai/DeepSeek-Prover-V1.5/{_COMMIT}/datasets/minif2f.jsonl"

Split = Literal["valid", "test", "all"]


class MiniF2FLeanOptions(DataOptions):
    """Options of `minif2f-lean`."""

    path: str = _LEAN
    """An address or a local JSONL file with `name`, `split`, `formal_statement`, `header`, `informal_prefix`."""
    split: Split = "test"
    """Half of the statements, of a file too, or all."""
    informal: bool = True
    """Whether the prompt has the statement in words, too."""


class MiniF2FLeanTask(DataTask[MiniF2FLeanOptions]):
    """miniF2F in Lean 4: 244 olympiad and textbook statements."""

    Options: ClassVar[type[BaseModel]] = MiniF2FLeanOptions
    about: ClassVar[TaskInfo] = TaskInfo(
        source="github.com/deepseek-ai/DeepSeek-Prover-V1.5", license="MIT", problems=244
    )
    verifiers: ClassVar[RecommendedVerifiers] = ("lean",)
    columns: tuple[str, ...] = ("name", "split", "formal_statement", "header")

    def read(self) -> list[Row]:
        """Read the statements of the split."""
        rows = super().read()
        return [row for row in rows if self.options.split in ("all", row["split"])]

    def problem(self, number: int, row: Row) -> Problem:
        """Turn a row into a problem."""
        informal = str(row.get("informal_prefix") or "") if self.options.informal else ""
        statement = str(row["formal_statement"])
        parts = {"header": row["header"], "informal": informal, "statement": statement}
        return Problem(
            problem_id=f"minif2f/{row['name']}",
            prompt=self.prompt(LEAN_TEMPLATE, parts),
            metadata={
                "formal_statement": statement,
                "header": row["header"],
                "theorem": row["name"],
                "split": row["split"],
            },
        )


class MiniF2FRocqOptions(DataOptions):
    """Options of `minif2f-rocq`."""

    path: str = ""
    """The repository's folder, or a tar archive of it: ``.v`` files below ``valid`` and ``test``."""
    split: Split = "test"
    """Half of the statements, or all."""


class MiniF2FRocqTask(DataTask[MiniF2FRocqOptions]):
    """miniF2F in Rocq: 244 olympiad and textbook statements."""

    Options: ClassVar[type[BaseModel]] = MiniF2FRocqOptions
    about: ClassVar[TaskInfo] = TaskInfo(
        source="github.com/LLM4Rocq/miniF2F-rocq", license="MIT", problems=244
    )
    verifiers: ClassVar[RecommendedVerifiers] = ("rocq",)
    columns: tuple[str, ...] = ("name", "split", "formal_statement")

    def read(self) -> list[Row]:
        """Read every statement below the folder or in the archive, sorted by split and name."""
        path = user_path(self.options.path, TaskError)
        if not self.options.path or not path.exists():
            raise TaskError(
                f"Task 'minif2f-rocq' needs the statements, and there is no '{self.options.path}': run "
                "git clone https://github.com/LLM4Rocq/miniF2F-rocq, and give the folder as 'path'."
            )
        files = sorted(_folder(path) if path.is_dir() else _archive(path))
        rows: list[Row] = [
            {"name": name.stem, "split": name.parent.name, "formal_statement": text}
            for name, text in files
            if name.parent.name in ("valid", "test") and self.options.split in ("all", name.parent.name)
        ]
        if not rows:
            raise TaskError(
                f"'{path}' has no .v files below a folder 'valid' or 'test' (split {self.options.split})."
            )
        require_columns(rows, self.columns, self.options.path)
        content = "\0".join(f"{row['split']}/{row['name']}\0{row['formal_statement']}" for row in rows)
        self.origin = f"{path.name} sha256:{digest_of(content.encode())}"
        return rows

    def problem(self, number: int, row: Row) -> Problem:
        """Turn a row into a problem."""
        statement = str(row["formal_statement"])
        return Problem(
            problem_id=f"minif2f/{row['name']}",
            prompt=self.prompt(ROCQ_TEMPLATE, {"statement": statement.strip()}),
            metadata={"formal_statement": statement, "theorem": _theorem(statement), "split": row["split"]},
        )


_STATES = re.compile(r"^\s*(?:Theorem|Lemma|Example|Fact|Corollary|Proposition)\s+([\w']+)", re.MULTILINE)


def _theorem(statement: str) -> str | None:
    """Return the name of the last theorem that a file states: not always the file's."""
    names = _STATES.findall(statement)
    return str(names[-1]) if names else None


def _folder(path: Path) -> Iterator[tuple[PurePosixPath, str]]:
    for file in path.rglob("*.v"):
        yield PurePosixPath(file.relative_to(path).as_posix()), file.read_text(encoding="utf-8")


def _archive(path: Path) -> Iterator[tuple[PurePosixPath, str]]:
    """Read the archive's files in memory: nothing is extracted, wherever a member's name may point."""
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                content = archive.extractfile(member) if member.name.endswith(".v") else None
                if content is not None:
                    yield PurePosixPath(member.name), content.read().decode("utf-8")
    except (tarfile.TarError, EOFError, UnicodeDecodeError) as error:
        raise TaskError(
            f"'{path}' is no readable tar archive: {error}. Give a folder or a .tar.gz."
        ) from error
