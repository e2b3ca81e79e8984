"""One run directory: where everything lies, who may write, and whether it fits the configuration."""

import secrets
import warnings
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl

from ttscale.errors import StoreError, TornSegmentWarning
from ttscale.plain_files import require_possible
from ttscale.store.calls import CallRecord, call_writer, scan_calls, unfinished_calls
from ttscale.store.claims import Claims
from ttscale.store.cleaning import clean_up
from ttscale.store.documents import read_document, write_document
from ttscale.store.files import FlawError, listed, read_regular, subfolders, write_text
from ttscale.store.inventory import all_gone, forget, new_log
from ttscale.store.lock import waiting_lock, writer_lock
from ttscale.store.manifest import (
    SCHEMA_VERSION,
    has_manifest,
    new_run_id,
    read_manifest,
    write_manifest,
)
from ttscale.store.problems import (
    problems_digest,
    problems_frame,
    read_problems,
    read_problems_frame,
    require_more,
    require_same,
)
from ttscale.store.samples import scan_samples, stored_counts
from ttscale.store.segments import write_table
from ttscale.store.settings import plain, require_same_settings
from ttscale.store.stored import StoredKeys, missing_ranges
from ttscale.store.verdicts import VerdictSet, VerdictSetInfo, is_described, is_description, read_verdict_set
from ttscale.store.writer import SampleWriter, SegmentWriter
from ttscale.types import Problem

_CHECKSUM = "# Checksum of the lines above: "
_BY_HAND = "# changed by hand"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One start of an engine on a cell: what ran, for how long, and what came of it.

    Attributes:
        session: Unique name; the prefix of its segments' names.
        cell: The cell sampled.
        started_at: UTC, ISO 8601.
        seconds: Time spent sampling, engine start excluded.
        start_s: Time the engine took to start.
        n_samples: Samples stored.
        completion_tokens: Tokens generated.
        engine: What `EngineInfo` says.
        usage: What the engine says it was asked and billed for (servers), else empty.
    """

    session: str
    cell: str
    started_at: str
    seconds: float = 0.0
    start_s: float = 0.0
    n_samples: int = 0
    completion_tokens: int = 0
    engine: Mapping[str, Any] = field(default_factory=dict)
    usage: Mapping[str, Any] = field(default_factory=dict)


class RunStore:
    """A run directory.

    Reading needs no lock; writing happens inside ``with store.writing():``.

    Args:
        path: The directory; it need not exist yet.
    """

    def __init__(self, path: Path | str) -> None:
        require_possible(path, StoreError)
        self.path = Path(path)
        self._is_held = False
        self._stored: dict[str, StoredKeys] = {}

    # ---- identity -------------------------------------------------------------------------------

    @property
    def exists(self) -> bool:
        """Whether a run was begun here."""
        return has_manifest(self.path)

    def manifest(self) -> dict[str, Any]:
        """Read the manifest.

        Raises:
            StoreError: No run is here, it is damaged, or it was written by a newer ttscale.
        """
        return read_manifest(self.path)

    def begin(
        self,
        *,
        name: str,
        version: str,
        config_yaml: str,
        cells: Mapping[str, Mapping[str, Any]],
        data: Mapping[str, str] = MappingProxyType({}),
        free: frozenset[str] = frozenset(),
        run: str | None = None,
    ) -> None:
        """Write or check the manifest. For the holder of the lock.

        Args:
            name: The run's name.
            version: ttscale's version.
            config_yaml: The resolved configuration; the newest replaces the stored one.
            cells: Cell name -> everything that decides what its samples look like.
            data: Cell name -> exactly which data its problems were read from, such as a hub commit.
            free: See `check`.
            run: The id of a run that is new; by default one that no other has.

        Raises:
            RunMismatchError: A cell is already there with other settings; the message lists what differs.
        """
        self.check(cells, free=free)
        earlier = self.manifest() if self.exists else self._new_manifest(run)
        manifest = {
            "schema_version": SCHEMA_VERSION,
            "ttscale_version": version,
            "name": name,
            "run": earlier["run"],
            "created_at": earlier["created_at"],
            "cells": earlier["cells"] | plain(cells),
            "data": {**earlier.get("data", {}), **data},
            "problems": earlier.get("problems", {}),
        }
        write_manifest(self.path, manifest)
        write_text(self.path / "config.yaml", f"{config_yaml}{_CHECKSUM}{_checksum(config_yaml, manifest)}")

    def _new_manifest(self, run: str | None) -> dict[str, Any]:
        """Return what a run begins with; samples without a manifest are those of an earlier version, without an id."""
        has_samples = any(self.has_samples(folder.name) for folder in subfolders(self.path / "samples"))
        return {"created_at": now(), "cells": {}, "run": None if has_samples else run or new_run_id()}

    def check(self, cells: Mapping[str, Mapping[str, Any]], *, free: frozenset[str] = frozenset()) -> None:
        """Refuse cells that have samples of other settings; reads only.

        A cell without samples may still change: nothing can be mixed, and a first typo costs no directory.

        Args:
            cells: See `begin`.
            free: Settings that may differ, ``section.key`` or ``section.key.inner``, should an earlier version have stored them.

        Raises:
            RunMismatchError: With the differing keys.
        """
        stored = self.manifest()["cells"] if self.exists else {}
        for cell, settings in cells.items():
            if cell in stored and self.has_samples(cell):
                require_same_settings(self.path, cell, stored[cell], settings, free)

    def config_yaml(self) -> str:
        """Return the resolved configuration as stored."""
        manifest = self.manifest()  # says so if no run is here
        path = self.path / "config.yaml"
        try:
            text = read_regular(path).decode()
        except ValueError as error:
            raise StoreError(f"{path} cannot be read: {error}") from error
        own, _, checksum = text.rpartition(_CHECKSUM)
        if manifest["run"] and checksum != _checksum(own, manifest) and not text.rstrip().endswith(_BY_HAND):
            raise StoreError(
                f"{path} is not as it was written. Repeat `ttscale run` with the run's own file, which writes it anew; if it "
                f"was changed on purpose, make its last line '{_BY_HAND}'."
            )
        return own or text

    # ---- writing --------------------------------------------------------------------------------

    @contextmanager
    def writing(self, *, share: bool = False) -> Iterator[list[Path]]:
        """Hold the run directory for writing; yields the torn segments that were set aside.

        Whoever holds it already with this store may hold it again: nothing is looked for anew.

        Args:
            share: Beside other processes that share it. The first of them cleans up after those that died.

        Raises:
            RunLockedError: Another process is writing here.
        """
        if self._is_held:
            yield []
            return
        with writer_lock(self.path / "run.lock", share=share) as (alone, settle):
            new_log()
            torn = clean_up(self.path, merge=not share) if alone else []
            settle()
            self._is_held = True
            try:
                yield torn
            finally:
                self._is_held = False

    def claims(self, cell: str) -> Claims:
        """Return this process's claims on a cell's blocks, for processes that share the run."""
        return Claims(self.path / "claims" / f"{cell}.blocks")

    def verifying(self, verdicts: str) -> AbstractContextManager[None]:
        """Wait until no other process writes this verdict set, and hold it."""
        return waiting_lock(self.path / "claims" / f"{verdicts}.lock")

    def sample_writer(self, cell: str, session: str) -> SampleWriter:
        """Return a writer of new segments for a cell."""
        return SampleWriter(self.samples_folder(cell), cell, session)

    def call_writer(self, cell: str, session: str) -> SegmentWriter[CallRecord]:
        """Return a writer of new segments for a cell's journal."""
        return call_writer(self.calls_folder(cell), cell, session)

    def write_session(self, session: Session) -> None:
        """Record a session, replacing its earlier record."""
        write_document(self.path / "sessions" / f"{session.session}.json", asdict(session))

    # ---- problems -------------------------------------------------------------------------------

    def keep_problems(self, cell: str, problems: Sequence[Problem]) -> None:
        """Store a cell's problems, or check that they are the stored ones; what a task tells more of them is added.

        Raises:
            RunMismatchError: The task's data changed under a run that has samples already.
        """
        path = self._problems_path(cell)
        frame = problems_frame(problems)
        if self.has_samples(cell):
            if path.exists():
                stored = read_problems_frame(path)
                if stored.equals(frame):
                    return
                require_more(stored, frame, path)
            else:
                digest = self.manifest().get("problems", {}).get(cell) if self.exists else None
                require_same(digest, frame, path, drawn=lambda: self.counts(cell))
        write_table(path, frame)

    def note_problems(self, problems: Mapping[str, Sequence[Problem]]) -> None:
        """Note in the manifest what cells' kept problems are, so that they can be told from others should their file be lost."""
        manifest = self.manifest()
        known = manifest.get("problems", {})
        new = {
            cell: problems_digest(problems_frame(own))
            for cell, own in problems.items()
            if cell not in known or not self.has_samples(cell)
        }
        if new.items() - known.items():
            write_manifest(self.path, {**manifest, "problems": {**known, **new}})

    def write_problems(self, cell: str, problems: Sequence[Problem]) -> None:
        """Store a cell's problems in place of those that are there, which must be among them."""
        write_table(self._problems_path(cell), problems_frame(problems))

    def problems(self, cell: str) -> list[Problem]:
        """Return the stored problems of a cell, in the task's order.

        Raises:
            StoreError: They were never stored or cannot be read.
        """
        return read_problems(self._problems_path(cell))

    def _problems_path(self, cell: str) -> Path:
        return self.path / "problems" / f"{cell}.parquet"

    # ---- samples and verdicts -------------------------------------------------------------------

    def cells(self) -> list[str]:
        """Return the names of the cells, in the order of the manifest."""
        return list(self.manifest()["cells"])

    def has_samples(self, cell: str) -> bool:
        """Tell whether a cell has any sample."""
        return bool(listed(self.samples_folder(cell), ".parquet"))

    def samples_folder(self, cell: str) -> Path:
        """Return where a cell's sample segments lie."""
        return self.path / "samples" / cell

    def calls_folder(self, cell: str) -> Path:
        """Return where the journal of a cell with a strategy lies."""
        return self.path / "calls" / cell

    def calls(self, cell: str) -> pl.LazyFrame:
        """Scan a cell's journal lazily; columns of `CALL_SCHEMA`."""
        return scan_calls(self.calls_folder(cell))

    def unfinished_calls(self, cell: str) -> dict[tuple[str, int], list[CallRecord]]:
        """Return what is recorded of attempts whose sample is not stored, by (problem_id, sample_index)."""
        return unfinished_calls(self.calls_folder(cell), self.samples_folder(cell))

    def samples(self, cell: str) -> pl.LazyFrame:
        """Scan a cell's samples lazily; columns of `SAMPLE_SCHEMA`."""
        return scan_samples(self.samples_folder(cell))

    def counts(self, cell: str) -> dict[str, int]:
        """Return how many samples each problem of a cell has."""
        return stored_counts(self.samples_folder(cell))

    def missing(self, cell: str, wanted: Mapping[str, int]) -> dict[str, list[range]]:
        """Return the sample indices below each problem's n that are not stored yet; see `missing_ranges`."""
        stored = self._stored.setdefault(
            cell, StoredKeys(self.samples_folder(cell))
        )  # read once, then kept up
        return missing_ranges(stored, wanted)

    def verdict_set(self, info: VerdictSetInfo) -> VerdictSet:
        """Return the (perhaps still empty) verdict set of a verifier."""
        return VerdictSet(self.path / "verdicts" / info.label, info)

    def verdict_sets(self) -> list[VerdictSet]:
        """Return every stored verdict set, by label."""
        for path in self.gone("verdicts/*"):
            if is_description(path):
                told = f"{path.parent} is left out: its {path.name} was written and is gone. The next `ttscale run` makes it again."
                warnings.warn(told, TornSegmentWarning, stacklevel=2)
        return [read_verdict_set(path) for path in subfolders(self.path / "verdicts") if is_described(path)]

    def gone(self, *folders: str) -> list[Path]:
        """Return the files in some folders of the run that were written and are gone.

        Args:
            folders: From the run's own on, each part with wildcards.
        """
        return all_gone(self.path, *folders)

    def forget(self, paths: Sequence[Path]) -> None:
        """Miss files no longer: what they held is made again."""
        forget(self.path, paths)

    def sessions(self) -> list[Session]:
        """Return the recorded sessions, oldest first; warn of those that are damaged."""
        sessions = []
        for path in self.gone("sessions"):
            told = f"{path} was written and is gone. The time that its samples took is not known."
            warnings.warn(told, TornSegmentWarning, stacklevel=2)
        for path in listed(self.path / "sessions", ".json"):
            try:
                sessions.append(Session(**read_document(path)))
            except (FlawError, TypeError) as error:
                warnings.warn(
                    f"{path} is left out: {error}. The time that its samples took is not known.",
                    TornSegmentWarning,
                    stacklevel=2,
                )
        return sessions


def now() -> str:
    """Return the time as UTC ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def new_session_name() -> str:
    """Return a unique name that sorts by time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}"


def _checksum(config_yaml: str, manifest: Mapping[str, Any]) -> str:
    """Return the checksum that ends a run's configuration."""
    return f"{zlib.crc32((config_yaml + str(manifest['run'])).encode()):08x}\n"
