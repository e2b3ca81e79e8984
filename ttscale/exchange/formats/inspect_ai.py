"""Inspect logs: ``.eval`` (a zip archive with one JSON member per sample and epoch) and ``.json`` (one document)."""

import itertools
import json
import math
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from ttscale.errors import InvalidInputError
from ttscale.exchange.contract import (
    UNKNOWN,
    CellKey,
    ImportedSample,
    ImportOptions,
    PlainImporter,
    ReadingNotes,
    Source,
    VerifierKey,
)
from ttscale.exchange.json_stream import JsonStream
from ttscale.exchange.lines import field, open_binary
from ttscale.exchange.values import listing, mapping, real, text_of, whole
from ttscale.exchange.zipped import open_archive, open_member, read_member
from ttscale.types import Message, Outcome, Problem, Verdict

_MOST_HEADER_BYTES = 64 * 2**20
_SAMPLE_MEMBER = re.compile(r"samples/.+\.json$")
_KEPT = frozenset({"id", "epoch", "input", "target", "choices", "output", "scores", "metadata", "error", "limit"}
                  | {"attachments", "invalidation"})  # fmt: skip
_OF_THE_LOG = frozenset({"uuid", "started_at", "completed_at", "total_time", "working_time", "model_usage", "role_usage"}
                        | {"messages", "turn_count", "timelines"})  # fmt: skip
_SAMPLING = {
    "temperature": "sampling.temperature",
    "top_p": "sampling.top_p",
    "max_tokens": "sampling.max_tokens",
}
_FINISH = {"stop": "stop", "max_tokens": "length", "model_length": "length"}
_WORDS = {"c": 1.0, "i": 0.0, "p": 0.5, "n": 0.0, "yes": 1.0, "no": 0.0, "true": 1.0, "false": 0.0}


class InspectImporter(PlainImporter):
    """Inspect (inspect_ai): logs as .eval or JSON, with epochs."""

    title: ClassVar[str] = "inspect_ai"

    def __init__(self, options: ImportOptions) -> None:
        super().__init__(options)
        self._homes: dict[int, str] = {}  # hash of a sample's identity -> the log that has it

    def recognizes(self, path: Path) -> bool:
        """Look for .eval files, or for a JSON document that begins like a log."""
        if path.is_dir():
            return any(path.rglob("*.eval")) or any(_is_json_log(found) for found in path.glob("*.json"))
        return (path.suffix == ".eval" and zipfile.is_zipfile(path)) or _is_json_log(path)

    def sources(self, path: Path) -> list[Source]:
        """Return the logs, by name, which begins with their time."""
        if path.is_dir():
            logs = [*path.rglob("*.eval"), *(found for found in path.rglob("*.json") if _is_json_log(found))]
            return [Source(found) for found in sorted(logs)]
        return [Source(path)]

    def read(self, source: Source, notes: ReadingNotes) -> Iterator[ImportedSample]:
        """Yield the samples of one log."""
        reader = _read_zipped if zipfile.is_zipfile(source.path) else _read_document
        header: dict[str, Any] = {}
        cell: CellKey | None = None
        n_samples = n_elsewhere = 0
        for where, record in reader(source.path, header):
            if cell is None:
                cell = self._cell(header)
                _remark_on_status(header, notes)
            sample = _sample(record, cell, where, notes, self._options.threshold)
            if sample is not None:
                n_samples += 1
                n_elsewhere += self._is_in_another_log(sample, record, source)
                yield sample
        _remark_on_status(header, notes)  # where it stands behind the samples
        if 0 < n_elsewhere < n_samples:  # where all are, it may be the same log in another form
            notes.remark(
                "A log holds samples that another log of this import has, too (by their uuid, or problem and epoch): they "
                "count twice. If one log is a retry of another, import the later one alone."
            )

    def _is_in_another_log(self, sample: ImportedSample, record: Mapping[str, Any], source: Source) -> bool:
        """Tell whether another log of this import has this sample: a retry copies those that were done."""
        own = record.get("uuid")
        key = (
            own if isinstance(own, str) and own else (sample.cell, sample.problem.problem_id, sample.position)
        )
        return self._homes.setdefault(hash(key), str(source.path)) != str(source.path)

    def _cell(self, header: Mapping[str, Any]) -> CellKey:
        spec = mapping(header.get("eval"))
        plan = mapping(mapping(header.get("plan")).get("config"))
        config = {**plan, **mapping(spec.get("model_generate_config"))}
        settings = {
            _SAMPLING[key]: value for key, value in config.items() if key in _SAMPLING and value is not None
        }
        return CellKey(
            self._options.model or str(spec.get("model") or UNKNOWN),
            self._options.task or str(spec.get("task") or UNKNOWN),
            tuple(sorted(settings.items())),
        )


def _remark_on_status(header: Mapping[str, Any], notes: ReadingNotes) -> None:
    if header.get("status") not in (None, "success"):
        notes.remark(
            f"A log has the status '{header['status']}': what it holds is imported, more may be missing."
        )


def _is_json_log(path: Path) -> bool:
    if path.suffix != ".json" or not path.is_file():
        return False
    try:
        with open_binary(path) as file:
            keys = JsonStream(file, str(path), most=2**16).members()
            found = set(itertools.takewhile(lambda key: key != "samples", itertools.islice(keys, 12)))
    except InvalidInputError:
        return False
    return {"version", "status"} <= found or {"eval", "plan"} <= found


def _read_zipped(path: Path, header: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the samples of an ``.eval`` file; fills `header` first."""
    with open_archive(path) as archive:
        names = archive.namelist()
        # A log of an evaluation that did not finish has its start alone.
        name = "header.json" if "header.json" in names else "_journal/start.json"
        header.update(_parsed(read_member(archive, name, _MOST_HEADER_BYTES), f"{path}: '{name}'"))
        for member in archive.infolist():
            if _SAMPLE_MEMBER.match(member.filename):
                where = f"{path}: '{member.filename}'"
                with open_member(archive, member) as file:
                    stream = JsonStream(file, where)
                    record = _kept(stream)
                    stream.require_end()
                    yield where, record


def _read_document(path: Path, header: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the samples of a JSON log; fills `header` with what stands before them."""
    with open_binary(path) as file:
        stream = JsonStream(file, str(path))
        for key in stream.members():
            if key in ("status", "eval", "plan"):
                header[key] = stream.value()
            elif key == "samples" and stream.peek() == "[":
                if "eval" not in header:
                    header.update(_header_of(path))
                for number in stream.elements():
                    yield f"{path}: sample {number}", _kept(stream)
        stream.require_end()


def _header_of(path: Path) -> dict[str, Any]:
    """Return what a log says of itself, where it says it behind the samples."""
    with open_binary(path) as file:
        stream = JsonStream(file, str(path))
        return {key: stream.value() for key in stream.members() if key in ("status", "eval", "plan")}


def _kept(stream: JsonStream) -> dict[str, Any]:
    """Read a sample's object without its events and other long records, whose names alone are kept."""
    return {key: stream.value() if key in _KEPT else _present(stream) for key in stream.members()}


def _present(stream: JsonStream) -> bool | None:
    """Pass over a value; return whether there is anything in it."""
    begins = stream.peek()
    if begins in "{[":
        items = stream.members() if begins == "{" else stream.elements()
        return sum(1 for _ in items) > 0 or None  # all are passed over, not just the first
    return stream.value() not in (None, "") or None


def _parsed(content: bytes, where: str) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except ValueError as error:
        raise InvalidInputError(f"{where} is not valid JSON: {error}.") from error
    if not isinstance(value, dict):
        raise InvalidInputError(f"{where} is no JSON object.")
    return value


def _sample(
    record: dict[str, Any], cell: CellKey, where: str, notes: ReadingNotes, threshold: float | None
) -> ImportedSample | None:
    notes.leave_out(record, _KEPT | _OF_THE_LOG)
    if record.get("invalidation"):
        notes.remark("Samples that were marked invalid are left out.")
        return None
    epoch = field(record, "epoch", int, where)
    output = mapping(record.get("output"))
    choices = listing(output.get("choices"))
    if record.get("error") and not choices:
        notes.remark("Samples that ended in an error before the model answered are left out.")
        return None
    if len(choices) > 1:
        notes.remark("Outputs have several choices; the first, which was scored, is imported.")
    choice = mapping(choices[0] if choices else None)
    attachments = mapping(record.get("attachments"))
    usage = mapping(output.get("usage"))
    logprobs = _logprobs(choice)
    return ImportedSample(
        cell=cell,
        problem=_problem(record, where, attachments),
        position=epoch - 1,
        completion=_text(mapping(choice.get("message")).get("content"), attachments, notes),
        finish_reason=_finish(choice, record),
        prompt_tokens=_prompt_tokens(usage),
        completion_tokens=whole(usage.get("output_tokens")),
        cumulative_logprob=math.fsum(logprobs) if logprobs else None,
        token_logprobs=logprobs,
        verdicts={
            VerifierKey(name): verdict
            for scorer, score in _scores(record).items()
            for name, verdict in _verdicts(scorer, score, notes, threshold)
        },
    )


def _scores(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the scores by scorer; the first version of the format had one, without a name."""
    alone = {"score": record["score"]} if record.get("score") is not None else {}
    return mapping(record.get("scores")) or alone


def _problem(record: dict[str, Any], where: str, attachments: Mapping[str, Any]) -> Problem:
    given = field(record, "input", (str, list), where)
    metadata = dict(mapping(record.get("metadata")))
    if record.get("choices"):
        metadata["choices"] = record["choices"]
    target = record.get("target")
    messages = tuple(
        Message(str(turn.get("role")), _text(turn.get("content"), attachments, ReadingNotes()))
        for turn in (given if isinstance(given, list) else [])
        if isinstance(turn, dict)
    )
    is_text = isinstance(given, str) or not messages
    return Problem(
        problem_id=str(field(record, "id", (str, int), where)),
        prompt=_resolved(str(given), attachments) if is_text else None,
        messages=None if is_text else messages,
        answer=_target(target),
        metadata=metadata,
    )


def _target(target: Any) -> str | None:
    """Return the key; several acceptable targets as a JSON list."""
    if isinstance(target, list):
        target = target[0] if len(target) == 1 else (target or None)
    return text_of(target) if target not in (None, "") else None


def _text(content: Any, attachments: Mapping[str, Any], notes: ReadingNotes) -> str:
    """Return the text of a message, its parts joined; images, audio and reasoning are not text of the answer."""
    if isinstance(content, str):
        return _resolved(content, attachments)
    parts = [part for part in listing(content) if isinstance(part, dict)]
    for part in parts:
        if part.get("type") != "text":
            notes.unmapped[f"message part '{part.get('type')}'"] += 1
    return "\n".join(
        _resolved(str(part.get("text", "")), attachments) for part in parts if part.get("type") == "text"
    )


def _resolved(text: str, attachments: Mapping[str, Any]) -> str:
    """Long texts may be kept beside the sample, under a key."""
    prefix = "attachment://"
    return str(attachments.get(text.removeprefix(prefix), text)) if text.startswith(prefix) else text


def _finish(choice: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    if record.get("limit"):
        return "length"
    reason = choice.get("stop_reason")
    return _FINISH.get(reason, reason) if isinstance(reason, str) else UNKNOWN


def _prompt_tokens(usage: Mapping[str, Any]) -> int | None:
    """Return all tokens of the prompt: those read from and written to a cache are counted apart."""
    parts = [
        whole(usage.get(name))
        for name in ("input_tokens", "input_tokens_cache_read", "input_tokens_cache_write")
    ]
    return None if parts[0] is None else sum(part or 0 for part in parts)


def _logprobs(choice: Mapping[str, Any]) -> tuple[float, ...] | None:
    content = mapping(choice.get("logprobs")).get("content")
    if not isinstance(content, list) or not content:
        return None
    values = [real(token.get("logprob")) for token in content if isinstance(token, dict)]
    known = tuple(value for value in values if value is not None)
    return known if len(known) == len(values) else None


def _verdicts(
    scorer: str, score: Any, notes: ReadingNotes, threshold: float | None
) -> Iterator[tuple[str, Verdict]]:
    """Yield a scorer's verdict, or one per value where it gives several by name."""
    own = mapping(score)
    value = score.get("value") if isinstance(score, dict) else score
    if isinstance(value, dict):
        for name, one in value.items():
            yield f"{scorer}/{name}", _verdict(one, own, threshold)
    elif isinstance(value, list):
        notes.unmapped[f"{scorer} (a list of scores)"] += 1
    elif value is not None:
        yield scorer, _verdict(value, own, threshold)


def _verdict(value: Any, score: Mapping[str, Any], threshold: float | None) -> Verdict:
    answer = score.get("answer") if isinstance(score.get("answer"), str) else None
    detail = score.get("explanation") if isinstance(score.get("explanation"), str) else None
    number = _number(value)
    if number is None:
        return Verdict(
            outcome=Outcome.ERROR, answer=answer, detail=text_of(score.get("reason")) or "not scored"
        )
    return Verdict(
        outcome=_outcome(value, number, threshold),
        score=None if number in (0.0, 1.0) else number,
        answer=answer,
        answer_class=answer or None,
        detail=detail[:2000] if detail else None,
    )


def _outcome(value: Any, number: float, threshold: float | None) -> Outcome:
    """Correct is what counts as 1, or what the threshold says; a half is no whole."""
    if number >= (1.0 if threshold is None else threshold):
        return Outcome.CORRECT
    return Outcome.NO_ANSWER if value == "N" else Outcome.INCORRECT


def _number(value: Any) -> float | None:
    """Read a score as a number; None where it is none, as for what was not scored."""
    if isinstance(value, str):
        word = value.lower()
        try:
            value = _WORDS[word] if word in _WORDS else float(value)
        except ValueError:
            return None
    return real(value)
