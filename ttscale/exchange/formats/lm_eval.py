"""lm-evaluation-harness: ``samples_TASK_TIME.jsonl`` of ``--log_samples``, with ``results_TIME.json`` beside it.

A line is one problem under one filter: ``resps`` holds, per request, the list of its repeats; ``filtered_resps``
what the filter made of them; and each name in ``metrics`` is a field with the problem's value. A task with several
filters writes every problem once per filter, with the same ``resps``.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
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
from ttscale.exchange.lines import field, object_beside, read_objects
from ttscale.exchange.values import judged, measures, text_or_empty
from ttscale.types import Outcome, Problem, Verdict

_MOST_RESULTS_BYTES = 64 * 2**20
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
        results = _results_beside(source.path, named["time"] if named else None)
        model = self._options.model or _model_of(results, source.path)
        losses = _lower_is_better(results)
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
            verdicts = self._verdicts(record, len(repeats), losses, notes)
            for position, completion in enumerate(repeats):
                yield ImportedSample(
                    cell=cell,
                    problem=problem,
                    position=position,
                    completion=completion,
                    verdicts=verdicts[position],
                    is_repeated=record.get("filter", "none") != first_filter,
                )

    def _verdicts(
        self, record: dict[str, Any], n_repeats: int, losses: frozenset[str], notes: ReadingNotes
    ) -> list[Mapping[VerifierKey, Verdict]]:
        """Return what the metrics say of each repeat, where they say it of a repeat and not of the problem."""
        filter_name = str(record.get("filter", "none"))
        answers = _answers(record, n_repeats)
        metrics = [name for name in _metrics(record) if name in record]
        notes.leave_out(record, _KNOWN.union(metrics))
        found: list[dict[VerifierKey, Verdict]] = [{} for _ in range(n_repeats)]
        for metric in metrics:
            key = VerifierKey(metric if filter_name == "none" else f"{metric}@{filter_name}")
            for position, value in enumerate(_per_repeat(record[metric], key, n_repeats, losses, notes)):
                verdict = _verdict(value, answers[position], self._options.threshold)
                if verdict is not None:
                    found[position][key] = verdict
        return list(found)


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
    texts = [text_or_empty(text, notes) for text in repeats]
    known = [text for text in texts if text is not None]
    if len(known) < len(texts):
        notes.remark("Problems answered by log-likelihoods are left out: nothing is sampled.")
        return None
    return known


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


def _metrics(record: Mapping[str, Any]) -> list[str]:
    names = record.get("metrics")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _answers(record: dict[str, Any], n_repeats: int) -> list[str | None]:
    """Return what the filter extracted from each repeat, where it kept them apart."""
    filtered = _first(record.get("filtered_resps"))
    if n_repeats == 1 and isinstance(filtered, str):
        filtered = [filtered]
    if not isinstance(filtered, list) or len(filtered) != n_repeats:
        return [None] * n_repeats
    return [answer if isinstance(answer, str) else None for answer in filtered]


def _per_repeat(
    value: Any, key: VerifierKey, n_repeats: int, losses: frozenset[str], notes: ReadingNotes
) -> list[float | bool | None]:
    """Return one value per repeat, None where one was not judged; none of what is no verdict on a repeat."""
    values = value if isinstance(value, list) and n_repeats > 1 else [value]
    metric = key.name.partition("@")[0]
    if measures(metric) or metric in losses:
        notes.no_verdict(key, "an error rate, a loss or a count")
    elif isinstance(value, list) and len(value) != n_repeats:
        notes.no_verdict(key, f"lists that are not one value for each of {n_repeats} repeats")
    elif len(values) != n_repeats or not all(isinstance(each, bool | int | float | None) for each in values):
        notes.unmapped[f"{key.name} (of {n_repeats} repeats together; verify the samples instead)"] += 1
    elif n_repeats == 1 and isinstance(value, list):
        notes.no_verdict(key, "a list for one sample")
    else:
        notes.unmapped.update(f"{key.name} (not a number)" for each in values if _is_nan(each))
        return list(values)
    return []


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _verdict(value: float | None, answer: str | None, threshold: float | None) -> Verdict | None:
    """Read a metric of 0 or 1 as a judgement and anything else as a score that counts as correct from the threshold on."""
    absent = answer in (None, "", "[invalid]")
    own = None if absent else answer
    verdict = judged(value, threshold=threshold, answer=own, answer_class=own)
    if verdict is not None and verdict.outcome is Outcome.INCORRECT and answer == "[invalid]":
        return replace(verdict, outcome=Outcome.NO_ANSWER)
    return verdict


def _results_beside(path: Path, time: str | None) -> dict[str, Any] | None:
    """Return the results file of the same run: None where there is none, {} where it cannot be read."""
    results = path.parent / f"results_{time}.json"
    if time is None or not results.exists():
        return None
    return object_beside(results, most=_MOST_RESULTS_BYTES)


def _lower_is_better(results: Mapping[str, Any] | None) -> frozenset[str]:
    """Return the metrics of which the run's results say that higher is not better."""
    tasks = (results or {}).get("higher_is_better")
    of_tasks = (
        [own for own in tasks.values() if isinstance(own, Mapping)] if isinstance(tasks, Mapping) else []
    )
    return frozenset(metric for own in of_tasks for metric, higher in own.items() if higher is False)


def _model_of(results: dict[str, Any] | None, path: Path) -> str:
    """Return the model that the results file of the same run names, or the folder's name."""
    if results is None:
        return UNKNOWN
    config = results.get("config")
    config = config if isinstance(config, Mapping) else {}
    arguments = config.get("model_args")
    if isinstance(arguments, str):
        arguments = dict(part.split("=", 1) for part in arguments.split(",") if "=" in part)
    arguments = arguments if isinstance(arguments, Mapping) else {}
    named = arguments.get("pretrained") or arguments.get("model") or results.get("model_name")
    return str(named or config.get("model") or path.parent.name)
