"""One run directory: where everything lies, who may write, and whether it fits the configuration."""

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl

from ttscale.errors import RunMismatchError, StoreError
from ttscale.store.calls import CallRecord, call_size, calls_frame, scan_calls, unfinished_calls
from ttscale.store.claims import Claims
from ttscale.store.files import remove_leftovers, write_text
from ttscale.store.lock import waiting_lock, writer_lock
from ttscale.store.orphans import drop_orphans
from ttscale.store.samples import scan_samples, stored_counts
from ttscale.store.segments import n_rows, set_torn_aside, write_segment
from ttscale.store.stored import StoredKeys, missing_ranges
from ttscale.store.verdicts import VerdictSet, VerdictSetInfo, read_verdict_set
from ttscale.store.writer import SampleWriter, SegmentWriter
from ttscale.types import Message, Problem

SCHEMA_VERSION = 1
_CALLS_FLUSH_S = 2.0

_PROBLEM_SCHEMA: Mapping[str, type[pl.DataType]] = {
    "problem_id": pl.String,
    "prompt": pl.String,
    "messages": pl.String,
    "answer": pl.String,
    "metadata": pl.String,
    "hidden": pl.String,
}


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
        self.path = Path(path)
        self._is_held = False
        self._stored: dict[str, StoredKeys] = {}

    # ---- identity -------------------------------------------------------------------------------

    @property
    def exists(self) -> bool:
        """Whether a run was begun here."""
        return (self.path / "manifest.json").exists()

    def manifest(self) -> dict[str, Any]:
        """Read the manifest.

        Raises:
            StoreError: No run is here, or it was written by a newer ttscale.
        """
        path = self.path / "manifest.json"
        try:
            manifest: dict[str, Any] = json.loads(path.read_text())
        except FileNotFoundError:
            raise StoreError(
                f"{self.path} is not a run directory (no manifest.json). Give the folder that `ttscale run` wrote."
            ) from None
        except (OSError, ValueError) as error:
            raise StoreError(f"{path} cannot be read: {error}") from error
        if manifest.get("schema_version", 0) > SCHEMA_VERSION:
            raise StoreError(
                f"{self.path} was written by a newer ttscale (schema {manifest['schema_version']}, "
                f"this one knows {SCHEMA_VERSION}). Upgrade: pip install -U ttscale"
            )
        return manifest

    def begin(
        self,
        *,
        name: str,
        version: str,
        config_yaml: str,
        cells: Mapping[str, Mapping[str, Any]],
        data: Mapping[str, str] = MappingProxyType({}),
        free: frozenset[str] = frozenset(),
    ) -> None:
        """Write or check the manifest. For the holder of the lock.

        Args:
            name: The run's name.
            version: ttscale's version.
            config_yaml: The resolved configuration; the newest replaces the stored one.
            cells: Cell name -> everything that decides what its samples look like.
            data: Cell name -> exactly which data its problems were read from, such as a hub commit.
            free: See `check`.

        Raises:
            RunMismatchError: A cell is already there with other settings; the message lists what differs.
        """
        self.check(cells, free=free)
        earlier: dict[str, Any] = self.manifest() if self.exists else {"created_at": now(), "cells": {}}
        manifest = {
            "schema_version": SCHEMA_VERSION,
            "ttscale_version": version,
            "name": name,
            "created_at": earlier["created_at"],
            "cells": earlier["cells"] | _plain(cells),
            "data": {**earlier.get("data", {}), **data},
        }
        write_text(self.path / "manifest.json", json.dumps(manifest, indent=2, sort_keys=True) + "\n")
        write_text(self.path / "config.yaml", config_yaml)

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
                self._refuse_other_settings(
                    cell, _without(stored[cell], free), _without(_plain(settings), free)
                )

    def _refuse_other_settings(self, cell: str, stored: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
        differing = [
            f"{key}: {_shown(stored, key)} stored, {_shown(asked, key)} asked"
            for key in sorted(stored.keys() | asked.keys())
            if stored.get(key) != asked.get(key)
        ]
        if differing:
            raise RunMismatchError(
                f"{self.path} holds samples of another configuration of cell '{cell}' "
                f"({'; '.join(differing)}). Mixing them would spoil both: set these back, or give a new "
                "directory with --out."
            )

    def config_yaml(self) -> str:
        """Return the resolved configuration as stored."""
        self.manifest()  # says so if no run is here
        try:
            return (self.path / "config.yaml").read_text()
        except OSError as error:
            raise StoreError(f"{self.path / 'config.yaml'} cannot be read: {error}") from error

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
            torn = self._cleaned_up() if alone else []
            settle()
            self._is_held = True
            try:
                yield torn
            finally:
                self._is_held = False

    def _cleaned_up(self) -> list[Path]:
        """Remove what dead writers left; return the torn segments that were set aside."""
        remove_leftovers(self.path)
        for claims in self.path.glob("claims/*"):
            claims.unlink()
        torn = []
        for folder in [
            *self.path.glob("samples/*"),
            *self.path.glob("calls/*"),
            *self.path.glob("verdicts/*/*"),
        ]:
            if folder.is_dir():
                torn += set_torn_aside(folder, self.path / "torn")
        self._drop_verdicts_on_lost_samples(any_torn=bool(torn))
        return torn

    def _drop_verdicts_on_lost_samples(self, *, any_torn: bool) -> None:
        """Let no verdict speak for a sample that is drawn again. Looked for only where samples went missing."""
        for folder in self.path.glob("verdicts/*/*"):
            samples = self.samples_folder(folder.name)
            if folder.is_dir() and (any_torn or n_rows(folder) > n_rows(samples)):
                drop_orphans(samples, folder)

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
        """Return a writer of new segments for a cell's journal; a kill loses about two seconds of calls."""
        return SegmentWriter(
            self.calls_folder(cell), cell, session, calls_frame, call_size, flush_s=_CALLS_FLUSH_S
        )

    def write_session(self, session: Session) -> None:
        """Record a session, replacing its earlier record."""
        text = json.dumps(_plain(asdict(session)), indent=2, sort_keys=True) + "\n"
        write_text(self.path / "sessions" / f"{session.session}.json", text)

    # ---- problems -------------------------------------------------------------------------------

    def keep_problems(self, cell: str, problems: Sequence[Problem]) -> None:
        """Store a cell's problems, or check that they are the stored ones; what a task tells more of them is added.

        Raises:
            RunMismatchError: The task's data changed under a run that has samples already.
        """
        path = self._problems_path(cell)
        frame = _problems_frame(problems)
        if path.exists() and self.has_samples(cell):
            stored = pl.read_parquet(path)
            if stored.equals(frame):
                return
            if not _tells_more(stored, frame):
                raise RunMismatchError(
                    f"The task's problems are not those stored in {self.path} ({_first_difference(stored, frame)}). "
                    "The data changed since the run began: restore it, or give a new directory with --out."
                )
        write_segment(path, frame)

    def write_problems(self, cell: str, problems: Sequence[Problem]) -> None:
        """Store a cell's problems in place of those that are there, which must be among them."""
        write_segment(self._problems_path(cell), _problems_frame(problems))

    def problems(self, cell: str) -> list[Problem]:
        """Return the stored problems of a cell, in the task's order.

        Raises:
            StoreError: They were never stored or cannot be read.
        """
        path = self._problems_path(cell)
        try:
            frame = pl.read_parquet(path)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise StoreError(f"{path} cannot be read: {error}") from error
        return [_problem(row) for row in frame.iter_rows(named=True)]

    def _problems_path(self, cell: str) -> Path:
        return self.path / "problems" / f"{cell}.parquet"

    # ---- samples and verdicts -------------------------------------------------------------------

    def cells(self) -> list[str]:
        """Return the names of the cells, in the order of the manifest."""
        return list(self.manifest()["cells"])

    def has_samples(self, cell: str) -> bool:
        """Tell whether a cell has any sample."""
        return any(self.samples_folder(cell).glob("*.parquet"))

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
        return [read_verdict_set(path.parent) for path in sorted(self.path.glob("verdicts/*/verifier.json"))]

    def sessions(self) -> list[Session]:
        """Return the recorded sessions, oldest first."""
        return [
            Session(**json.loads(path.read_text()))
            for path in sorted((self.path / "sessions").glob("*.json"))
        ]


def now() -> str:
    """Return the time as UTC ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def new_session_name() -> str:
    """Return a unique name that sorts by time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}"


def _plain(value: Any) -> Any:
    """Return the value as JSON gives it back, so that stored and asked settings compare equal."""
    return json.loads(json.dumps(value, default=str))


def _without(settings: Mapping[str, Any], free: frozenset[str]) -> dict[str, Any]:
    """Return settings without those that are free, and without sections that are empty then."""
    tied = {
        key: {name: inner for name, inner in value.items() if f"{key}.{name}" not in free} or None
        if isinstance(value, dict)
        else value
        for key, value in settings.items()
    }
    return {key: value for key, value in tied.items() if key not in free and value is not None}


def _shown(settings: Mapping[str, Any], key: str) -> str:
    return repr(settings[key]) if key in settings else "the default"


def _problems_frame(problems: Sequence[Problem]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "problem_id": problem.problem_id,
                "prompt": problem.prompt,
                "messages": json.dumps([asdict(message) for message in problem.messages])
                if problem.messages is not None
                else None,
                "answer": problem.answer,
                "metadata": json.dumps(dict(problem.metadata), sort_keys=True),
                "hidden": json.dumps(dict(problem.hidden), sort_keys=True),
            }
            for problem in problems
        ],
        schema=_PROBLEM_SCHEMA,
    )


def _tells_more(stored: pl.DataFrame, frame: pl.DataFrame) -> bool:
    """Tell whether problems are the stored ones with more metadata, as a newer version of a task has: no sample depends on it."""
    if not stored.drop("metadata").equals(frame.drop("metadata")):
        return False
    pairs = zip(stored["metadata"], frame["metadata"], strict=True)
    return all(json.loads(old).items() <= json.loads(new).items() for old, new in pairs)


def _problem(row: Mapping[str, Any]) -> Problem:
    messages = json.loads(row["messages"]) if row["messages"] is not None else None
    return Problem(
        problem_id=row["problem_id"],
        prompt=row["prompt"],
        messages=tuple(Message(**message) for message in messages) if messages is not None else None,
        answer=row["answer"],
        metadata=json.loads(row["metadata"]),
        hidden=json.loads(row["hidden"]),
    )


def _first_difference(stored: pl.DataFrame, asked: pl.DataFrame) -> str:
    if stored.height != asked.height:
        return f"{stored.height} stored, {asked.height} now"
    for old, new in zip(stored.iter_rows(named=True), asked.iter_rows(named=True), strict=True):
        if old != new:
            columns = [name for name in old if old[name] != new[name]]
            return f"first at '{old['problem_id']}': {', '.join(columns)}"
    return "other columns"
