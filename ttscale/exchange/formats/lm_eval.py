"""lm-evaluation-harness: ``samples_TASK_TIME.jsonl`` of ``--log_samples``, with ``results_TIME.json`` beside it.

A line is one problem under one filter: ``resps`` holds, per request, the list of its repeats; ``filtered_resps``
what the filter made of them; and each name in ``metrics`` is a field with the problem's value. A task with several
filters writes every problem once per filter, with the same ``resps``.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
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
from ttscale.exchange.json_stream import first_record
from ttscale.exchange.lines import field, read_objects
from ttscale.types import Outcome, Problem, Verdict

_NAME = re.compile(r"samples_(?P<task>.+?)_(?P<time>\d{4}-\d\d-\d\dT[\d.:-]+)\.jsonl(\.gz)?$")
_KNOWN = frozenset(
    {"doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics"}
    | {"doc_hash", "prompt_hash", "target_hash"}  # of what is imported itself
)
_SAMPLING = {
    "temperature": "sampling.temperature",
    "top_p": "sampling.top_p",
    "max_gen_toks": "sampling.max_tokens",
}


class LmEvalImporter(PlainImporter):
    """lm-evaluation-harness: samples_*.jsonl, with repeats."""

    title: ClassVar[str] = "lm-evaluation-harness"

    def recognizes(self, path: Path) -> bool:
        """Look for ``resps`` and ``doc`` in the first line."""
        if path.is_dir():
            return any(_NAME.match(found.name) for found in path.rglob("samples_*.jsonl*"))
        record = first_record(path)
        return record is not None and {"doc", "resps", "filtered_resps"} <= record.keys()

    def sources(self, path: Path) -> list[Source]:
        """Return the samples files, by task and time."""
        if path.is_dir():
            return [
                Source(found) for found in sorted(path.rglob("samples_*.jsonl*")) if _NAME.match(found.name)
            ]
        return [Source(path)]

    def read(self, source: Source, notes: ReadingNotes) -> Iterator[ImportedSample]:
        """Yield the samples of one file."""
        named = _NAME.match(source.path.name)
        task = self._options.task or (named["task"] if named else source.path.name.partition(".")[0])
        model = self._options.model or _model_beside(source.path, named["time"] if named else None)
        first_filter: Any = None
        for number, record in read_objects(source.path):
            where = f"Line {number} of {source.path}"
            if number == 1 or first_filter is None:
                first_filter = record.get("filter", "none")
            repeats = _repeats(record, where, notes)
            if repeats is None:
                continue
            cell = CellKey(model, task, _settings(record))
            problem = _problem(record, where)
            verdicts = _verdicts(record, len(repeats), notes)
            for position, completion in enumerate(repeats):
                yield ImportedSample(
                    cell=cell,
                    problem=problem,
                    position=position,
                    completion=completion,
                    verdicts=verdicts[position],
                    is_repeated=record.get("filter", "none") != first_filter,
                )


def _repeats(record: dict[str, Any], where: str, notes: ReadingNotes) -> list[str] | None:
    """Return the texts generated for a problem; None for a problem that nothing was generated for."""
    requests = field(record, "resps", list, where)
    if len(requests) != 1:
        notes.remark(
            "Problems with several requests (multiple choice by log-likelihood) are left out: nothing is sampled."
        )
        return None
    repeats = requests[0]
    if not isinstance(repeats, list) or not repeats:
        raise InvalidInputError(
            f"{where}: 'resps' should hold a list of texts per request, but holds {repeats!r:.60}."
        )
    if not all(isinstance(text, str) for text in repeats):
        notes.remark("Problems answered by log-likelihoods are left out: nothing is sampled.")
        return None
    return repeats


def _problem(record: dict[str, Any], where: str) -> Problem:
    document = record.get("doc")
    target = record.get("target")
    return Problem(
        problem_id=str(field(record, "doc_id", (int, str), where)),
        prompt=_prompt(record.get("arguments")),
        answer=None if target is None else str(target),
        metadata={"doc": document} if isinstance(document, Mapping) else {},
    )


def _prompt(arguments: Any) -> str:
    """Return the text that was sent: ``{"gen_args_0": {"arg_0": prompt, "arg_1": settings}}``, or nested lists before."""
    first = _first(arguments)
    prompt = _first(first)
    return prompt if isinstance(prompt, str) else ""


def _settings(record: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    call = _first(record.get("arguments"))
    values = list(call.values()) if isinstance(call, Mapping) else call
    given = values[1] if isinstance(values, Sequence) and len(values) > 1 else None
    if not isinstance(given, Mapping):
        return ()
    return tuple(sorted((_SAMPLING[key], value) for key, value in given.items() if key in _SAMPLING))


def _first(values: Any) -> Any:
    if isinstance(values, Mapping):
        values = list(values.values())
    return values[0] if isinstance(values, Sequence) and not isinstance(values, str) and values else None


def _verdicts(
    record: dict[str, Any], n_repeats: int, notes: ReadingNotes
) -> list[Mapping[VerifierKey, Verdict]]:
    """Return what the metrics say of each repeat, where they say it of a repeat and not of the problem."""
    filter_name = str(record.get("filter", "none"))
    answers = _answers(record, n_repeats)
    metrics = [name for name in record.get("metrics") or [] if name in record]
    notes.leave_out(record, _KNOWN.union(metrics))
    found: list[dict[VerifierKey, Verdict]] = [{} for _ in range(n_repeats)]
    for metric in metrics:
        values = _per_repeat(record[metric], n_repeats)
        if values is None:
            notes.unmapped[f"{metric} (of {n_repeats} repeats together; verify the samples instead)"] += 1
            continue
        key = VerifierKey(metric if filter_name == "none" else f"{metric}@{filter_name}")
        for position, value in enumerate(values):
            if value is not None:
                found[position][key] = _verdict(value, answers[position])
    return list(found)


def _answers(record: dict[str, Any], n_repeats: int) -> list[str | None]:
    """Return what the filter extracted from each repeat, where it kept them apart."""
    filtered = _first(record.get("filtered_resps"))
    if n_repeats == 1 and isinstance(filtered, str):
        filtered = [filtered]
    if not isinstance(filtered, list) or len(filtered) != n_repeats:
        return [None] * n_repeats
    return [answer if isinstance(answer, str) else None for answer in filtered]


def _per_repeat(value: Any, n_repeats: int) -> list[float | None] | None:
    """Return one value per repeat, None where one was not judged; None for a value of all repeats together."""
    values = value if isinstance(value, list) else [value]
    if len(values) != n_repeats or not all(isinstance(each, bool | int | float | None) for each in values):
        return None
    return [None if each is None else float(each) for each in values]


def _verdict(value: float, answer: str | None) -> Verdict:
    """Read a metric of 0 or 1 as a judgement and anything else as a score that counts as correct at 1."""
    absent = answer in (None, "", "[invalid]")
    wrong = Outcome.NO_ANSWER if answer == "[invalid]" else Outcome.INCORRECT
    return Verdict(
        outcome=Outcome.CORRECT if value >= 1.0 else wrong,
        score=None if value in (0.0, 1.0) else value,
        answer=None if absent else answer,
        answer_class=None if absent else answer,
    )


def _model_beside(path: Path, time: str | None) -> str:
    """Return the model that the results file of the same run names, or the folder's name."""
    results = path.parent / f"results_{time}.json"
    if time is None or not results.exists():
        return UNKNOWN
    try:
        found = json.loads(results.read_text())
    except (OSError, ValueError):
        return path.parent.name
    config = found.get("config") or {}
    arguments = config.get("model_args") or {}
    if isinstance(arguments, str):
        arguments = dict(part.split("=", 1) for part in arguments.split(",") if "=" in part)
    named = arguments.get("pretrained") or arguments.get("model") or found.get("model_name")
    return str(named or config.get("model") or path.parent.name)
