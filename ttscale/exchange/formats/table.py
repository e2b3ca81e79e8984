"""Any table: CSV, TSV, JSON Lines, JSON or Parquet, with a mapping of its columns.

One row is a sample, or a problem whose columns hold lists of one length.
"""

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
from pydantic import BaseModel, Field, field_validator

from ttscale.errors import InvalidInputError, did_you_mean, listed
from ttscale.exchange.contract import (
    UNKNOWN,
    CellKey,
    ImportedSample,
    ImportOptions,
    ReadingNotes,
    Source,
    VerifierKey,
)
from ttscale.exchange.counts import OUTCOME_NAMES, PROBLEM_NAMES
from ttscale.exchange.csv_rows import read_csv
from ttscale.exchange.json_stream import read_records
from ttscale.exchange.values import judged, real, scored, text_of, whole
from ttscale.types import Problem, Verdict

_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")
_PARQUET_ROWS = 2_000

FIELDS: Mapping[str, tuple[str, ...]] = {
    "problem_id": (*PROBLEM_NAMES, "question_id", "idx"),
    "completion": ("completion", "response", "generation", "output", "text", "solution", "model_output", "samples"),
    "correct": OUTCOME_NAMES,
    "answer": ("predicted_answer", "extracted_answer", "pred", "prediction"),
    "prompt": ("prompt", "question"),
    "key": ("answer_key", "gold", "target", "expected_answer", "reference_answer", "gt_answer"),
    "model": ("model", "model_name", "model_id", "llm"),
    "task": ("task", "benchmark", "dataset"),
    "sample_index": ("sample_index", "sample_id", "epoch", "repeat"),
    "finish_reason": ("finish_reason",),
    "prompt_tokens": ("prompt_tokens", "input_tokens"),
    "completion_tokens": ("completion_tokens", "output_tokens", "num_generated_tokens"),
    "logprob": ("cumulative_logprob", "logprob"),
    "seed": ("seed",),
    "temperature": ("temperature",),
    "settings": ("settings",),
}  # fmt: skip
"""Field -> column names looked for where none is named, the first found wins."""

_LISTS = ("completion", "correct", "answer", "finish_reason", "completion_tokens", "logprob", "seed")
"""Fields that differ between samples, so that their columns may hold lists."""
_SUMMARIES = frozenset({"correct", "cell"})
"""Columns of an export that say again what others say."""
_PREFIXES = ("verdict", "accept", "score", "answer", "class")
"""Of columns that belong to one verifier, as in ``verdict:NAME``: see `ttscale.exchange.export.columns`."""


class TableOptions(ImportOptions):
    """Options of `table`."""

    map: dict[str, str] = Field(default_factory=dict)
    """Field -> column; also ``verdict:NAME`` for another oracle's verdicts, and ``accept:NAME`` and ``score:NAME`` for
    verdicts and scores of a verifier that does not see the answer. In one line: ``completion=text,score:rm=reward``."""

    @field_validator("map", mode="before")
    @classmethod
    def _in_one_line(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        pairs = [part.partition("=") for part in value.split(",") if part.strip()]
        if not all(equals and column.strip() for _, equals, column in pairs):
            raise ValueError("not of the form FIELD=COLUMN,FIELD=COLUMN")
        return {name.strip(): column.strip() for name, _, column in pairs}

    @field_validator("map")
    @classmethod
    def _known_fields(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if name not in FIELDS and name.partition(":")[0] not in _PREFIXES:
                raise ValueError(
                    f"'{name}' is no field.{did_you_mean(name, FIELDS)} Fields: {listed(FIELDS)}, and "
                    "verdict:NAME, accept:NAME, score:NAME, answer:NAME"
                )
        return value


class TableImporter:
    """Any CSV, JSON Lines, JSON or Parquet table, with --map FIELD=COLUMN."""

    Options: ClassVar[type[BaseModel]] = TableOptions
    title: ClassVar[str] = "a table"

    def __init__(self, options: TableOptions) -> None:
        self._options = options

    def recognizes(self, path: Path) -> bool:
        """Tell by the file's name: a table is what is of no other format."""
        return path.is_file() and _suffix(path) in _SUFFIXES

    def sources(self, path: Path) -> list[Source]:
        """Return the file, or the tables of a folder."""
        if path.is_dir():
            return [Source(each) for each in sorted(path.rglob("*")) if self.recognizes(each)]
        if _suffix(path) not in _SUFFIXES:
            raise InvalidInputError(f"{path} is no table: give {', '.join(_SUFFIXES)}.")
        return [Source(path)]

    def read(self, source: Source, notes: ReadingNotes) -> Iterator[ImportedSample]:
        """Yield the samples of one table."""
        known: dict[tuple[str, ...], dict[str, str]] = {}  # rows of JSON need not all have the same columns
        for where, row in _rows(source.path):
            names = tuple(row)
            columns = known.get(names)
            if columns is None:
                columns = known[names] = self._columns(row, source.path)
            notes.leave_out(row, frozenset(columns.values()) | _SUMMARIES)
            yield from self._samples(columns, row, where)

    def _columns(self, row: Mapping[str, Any], path: Path) -> dict[str, str]:
        """Return field -> column: those that were named, and the obvious ones."""
        for name, column in self._options.map.items():
            if column not in row:
                raise InvalidInputError(
                    f"{path} has no column '{column}' for {name}.{did_you_mean(column, row)} Columns: {listed(row)}."
                )
        taken = set(self._options.map.values())
        lower = {column.lower(): column for column in row if column not in taken}
        found = {
            name: lower[wanted]
            for name, names in FIELDS.items()
            for wanted in [next((each for each in (name, *names) if each in lower), None)]
            if wanted is not None
        }
        own = {
            column: column for column in row if column.partition(":")[0] in _PREFIXES and column[-1] != ":"
        }
        own = {name: column for name, column in own.items() if ":" in name and column not in taken}
        judges = [name for name in own if name.startswith(("verdict:", "accept:"))]
        if judges and judges[0].startswith("verdict:"):
            found.pop(
                "correct", None
            )  # an export's own summary of the first verdict; one that sees no key is no oracle here
        columns = found | own | self._options.map
        if "problem_id" not in columns and "prompt" in columns:
            columns["problem_id"] = columns["prompt"]  # equal prompts are the same problem
        if "problem_id" not in columns:
            raise InvalidInputError(
                f"{path} has no column that says which problem a sample answers. Name it: --map problem_id=COLUMN. "
                f"Columns: {listed(row)}."
            )
        if not {"completion", "correct"} & columns.keys() and not any(":" in name for name in columns):
            raise InvalidInputError(
                f"{path} has neither texts nor verdicts that are recognized. Name them: --map "
                f"completion=COLUMN,correct=COLUMN. Columns: {listed(row)}."
            )
        return columns

    def _samples(
        self, columns: Mapping[str, str], row: Mapping[str, Any], where: str
    ) -> Iterator[ImportedSample]:
        values = {name: row.get(column) for name, column in columns.items()}
        lists = {
            name: value for name, value in values.items() if isinstance(value, list) and _may_be_list(name)
        }
        lengths = {len(value) for value in lists.values()}
        if len(lengths) > 1:
            raise InvalidInputError(
                f"{where}: the lists differ in length: "
                + ", ".join(f"{columns[name]} has {len(value)}" for name, value in lists.items())
            )
        if not lists:
            yield self._sample(values, where)
            return
        for position in range(lengths.pop()):
            one = values | {name: value[position] for name, value in lists.items()}
            yield self._sample(one, where)

    def _sample(self, values: Mapping[str, Any], where: str) -> ImportedSample:
        problem_id = text_of(values["problem_id"])
        if not problem_id:
            raise InvalidInputError(f"{where} has no problem id.")
        completion = values.get("completion")
        return ImportedSample(
            cell=self._cell(values),
            problem=Problem(
                problem_id=problem_id,
                prompt=text_of(values.get("prompt")) or "",
                answer=text_of(values.get("key")),
            ),
            position=self._position(values, where),
            completion=text_of(completion) if "completion" in values else None,
            finish_reason=text_of(values.get("finish_reason")) or UNKNOWN,
            prompt_tokens=whole(_number(values.get("prompt_tokens"))),
            completion_tokens=whole(_number(values.get("completion_tokens"))),
            cumulative_logprob=real(_number(values.get("logprob"))),
            seed=whole(_number(values.get("seed"))),
            verdicts=dict(self._verdicts(values, where)),
        )

    def _cell(self, values: Mapping[str, Any]) -> CellKey:
        settings = _settings(values.get("settings"))
        temperature = real(_number(values.get("temperature")))
        if temperature is not None:
            settings["sampling.temperature"] = temperature
        return CellKey(
            self._options.model or text_of(values.get("model")) or UNKNOWN,
            self._options.task or text_of(values.get("task")) or UNKNOWN,
            tuple(sorted(settings.items())),
        )

    @staticmethod
    def _position(values: Mapping[str, Any], where: str) -> int | None:
        if _is_empty(values.get("sample_index")):
            return None
        index = whole(_number(values["sample_index"]))
        if index is None:
            raise InvalidInputError(f"{where}: the sample's number is {values['sample_index']!r}.")
        return index

    def _verdicts(self, values: Mapping[str, Any], where: str) -> Iterator[tuple[VerifierKey, Verdict]]:
        """Yield what a row says of its sample: ``correct``, and one verdict per named verifier."""
        if not _is_empty(values.get("correct")):
            answer = text_of(values.get("answer")) or None
            yield VerifierKey("correct"), self._judged("correct", values["correct"], where, answer)
        for name in dict.fromkeys(field.partition(":")[2] for field in values if ":" in field):
            own = {kind: values.get(f"{kind}:{name}") for kind in _PREFIXES}
            is_oracle = f"verdict:{name}" in values
            kind = "verdict" if is_oracle else "accept"
            score = None if _is_empty(own["score"]) else scored(_number(own["score"]))
            if not _is_empty(own[kind]):
                verdict = self._judged(f"{kind}:{name}", own[kind], where, text_of(own["answer"]) or None)
                if f"class:{name}" in values:
                    verdict = replace(verdict, answer_class=text_of(own["class"]) or None)
                yield VerifierKey(name, is_oracle), replace(verdict, score=score.score) if score else verdict
            elif score is not None:
                yield VerifierKey(name, is_oracle), score
            elif not _is_empty(own["score"]):
                raise InvalidInputError(f"{where}: score:{name} is {own['score']!r}, which is no number.")

    def _judged(self, field: str, value: Any, where: str, answer: str | None) -> Verdict:
        verdict = judged(
            _number(value), threshold=self._options.threshold, answer=answer, answer_class=answer
        )
        if verdict is None:
            raise InvalidInputError(f"{where}: {field} is {value!r}, which is neither a verdict nor a score.")
        return verdict


def _settings(text: Any) -> dict[str, Any]:
    """Return ``section.key`` -> value of an export's settings; anything else is no settings."""
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        return {}
    return {str(key): value for key, value in found.items() if isinstance(value, str | int | float | bool)}


def _is_empty(value: Any) -> bool:
    """Say whether a cell says nothing; not a number is what tables write where nothing was measured."""
    return value is None or value == "" or str(value).lower() == "nan"


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (place, row) of a table, in constant memory."""
    suffix = _suffix(path)
    if suffix == ".parquet":
        yield from _parquet_rows(path)
    elif suffix in (".csv", ".tsv"):
        yield from read_csv(path, delimiter="\t" if suffix == ".tsv" else ",")
    else:
        yield from read_records(path)


def _parquet_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        scan = pl.scan_parquet(path, glob=False)
        for start in itertools.count(0, _PARQUET_ROWS):
            block = scan.slice(start, _PARQUET_ROWS).collect()
            for number, row in enumerate(block.iter_rows(named=True), start=start):
                yield f"Row {number} of {path}", row
            if block.height < _PARQUET_ROWS:
                return
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InvalidInputError(f"{path} is not a whole Parquet file: {error}.") from error


def _suffix(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _may_be_list(name: str) -> bool:
    return name in _LISTS or ":" in name


def _number(value: Any) -> Any:
    """Return what a CSV cell spells as a number, and the one element of a list; anything else as it is."""
    if isinstance(value, list) and len(value) == 1:
        return _number(value[0])
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value
