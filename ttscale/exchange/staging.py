"""Foreign samples into a run directory: staged inside it first, then moved in as a whole.

Everything is written into a small run directory of its own, ``RUN/.import``, source by source. Only when all
sources are read without an error does it move into RUN, announced by a file that lets a later call finish the move.
An error removes it; a kill leaves it, and the same command goes on after the last whole source.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from ttscale.errors import InvalidInputError, StoreError, one_line
from ttscale.exchange.contract import CellKey, Read, ReadingNotes, Source
from ttscale.exchange.naming import cell_name, short_hash
from ttscale.exchange.records import RECORDS, SourceRecord, digest_of, place_of, read_records, write_record
from ttscale.exchange.source_writer import IMPORTED_VERSION, KnownKeys, SourceWriter, known_keys
from ttscale.store.documents import read_document, write_document
from ttscale.store.files import storage_errors, write_text
from ttscale.store.inventory import delete, note
from ttscale.store.manifest import SCHEMA_VERSION, has_manifest, new_run_id, read_manifest, write_manifest
from ttscale.store.run import RunStore, Session, new_session_name, now
from ttscale.store.segments import collect
from ttscale.types import Problem

ENGINE = "imported"
"""``model.engine`` of a cell whose samples came from elsewhere."""
_STAGING = ".import"
_ANNOUNCEMENT = "complete.json"
_COMMAND = "command.txt"
_MOVED = ("problems", "samples", "verdicts", "sessions", RECORDS)
"""Folders that go into the run, in this order."""


@contextmanager
def staging(
    store: RunStore, format_name: str, command: str, *, any_score: bool = False
) -> Iterator["Staging"]:
    """Hold a run directory for an import; on an error nothing of it stays.

    Args:
        store: The run; it need not exist yet.
        format_name: The importer's name, for the records.
        command: What is imported and how; what a killed import of another command left is thrown away.
        any_score: Whether scores below 0 and above 1 are verdicts, because a threshold was named.

    Raises:
        RunLockedError: Another process is writing here.
        StoreError: The directory cannot be written.
    """
    is_new = not store.path.exists()
    try:
        with store.writing():
            finish_move(store)
            area = Staging(store, format_name, command, any_score=any_score)
            try:
                yield area
            except Exception:
                shutil.rmtree(area.path, ignore_errors=True)
                raise
            shutil.rmtree(area.path, ignore_errors=True)
    except Exception:
        if is_new and not store.exists:
            shutil.rmtree(store.path, ignore_errors=True)
        raise


class Staging:
    """Sources read so far, not yet part of the run. For the holder of the lock.

    Args:
        store: Where they will go.
        format_name: The importer's name, for the records.
        command: See `staging`.
        any_score: See `staging`.
    """

    def __init__(self, store: RunStore, format_name: str, command: str, *, any_score: bool = False) -> None:
        self.path = store.path / _STAGING
        self._run = _prepared(self.path, command, store)
        self._store = store
        self._area = RunStore(self.path)
        self._format = format_name
        self._any_score = any_score
        self._stored_records = read_records(store.path / RECORDS)
        self._staged_records = read_records(self.path / RECORDS)
        self._remove_unfinished()
        self._identities: dict[str, dict[str, Any]] = dict(store.manifest()["cells"]) if store.exists else {}
        for record in self._staged_records:
            self._identities.update({cell: dict(own) for cell, own in record.cells.items()})
        self._names: dict[CellKey, str] = {}
        self._problems: dict[str, dict[str, Problem]] = {}
        self._next_index: dict[str, dict[str, int]] = {}

    # ---- reading sources ------------------------------------------------------------------------

    def add(self, read: Read, source: Source) -> tuple[SourceRecord, bool]:
        """Read a source unless it was read before; return its record and whether it is new to the run.

        Raises:
            InvalidInputError: It is damaged, holds a sample twice, or is a changed version of an imported file.
        """
        digest, place = digest_of(source), place_of(source)
        for record in self._records():
            if record.digest == digest:
                return record, record in self._staged_records
        earlier = next((r for r in reversed(self._records()) if r.place == place), None)
        known = self._keys_of(earlier, must_match=True) if earlier else None
        record, writer = self._read(read, source, digest, place, known)
        twin = next((r for r in self._records() if r.fingerprint == record.fingerprint), None)
        if twin is not None and known is None:
            self._remove_segments(record.session)
            record, writer = self._read(read, source, digest, place, self._keys_of(twin, must_match=False))
        writer.take_indices()
        self._staged_records.append(record)
        return record, True

    def cells(self) -> dict[str, dict[str, Any]]:
        """Return every cell of the run to be: name -> what decides its samples."""
        return dict(self._identities)

    def name_of(self, key: CellKey) -> str:
        """Return the name of a cell, its own for every key."""
        if key not in self._names:
            identity = identity_of(key)
            same = next((name for name, known in self._identities.items() if known == identity), None)
            name = same or cell_name(key)
            if same is None and name in self._identities:
                name = f"{name}-{short_hash(json.dumps(identity, sort_keys=True))}"
            self._identities[name] = identity
            self._names[key] = name
        return self._names[key]

    def common_oracle(self) -> str | None:
        """Return the first imported verifier that sees the key and judged samples of every cell, if there is one."""
        sets = [*self._store.verdict_sets(), *self._area.verdict_sets()]
        oracles = {
            one.info.verifier for one in sets if one.info.sees_answer and one.info.version == IMPORTED_VERSION
        }
        judged: dict[str, set[str]] = {}
        for record in self._records():
            for name in record.n_verdicts:
                judged.setdefault(name, set()).update(record.cells)
        return next(
            (n for n, cells in judged.items() if n in oracles and cells >= self._identities.keys()), None
        )

    def problems_of(self, cell: str) -> dict[str, Problem]:
        """Return the problems of a cell by id, those stored and those staged."""
        if cell not in self._problems:
            home = next((s for s in (self._area, self._store) if _has_problems(s, cell)), None)
            found = home.problems(cell) if home else []
            self._problems[cell] = {problem.problem_id: problem for problem in found}
        return self._problems[cell]

    def next_index_of(self, cell: str) -> dict[str, int]:
        """Return the first free sample index of every problem of a cell that has samples."""
        if cell not in self._next_index:
            free: dict[str, int] = {}
            for home in (self._store, self._area):
                largest = home.samples(cell).group_by("problem_id").agg(pl.col("sample_index").max())
                for problem_id, index in collect(largest, home.path).iter_rows():
                    free[problem_id] = max(index + 1, free.get(problem_id, 0))
            self._next_index[cell] = free
        return self._next_index[cell]

    def _read(
        self, read: Read, source: Source, digest: str, place: str, known: KnownKeys | None
    ) -> tuple[SourceRecord, SourceWriter]:
        session = new_session_name()
        notes = ReadingNotes()
        writer = SourceWriter(
            self,
            staged=self._area,
            stored=self._store,
            session=session,
            source=source,
            format_name=self._format,
            known=known,
            notes=notes,
            any_score=self._any_score,
        )
        with one_line(str(source.path)):
            for sample in read(source, notes):
                writer.add(sample)
            totals = writer.finish()
        if not totals.n_samples:
            raise InvalidInputError(f"{source.path} holds no samples.")
        record = SourceRecord(
            session=session,
            format=self._format,
            name=source.path.name,
            imported_at=now(),
            digest=digest,
            place=place,
            fingerprint=totals.fingerprint,
            cells={cell: self._identities[cell] for cell in sorted(totals.cells)},
            n_new_in=dict(totals.new_in),
            n_samples=totals.n_samples,
            n_new=totals.n_new,
            n_verdicts=dict(totals.n_verdicts),
            unmapped=dict(sorted(notes.unmapped.items())),
            remarks=[*notes.remarks],
        )
        for cell, tokens in totals.tokens.items():
            self._area.write_session(self._session(record, cell, tokens, totals.new_in[cell]))
        write_record(self.path / RECORDS, record)
        return record, writer

    def _session(self, record: SourceRecord, cell: str, tokens: int, n_new: int) -> Session:
        return Session(
            session=f"{record.session}-{short_hash(cell)}",
            cell=cell,
            started_at=record.imported_at,
            n_samples=n_new,
            completion_tokens=tokens,
            engine={"engine": ENGINE, "format": record.format, "source": record.name},
        )

    def _records(self) -> list[SourceRecord]:
        return [*self._stored_records, *self._staged_records]

    def _keys_of(self, record: SourceRecord, *, must_match: bool) -> KnownKeys:
        homes = (self._store.path / RECORDS, self.path / RECORDS)
        home = next((each for each in homes if any(each.glob(f"{record.session}-*.parquet"))), None)
        if home is None:
            raise StoreError(f"{homes[0]} lacks the keys of {record.name}. Import into a new directory.")
        return known_keys(home, record.session, must_match=must_match)

    # ---- moving in ------------------------------------------------------------------------------

    def announce(self, *, name: str, version: str, config_yaml: str) -> None:
        """Declare the import complete: from here on it is only moved, by this call or a later one."""
        announcement = {
            "name": name,
            "version": version,
            "config_yaml": config_yaml,
            "cells": self._identities,
            "run": self._run,
        }
        self._make_first_the_newest()
        write_document(self.path / _ANNOUNCEMENT, announcement)
        finish_move(self._store)

    def _make_first_the_newest(self) -> None:
        """Begin the verdict sets in the reverse order of their naming.

        Where nothing else is said, the newest set of an oracle defines *correct*; of several that came along at once
        that should be the one that the format names first.
        """
        order = list(dict.fromkeys(name for record in self._staged_records for name in record.n_verdicts))
        last = datetime.now(UTC)
        for one in self._area.verdict_sets():
            one.begin(last - timedelta(milliseconds=order.index(one.info.verifier)))

    def _remove_unfinished(self) -> None:
        """Delete segments of a source that a killed import did not finish."""
        finished = {record.session for record in self._staged_records}
        for path in self.path.glob("**/*.parquet"):
            if path.parent.name != "problems" and _session_of(path) not in finished:
                delete([path])

    def _remove_segments(self, session: str) -> None:
        delete([*self.path.glob(f"**/{session}*.parquet"), *self.path.glob(f"**/{session}*.json")])
        delete([one for one in self.path.glob("verdicts/*") if not any(one.rglob("*.parquet"))])


def identity_of(key: CellKey) -> dict[str, Any]:
    """Return what decides a cell's samples, as the manifest keeps it."""
    return {"model.path": key.model, "model.engine": ENGINE, "task.name": key.task, **dict(key.settings)}


def finish_move(store: RunStore) -> None:
    """Move a completely staged import into the run, where one is waiting. For the holder of the lock."""
    area = store.path / _STAGING
    announced = area / _ANNOUNCEMENT
    if not announced.exists() or not has_manifest(area):  # without one it was killed after all had moved
        return
    with one_line(str(announced), StoreError):
        announcement = read_document(announced)
    store.begin(**announcement)
    staged = [path.relative_to(area) for path in area.rglob("*") if path.is_file()]
    for path in sorted(staged, key=_order_of_moving):
        if path.parts[0] in _MOVED:
            target = store.path / path
            if path.name == "verifier.json" and target.exists():
                continue  # the same description; when it was begun decides which of several oracles is asked
            with storage_errors(target):
                target.parent.mkdir(parents=True, exist_ok=True)
                (area / path).replace(target)
            note(target)
    with storage_errors(area):
        announced.unlink()  # first: what is left of the area then announces nothing
        shutil.rmtree(area)


def _order_of_moving(path: Path) -> tuple[int, bool, str]:
    """Put what is referred to before what refers to it: a record last of all, a set's description before its verdicts."""
    return _MOVED.index(path.parts[0]) if path.parts[0] in _MOVED else 0, path.suffix == ".parquet", str(path)


def _prepared(area: Path, command: str, store: RunStore) -> str | None:
    """Keep what a killed import of the same command into the same run staged, and nothing else; return the run's id."""
    written, run = area / _COMMAND, store.manifest()["run"] if store.exists else None
    if written.exists() and written.read_text() == command and has_manifest(area):
        staged: str | None = read_manifest(area)["run"]
        if staged == run or not store.exists:
            return staged
    shutil.rmtree(area, ignore_errors=True)
    if not store.exists:
        run = new_run_id()
    write_manifest(area, {"schema_version": SCHEMA_VERSION, "run": run, "cells": {}})
    write_text(written, command)
    return run


def _session_of(path: Path) -> str:
    return path.stem.rpartition("-")[0]


def _has_problems(store: RunStore, cell: str) -> bool:
    return (store.path / "problems" / f"{cell}.parquet").exists()
