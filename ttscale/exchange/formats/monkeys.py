"""Large Language Monkeys: one YAML file per problem, and the published data set, one JSON file per task and model."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import yaml

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
from ttscale.exchange.json_stream import first_record, read_records
from ttscale.exchange.lines import field
from ttscale.exchange.values import judged, text_of, text_or_empty
from ttscale.plain_files import read_plain_text, real_path
from ttscale.types import Problem
from ttscale.yaml_text import require_finite

_MOST_BYTES = 128 * 2**20
_MOST_NODES = 2_000_000
"""Of one problem's file: 10,000 samples and verdicts are 20,000."""
_METADATA = ("theorem_name", "name", "orig_dset_split", "orig_dset_idx", "id")
_KNOWN = frozenset(
    {"prompt", "question", "samples", "gt_answer", "is_correct", "is_corrects", "test_cases", *_METADATA}
)
_VERIFIER = VerifierKey("is_correct")


class MonkeysImporter(PlainImporter):
    """Large Language Monkeys: a folder of YAML files, or the published JSON files."""

    title: ClassVar[str] = "Large Language Monkeys"

    def recognizes(self, path: Path) -> bool:
        """Look for ``samples`` beside ``question`` or ``prompt``."""
        if path.is_dir():
            first = next(iter(_yaml_files(path)), None)
            return (first is not None and _begins_like_one(first)) or any(
                map(self.recognizes, path.glob("*.json"))
            )
        if path.suffix in (".yaml", ".yml"):
            return _begins_like_one(path)
        return _is_one(first_record(path))

    def sources(self, path: Path) -> list[Source]:
        """Return each folder of YAML files as one source, and each JSON file."""
        if not path.is_dir():
            return [Source(path)]
        folders = sorted({each.parent for each in _yaml_files(path, deep=True)})
        sources = [Source(folder, files=tuple(_yaml_files(folder))) for folder in folders]
        return sources or [Source(each) for each in sorted(path.glob("*.json")) if self.recognizes(each)]

    def read(self, source: Source, notes: ReadingNotes) -> Iterator[ImportedSample]:
        """Yield the samples of a folder or file."""
        is_yaml = bool(source.files) or source.path.suffix in (".yaml", ".yml")
        cell = self._cell(source.path, is_yaml=is_yaml)
        for where, own_id, record in _read_yaml(source) if is_yaml else _read_published(source.path):
            notes.leave_out(record, _KNOWN)
            samples = field(record, "samples", list, where)
            grades = record.get("is_correct", record.get("is_corrects")) or [None] * len(samples)
            if not isinstance(grades, list) or len(grades) != len(samples):
                raise InvalidInputError(
                    f"{where}: 'samples' and their verdicts should be lists of one length."
                )
            problem = _problem(record, own_id)
            for position, (given, grade) in enumerate(zip(samples, grades, strict=True)):
                text = text_or_empty(given, notes)
                if text is None:
                    raise InvalidInputError(f"{where}: sample {position} is no text.")
                verdict = judged(grade)
                yield ImportedSample(
                    cell=cell,
                    problem=problem,
                    position=position,
                    completion=text,
                    verdicts={_VERIFIER: verdict} if verdict else {},
                )

    def _cell(self, path: Path, *, is_yaml: bool) -> CellKey:
        """Name the cell: a published file is called TASK_MODEL.json, a folder says what it was called."""
        task, underscore, model = path.stem.partition("_")
        if is_yaml or not underscore:
            folder = path if path.is_dir() else path.parent
            task, model = real_path(folder).name, UNKNOWN
        return CellKey(self._options.model or model, self._options.task or task)


def _yaml_files(folder: Path, *, deep: bool = False) -> list[Path]:
    found = folder.rglob("*.y*ml") if deep else folder.glob("*.y*ml")
    return sorted((each for each in found if each.suffix in (".yaml", ".yml")), key=_natural)


def _natural(path: Path) -> tuple[Path, int, str]:
    digits = "".join(char for char in path.stem if char.isdigit())
    return path.parent, int(digits) if digits and len(digits) < 18 else -1, path.stem


def _begins_like_one(path: Path) -> bool:
    """Look for the keys at the beginnings of lines: a file of 10,000 samples takes seconds to parse."""
    try:
        with path.open("rb") as file:
            keys = {
                line.partition(b":")[0]
                for line in iter(lambda: file.readline(2**20), b"")
                if line[:1].isalpha()
            }
    except OSError:
        return False
    return b"samples" in keys and bool({b"question", b"prompt", b"theorem_name"} & keys)


def _is_one(record: dict[str, Any] | None) -> bool:
    return (
        record is not None
        and isinstance(record.get("samples"), list)
        and bool({"is_corrects", "is_correct", "gt_answer", "question"} & record.keys())
    )


def _read_yaml(source: Source) -> Iterator[tuple[str, str, dict[str, Any]]]:
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for path in source.files or (source.path,):
        try:
            text = read_plain_text(path, InvalidInputError, most=_MOST_BYTES)
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInputError(f"{path} cannot be read: {error}.") from error
        try:
            record = _loaded(text, loader)
        except InvalidInputError as error:
            raise InvalidInputError(f"{path}, {error}.") from error
        except (
            yaml.YAMLError,
            ValueError,
            TypeError,
            LookupError,
            AttributeError,
            OverflowError,
            RecursionError,
        ) as error:
            mark = getattr(error, "problem_mark", None)
            place = f", line {mark.line + 1}" if mark else ""
            raise InvalidInputError(
                f"{path}{place} is not valid YAML: {getattr(error, 'problem', None) or error}."
            ) from error
        if not isinstance(record, dict):
            raise InvalidInputError(f"{path} holds no mapping with 'samples'.")
        yield str(path), path.stem, record


def _loaded(text: str, kind: Any) -> Any:
    """Return what a file holds; what would grow without end is refused before anything is made of it."""
    if len(text) > 2 * _MOST_NODES and any(n > 2 * _MOST_NODES for n, _ in enumerate(yaml.parse(text, kind))):
        raise InvalidInputError(f"which holds more than {_MOST_NODES:,} values")
    loader = kind(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        require_finite(node, _MOST_NODES)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _read_published(path: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for number, (where, record) in enumerate(read_records(path)):
        own = record.get("orig_dset_idx", record.get("id", number))
        yield where, str(own), record


def _problem(record: dict[str, Any], own_id: str) -> Problem:
    tests = record.get("test_cases")
    prompt = record.get("prompt") or record.get("question")
    return Problem(
        problem_id=own_id,
        prompt=str(prompt or ""),
        answer=text_of(record.get("gt_answer")),
        metadata={
            name: record[name] for name in (*_METADATA, "question") if isinstance(record.get(name), str | int)
        },
        hidden={"test_cases": tests} if _is_flat(tests) else {},
    )


def _is_flat(tests: Any) -> bool:
    """Whether tests are lists of texts by name; nested aliases of a hostile YAML file are endless when written out."""
    return isinstance(tests, dict) and all(
        isinstance(texts, list) and all(isinstance(text, str) for text in texts) for texts in tests.values()
    )
