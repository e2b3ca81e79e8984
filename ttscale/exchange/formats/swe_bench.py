"""SWE-bench: reports ``MODEL.RUN.json`` of several runs, or their logs ``RUN/MODEL/INSTANCE/report.json``.

A run attempts every instance once, so each run is one sample per instance. A report has no patches; in the logs
they lie beside it.
"""

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
from ttscale.exchange.json_stream import top_keys
from ttscale.exchange.lines import field, parse_object
from ttscale.plain_files import read_plain_bytes
from ttscale.types import Outcome, Problem, Verdict

_MOST_BYTES = 64 * 2**20
_MOST_PATCH_BYTES = 16 * 2**20
_VERIFIER = VerifierKey("swe-bench")
_SETS = ("resolved_ids", "unresolved_ids", "empty_patch_ids", "error_ids")
_OUTCOMES = {
    "resolved_ids": Verdict(outcome=Outcome.CORRECT),
    "unresolved_ids": Verdict(outcome=Outcome.INCORRECT),
    "empty_patch_ids": Verdict(outcome=Outcome.NO_ANSWER, detail="empty patch"),
    "error_ids": Verdict(outcome=Outcome.ERROR, detail="the run of the tests failed"),
}
_ERRORS = (
    "Instances whose tests could not be run are neither right nor wrong here; SWE-bench counts them as not resolved "
    "(compare --errors wrong does, too)."
)


class SweBenchImporter(PlainImporter):
    """SWE-bench: reports or logs of several runs, each one sample per instance."""

    title: ClassVar[str] = "SWE-bench"

    def recognizes(self, path: Path) -> bool:
        """Look for the lists of ids, or for reports of single instances."""
        if path.is_dir():
            return bool(_runs(path)) or any(map(_is_report, path.glob("*.json")))
        return _is_report(path)

    def sources(self, path: Path) -> list[Source]:
        """Return the runs; of logs, the folders of a run and model."""
        if not path.is_dir():
            return [Source(path, identity=_run_of(path))]
        runs = _runs(path)
        if runs:
            return [
                Source(folder, f"{folder.parent.name}/{folder.name}", tuple(files))
                for folder, files in runs.items()
            ]
        return [Source(each, _run_of(each)) for each in sorted(path.glob("*.json")) if _is_report(each)]

    def read(self, source: Source, notes: ReadingNotes) -> Iterator[ImportedSample]:
        """Yield the attempts of one run."""
        if source.files:
            yield from self._read_logs(source, notes)
        else:
            yield from self._read_report(source.path, notes)

    def _cell(self, model: str) -> CellKey:
        return CellKey(self._options.model or model.replace("__", "/"), self._options.task or "swe-bench")

    def _read_report(self, path: Path, notes: ReadingNotes) -> Iterator[ImportedSample]:
        report = _document(path)
        model = path.name.removesuffix(".json").rpartition(".")[0] or path.stem
        cell = self._cell(model)
        known = frozenset({*_SETS, "submitted_ids", "completed_ids", "incomplete_ids", "schema_version"})
        notes.leave_out({name: value for name, value in report.items() if name.endswith("_ids")}, known)
        notes.remark(
            "Reports have no patches: these samples have verdicts and no text, so nothing can verify them again."
        )
        seen: set[str] = set()
        for name in _SETS:
            if name == "resolved_ids" or name in report:
                for instance in field(report, name, list, str(path)):
                    if instance in seen:
                        raise InvalidInputError(f"{path} lists '{instance}' with two outcomes.")
                    seen.add(instance)
                    yield _attempt(cell, str(instance), None, _OUTCOMES[name], notes)

    def _read_logs(self, source: Source, notes: ReadingNotes) -> Iterator[ImportedSample]:
        cell = self._cell(source.path.name)
        for path in source.files:
            instance = path.parent.name
            if path.name != "report.json":
                continue
            entry = field(_document(path), instance, dict, str(path))
            patch = path.with_name("patch.diff")
            text = (
                _content(patch, _MOST_PATCH_BYTES).decode(errors="replace") if patch in source.files else None
            )
            if entry.get("patch_is_None") or not entry.get("patch_exists", True):
                outcome = "empty_patch_ids"
            else:
                outcome = "resolved_ids" if field(entry, "resolved", bool, str(path)) else "unresolved_ids"
            yield _attempt(cell, instance, text, _OUTCOMES[outcome], notes)


def _attempt(
    cell: CellKey, instance: str, text: str | None, verdict: Verdict, notes: ReadingNotes
) -> ImportedSample:
    if verdict.outcome == Outcome.ERROR:
        notes.remark(_ERRORS)
    problem = Problem(problem_id=instance, prompt="")
    return ImportedSample(
        cell=cell, problem=problem, position=0, completion=text, verdicts={_VERIFIER: verdict}
    )


def _is_report(path: Path) -> bool:
    return path.suffix == ".json" and {"resolved_ids", "submitted_ids"} <= set(top_keys(path, 40))


def _run_of(path: Path) -> str:
    return path.name.removesuffix(".json").rpartition(".")[2]


def _runs(path: Path) -> dict[Path, list[Path]]:
    """Return the folders RUN/MODEL with the reports and patches of their instances."""
    runs: dict[Path, list[Path]] = {}
    for report in sorted(path.rglob("report.json")):
        files = runs.setdefault(report.parent.parent, [])
        files.append(report)
        patch = report.with_name("patch.diff")
        if patch.is_file():
            files.append(patch)
    return dict(sorted(runs.items()))


def _document(path: Path) -> dict[str, Any]:
    return parse_object(_content(path, _MOST_BYTES), str(path))


def _content(path: Path, most: int) -> bytes:
    try:
        return read_plain_bytes(path, InvalidInputError, most=most)
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error.strerror or error}.") from error
