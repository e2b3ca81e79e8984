"""LiveCodeBench: ``output/MODEL/SCENARIO_N_TEMPERATURE.json`` and ``..._eval_all.json`` with the verdicts."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from ttscale.errors import InvalidInputError
from ttscale.exchange.contract import (
    CellKey,
    ImportedSample,
    PlainImporter,
    ReadingNotes,
    Source,
    VerifierKey,
)
from ttscale.exchange.json_stream import first_record, read_records
from ttscale.exchange.lines import field
from ttscale.exchange.values import judged
from ttscale.plain_files import real_path
from ttscale.types import Problem

_NAME = re.compile(r"(?P<scenario>.+)_(?P<n>\d+)_(?P<temperature>\d+(\.\d+)?)(_cot)?(_eval_all)?$")
_METADATA = (
    "question_title", "platform", "contest_id", "contest_date", "difficulty", "test_id", "function_name",
)  # fmt: skip
_KNOWN = frozenset({"question_id", "question_content", "starter_code", "output_list", "code_list", "pred_list"}
                   | {"graded_list", "pass@1", *_METADATA})  # fmt: skip
_VERIFIER = VerifierKey("livecodebench")


class LiveCodeBenchImporter(PlainImporter):
    """LiveCodeBench: output/MODEL/*.json, with or without evaluation."""

    title: ClassVar[str] = "LiveCodeBench"

    def recognizes(self, path: Path) -> bool:
        """Look for ``question_id`` beside ``output_list`` in the first element."""
        if path.is_dir():
            return any(map(self.recognizes, path.rglob("*.json")))
        record = first_record(path)
        return record is not None and {"question_id", "output_list"} <= record.keys()

    def sources(self, path: Path) -> list[Source]:
        """Return the output files, those with verdicts in place of the same ones without."""
        if not path.is_dir():
            return [Source(path)]
        found = [each for each in sorted(path.rglob("*.json")) if self.recognizes(each)]
        names = {(each.parent, each.stem) for each in found}
        return [Source(each) for each in found if (each.parent, f"{each.stem}_eval_all") not in names]

    def read(self, source: Source, notes: ReadingNotes) -> Iterator[ImportedSample]:
        """Yield the samples of one file."""
        named = _NAME.match(source.path.stem)
        settings = (("sampling.temperature", float(named["temperature"])),) if named else ()
        task = "livecodebench-" + named["scenario"].rpartition(".")[2] if named else "livecodebench"
        cell = CellKey(
            self._options.model or real_path(source.path).parent.name, self._options.task or task, settings
        )
        for where, record in read_records(source.path):
            notes.leave_out(record, _KNOWN)
            outputs = field(record, "output_list", list, where)
            grades = record.get("graded_list") or [None] * len(outputs)
            if len(grades) != len(outputs):
                raise InvalidInputError(f"{where} has {len(outputs)} outputs, but {len(grades)} grades.")
            problem = _problem(record, where)
            for position, (output, grade) in enumerate(zip(outputs, grades, strict=True)):
                verdict = judged(grade)
                yield ImportedSample(
                    cell=cell,
                    problem=problem,
                    position=position,
                    completion=_text(output),
                    verdicts={_VERIFIER: verdict} if verdict else {},
                )


def _problem(record: dict[str, Any], where: str) -> Problem:
    ids = [str(field(record, "question_id", (str, int), where))]
    if record.get("test_id") is not None:  # the scenario of predicting outputs asks about single tests
        ids.append(str(record["test_id"]))
    return Problem(
        problem_id="/".join(ids),
        prompt=str(record.get("question_content") or ""),
        metadata={
            name: record[name] for name in (*_METADATA, "starter_code") if record.get(name) is not None
        },
    )


def _text(output: Any) -> str:
    """Outputs of models that answer in parts are kept as a list."""
    return "\n".join(map(str, output)) if isinstance(output, list) else str(output or "")
