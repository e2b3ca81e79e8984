"""NeMo-Skills: ``output-rsSEED.jsonl``, one file per repeat with one line per problem, and ``output.jsonl``."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import NoneType
from typing import Any, ClassVar

from ttscale.errors import InvalidInputError
from ttscale.exchange.contract import (
    UNKNOWN,
    CellKey,
    ImportedSample,
    PlainImporter,
    ReadingNotes,
    Source,
    VerifierKey,
)
from ttscale.exchange.json_stream import first_record
from ttscale.exchange.lines import field, read_objects
from ttscale.exchange.values import judged, scored, text_of, text_or_empty, whole
from ttscale.plain_files import real_path
from ttscale.types import Outcome, Problem, Verdict

_NAME = re.compile(r"output(-rs(?P<seed>\d+))?\.jsonl(\.gz)?$")
_CUE = re.compile(r"\bjudge?ment[*_`\"']*\s*(?:is\b\s*)?:|\bjudge?ment\s+is\b", re.IGNORECASE)
_WORD = re.compile(
    r"[\s*_`\"'\[({]*(yes|no)(?![a-z])(?!\s+(?:idea|judge?ment|verdict|answer|way)\b)", re.IGNORECASE
)
_ONLY_WORD = re.compile(r"[\s*_`\"']*(yes|no)[*_`\"']*\s*(?:[.,!;:\n].*)?", re.IGNORECASE | re.DOTALL)
_IDS = ("id", "problem_id", "task_id", "question_id", "unique_id")
_PROMPTS = ("problem", "question", "prompt")
_VERDICTS = ("symbolic_correct", "is_correct", "is_correct-plus")
_METADATA = ("subject", "level", "subset_for_metrics", "reference_solution")
_KNOWN = frozenset({"generation", "judgement", "graded_list", "reward_model_score", "predicted_answer", "error"}
                   | {"expected_answer", "num_generated_tokens", "num_input_tokens", "finish_reason", "detailed_error"}
                   | {*_IDS, *_PROMPTS, *_VERDICTS, *_METADATA})  # fmt: skip


class NemoSkillsImporter(PlainImporter):
    """NeMo-Skills: output-rs*.jsonl, one file per seed."""

    title: ClassVar[str] = "NeMo-Skills"

    def recognizes(self, path: Path) -> bool:
        """Look for ``generation`` in a file of one of the names."""
        if path.is_dir():
            return bool(_files(path))
        record = first_record(path) if _NAME.match(path.name) else None
        return record is not None and "generation" in record

    def sources(self, path: Path) -> list[Source]:
        """Return the files by folder and seed; each is one repeat."""
        files = _files(path) if path.is_dir() else [path]
        return [Source(each, identity=f"seed {_seed(each)}") for each in files]

    def read(self, source: Source, notes: ReadingNotes) -> Iterator[ImportedSample]:
        """Yield the samples of one file."""
        path = source.path
        folder = real_path(path).parent.name
        cell = CellKey(self._options.model or UNKNOWN, self._options.task or folder)
        for number, record in read_objects(path):
            where = f"Line {number} of {path}"
            notes.leave_out(record, _KNOWN)
            if record.get("error"):
                notes.remark("Lines with an error in place of a generation are left out.")
                continue
            text = text_or_empty(field(record, "generation", (str, NoneType), where), notes)
            finish = record.get("finish_reason")
            yield ImportedSample(
                cell=cell,
                problem=_problem(record, number),
                position=0,
                completion=text,
                finish_reason=finish if isinstance(finish, str) else UNKNOWN,
                prompt_tokens=whole(record.get("num_input_tokens")),
                completion_tokens=whole(record.get("num_generated_tokens")),
                seed=_seed(path),
                verdicts=dict(_verdicts(record, where)),
            )


def _files(folder: Path) -> list[Path]:
    found = [each for each in folder.rglob("output*.jsonl*") if _NAME.match(each.name)]
    return sorted(found, key=lambda path: (path.parent, -1 if _seed(path) is None else _seed(path)))


def _seed(path: Path) -> int | None:
    match = _NAME.match(path.name)
    return int(match["seed"]) if match and match["seed"] else None


def _problem(record: dict[str, Any], number: int) -> Problem:
    """Name a problem by its id where it has one, otherwise by its line, as the tool itself does."""
    own = next((record[name] for name in _IDS if isinstance(record.get(name), str | int)), number - 1)
    prompt = next((record[name] for name in _PROMPTS if isinstance(record.get(name), str)), "")
    return Problem(
        problem_id=str(own),
        prompt=prompt,
        answer=text_of(record.get("expected_answer")),
        metadata={name: record[name] for name in _METADATA if record.get(name) is not None},
    )


def _verdicts(record: dict[str, Any], where: str) -> Iterator[tuple[VerifierKey, Verdict]]:
    answer = text_of(record.get("predicted_answer"))
    for name in _VERDICTS:
        verdict = judged(record.get(name), answer=answer, answer_class=answer)
        if verdict is not None:
            yield VerifierKey(name), verdict
    if isinstance(record.get("judgement"), str):
        yield VerifierKey("judge_correct"), _judgement(record["judgement"], answer)
    graded = record.get("graded_list")
    if graded is not None:
        if not isinstance(graded, list) or len(graded) != 1:
            raise InvalidInputError(
                f"{where}: 'graded_list' should hold the one grade of this line's generation."
            )
        verdict = judged(graded[0])
        if verdict is not None:
            yield VerifierKey("graded"), verdict
    verdict = scored(record.get("reward_model_score"))
    if verdict is not None:
        yield VerifierKey("reward_model_score", sees_answer=False), verdict


def _judgement(text: str, answer: str | None) -> Verdict:
    """Read what stands behind the last "Judgement:", or is all that is said; without a yes or no, nothing is judged."""
    cues = list(_CUE.finditer(text))
    word = (_WORD.match(text, cues[-1].end()) if cues else None) or (
        None if cues else _ONLY_WORD.fullmatch(text)
    )
    if word:
        outcome = Outcome.CORRECT if word[1].lower() == "yes" else Outcome.INCORRECT
        return Verdict(outcome=outcome, answer=answer, answer_class=answer)
    return Verdict(
        outcome=Outcome.ERROR, answer=answer, answer_class=answer, detail="no yes or no in the judgement"
    )
