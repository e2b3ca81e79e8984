"""Import samples of other tools into a run directory."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import ttscale
from ttscale.config.explaining import explain
from ttscale.config.loading import parse_config
from ttscale.config.models import PluginSettings, RunConfig
from ttscale.errors import ConfigError, InvalidInputError, RunMismatchError, StoreError, listed, one_line
from ttscale.exchange.contract import ImportedSample, Importer, ImportOptions, Read, ReadingNotes, Source
from ttscale.exchange.detection import build_importer, detect_format, looks_like, packed_within, require_there
from ttscale.exchange.naming import safe_name
from ttscale.exchange.records import SourceRecord
from ttscale.exchange.staging import ENGINE, Staging, staging
from ttscale.exchange.unpacking import is_archive, unpacked
from ttscale.pipeline.building import read_problems
from ttscale.pipeline.progress import Progress
from ttscale.plain_files import real_path
from ttscale.registry import load_plugin
from ttscale.store.run import RunStore
from ttscale.types import Problem
from ttscale.yaml_text import write_yaml

_TOLD_BYTES = 100_000_000
"""A larger source takes a while, so it is told that it is being read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """What an import did.

    Attributes:
        store: The run.
        format: The importer's name.
        read: One record per source that was read.
        known: One record per source that had been imported before.
    """

    store: RunStore
    format: str
    read: tuple[SourceRecord, ...]
    known: tuple[SourceRecord, ...]


def import_samples(
    paths: Sequence[Path | str] | Path | str,
    out: Path | str,
    *,
    format_name: str | None = None,
    options: Mapping[str, Any] | None = None,
    problems: PluginSettings | None = None,
    oracle: str | None = None,
    progress: Progress | None = None,
) -> ImportResult:
    """Import files or folders of one format; all of them or, on an error, nothing.

    A source that was imported before adds nothing, and one that grew since adds what is new.

    Args:
        paths: Files or folders, or one of them.
        out: The run directory, new or of an earlier import.
        format_name: The importer; by default the format that the first path is recognized as.
        options: Of the importer.
        problems: A task whose problems (prompts, keys, tests) take the place of the files' own, by id.
        oracle: The imported verifier that defines *correct*; by default the first one that all cells have.
        progress: Told what happens.

    Raises:
        InvalidInputError: The files are damaged, of another format, or do not fit what is stored.
        RunMismatchError: The directory holds a run that was sampled, not imported.
    """
    progress = progress or Progress()
    out = Path(out)
    given = [Path(path) for path in ([paths] if isinstance(paths, Path | str) else paths)]
    for path in given:
        require_there(path)
    store = RunStore(out)
    _refuse_sampled(store)
    known_problems = read_problems(problems) if problems else []
    with ExitStack() as archives:
        opened = [_opened(path, out, archives) for path in given]
        format_name = format_name or detect_format(opened[0][0])
        importer = _importer(format_name, options or {})
        sources = [source for each in opened for source in _sources(importer, format_name, *each)]
        command = _command(format_name, options or {}, problems, sources)
        with staging(store, format_name, command, any_score="threshold" in (options or {})) as area:
            reader = _joined(importer, known_problems)
            read, known = _read_all(area, reader, sources, format_name, progress)
            if read:
                text = _config_yaml(area, store, out, problems, oracle)
                area.announce(name=_run_name(out), version=ttscale.__version__, config_yaml=text)
    return ImportResult(store=store, format=format_name, read=tuple(read), known=tuple(known))


def _opened(path: Path, out: Path, archives: ExitStack) -> tuple[Path, str]:
    """Return where to read what a path holds, and where that really lies: an archive is unpacked for the while."""
    if not is_archive(path):
        return path, ""
    return archives.enter_context(unpacked(path, out)), str(real_path(path))


def _read_all(
    area: Staging, reader: Read, sources: Sequence[Source], format_name: str, progress: Progress
) -> tuple[list[SourceRecord], list[SourceRecord]]:
    """Stage every source; return those that are new to the run and those that it has."""
    read: list[SourceRecord] = []
    known: list[SourceRecord] = []
    for source in sources:
        size = sum(path.stat().st_size for path in source.files or (source.path,) if path.is_file())
        if size > _TOLD_BYTES:
            progress.note(f"{source.path.name}: reading {size / 1e6:,.0f} MB ...")
        try:
            record, is_new = area.add(reader, source)
        except InvalidInputError as error:
            raise InvalidInputError(f"{error}{_hint(source.path, format_name, str(error))}") from error
        (read if is_new else known).append(record)
        progress.note(_told(source, record, is_new=is_new))
    return read, known


def refuse_imported(config: RunConfig) -> None:
    """Refuse to sample with the configuration of an imported run, or into the directory of one.

    Raises:
        RunMismatchError: It is one.
    """
    store = RunStore(config.out)
    if config.model.engine == ENGINE or is_imported(store):
        raise RunMismatchError(
            f"{store.path} was imported: no engine drew its samples, so it cannot be run or extended by sampling. "
            "`ttscale import` adds samples to it; to sample, name a model and a task, and a new directory with --out."
        )


def is_imported(store: RunStore) -> bool:
    """Tell whether a run's samples came from elsewhere."""
    return store.exists and any(
        identity.get("model.engine") == ENGINE for identity in store.manifest()["cells"].values()
    )


def _refuse_sampled(store: RunStore) -> None:
    if store.exists and not is_imported(store):
        raise RunMismatchError(
            f"{store.path} is a run that was sampled. Imported samples go into a directory of their own: give another "
            "one with --out."
        )


def _importer(name: str, options: Mapping[str, Any]) -> Importer:
    try:
        return build_importer(name, options)
    except ValidationError as error:
        plugin = load_plugin("importers", name)
        model = getattr(plugin, "Options", ImportOptions)
        raise ConfigError(f"import {name}: {explain(error, model)}") from error


def _sources(importer: Importer, format_name: str, path: Path, archive: str) -> list[Source]:
    try:
        with one_line(str(path)):
            found = importer.sources(path)
    except InvalidInputError as error:
        raise InvalidInputError(f"{error}{_hint(path, format_name, str(error))}") from error
    if not found:
        hint = looks_like(path, format_name) or f" {packed_within(path)}".rstrip()
        raise InvalidInputError(f"{path} holds nothing of format {format_name}.{hint}")
    if archive:
        return [replace(source, place=f"{archive}!{source.path.relative_to(path)}") for source in found]
    return found


def _hint(path: Path, format_name: str, said: str) -> str:
    hint = looks_like(path, format_name)
    return "" if hint and hint in said else hint


def _command(
    format_name: str, options: Mapping[str, Any], problems: PluginSettings | None, sources: Sequence[Source]
) -> str:
    """Return a digest of what is imported and how: a killed import goes on only as the same one."""
    what = [format_name, dict(options), problems.model_dump(mode="json") if problems else None]
    where = [(source.place or str(real_path(source.path)), source.identity) for source in sources]
    return hashlib.blake2b(
        json.dumps([what, where], sort_keys=True, default=str).encode(), digest_size=16
    ).hexdigest()


def _joined(importer: Importer, problems: Sequence[Problem]) -> Read:
    """Return a reader whose samples have a task's problems instead of the files' own, where there are any.

    Args:
        importer: Reads a source. One with ``numbers_problems`` knows a problem only by its position.
        problems: In the task's order.
    """
    if not problems:
        return importer.read
    numbered = getattr(importer, "numbers_problems", False)
    by_id = {
        str(number) if numbered else problem.problem_id: problem for number, problem in enumerate(problems)
    }

    def read_joined(source: Source, notes: ReadingNotes) -> Iterator[ImportedSample]:
        for sample in importer.read(source, notes):
            problem = by_id.get(sample.problem.problem_id)
            if problem is None:
                raise InvalidInputError(
                    f"{source.path} has samples of problem '{sample.problem.problem_id}', which the task of --problems "
                    f"does not have. Its problems: {listed(by_id)}."
                )
            yield replace(sample, problem=problem)

    return read_joined


def _config_yaml(
    area: Staging, store: RunStore, out: Path, problems: PluginSettings | None, oracle: str | None
) -> str:
    """Return the configuration of an imported run: its cells, and nothing that nobody knows."""
    cells = area.cells()
    n = {cell: max(area.next_index_of(cell).values(), default=1) for cell in cells}
    first = next(iter(cells.values()))
    tree: dict[str, Any] = {
        "name": _run_name(out),
        "model": {"path": first["model.path"], "engine": ENGINE},
        "task": problems.model_dump(mode="json") if problems else {"name": ENGINE},
        "sampling": {"n": max(n.values())},
        "sweep": {
            "include": [
                {"cell": cell, "model.path": identity["model.path"], "sampling.n": n[cell]}
                for cell, identity in cells.items()
            ]
        },
    }
    oracle = oracle or _stored_oracle(store) or area.common_oracle()
    if oracle is not None:
        tree["analysis"] = {"oracle": oracle}
    head = "# Imported samples: what drew them is not known here, so they cannot be drawn again.\n"
    text = head + write_yaml(tree)
    parse_config(text, out=out)  # what cannot be read back is an error now, before anything is moved
    return text


def _stored_oracle(store: RunStore) -> str | None:
    if not store.exists:
        return None
    return parse_config(store.config_yaml(), out=store.path).analysis.oracle


def _run_name(out: Path) -> str:
    return (
        safe_name(real_path(out, StoreError).name).lstrip("._-+@").replace("+", "-").replace("@", "-")
        or "imported"
    )


def _told(source: Source, record: SourceRecord, *, is_new: bool) -> str:
    if not is_new:
        return f"{source.path.name}: imported before, into {listed(record.cells)}; nothing to add."
    verdicts = ", ".join(f"{count:,} of {name}" for name, count in record.n_verdicts.items()) or "none"
    new = "" if record.n_new == record.n_samples else f", {record.n_new:,} of them new"
    return f"{source.path.name}: {record.n_samples:,} samples{new}; verdicts: {verdicts}."
