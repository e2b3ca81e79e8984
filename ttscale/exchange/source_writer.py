"""One source's samples and verdicts into segments, in constant memory: numbered, checked, hashed."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ttscale.errors import InvalidInputError
from ttscale.exchange.contract import CellKey, ImportedSample, ReadingNotes, Source, VerifierKey
from ttscale.exchange.naming import safe_name
from ttscale.exchange.records import KEYS_SCHEMA, RECORDS
from ttscale.exchange.rows import (
    hash64,
    sample_row,
    storable,
    storable_problem,
    verdict_row,
    without_whole_text,
)
from ttscale.store.inventory import delete
from ttscale.store.run import RunStore
from ttscale.store.samples import SAMPLE_KEY, SAMPLE_SCHEMA
from ttscale.store.segments import collect, scan, segments, write_segment
from ttscale.store.verdicts import VERDICT_SCHEMA, VerdictSetInfo
from ttscale.types import Problem, Verdict

_FLUSH_ROWS = 50_000
_FLUSH_CHARACTERS = 32 * 2**20
"""Of text held before segments are written: what bounds the memory."""

IMPORTED_VERSION = "imported"
"""The version under which verdicts from elsewhere are stored."""


class Area(Protocol):
    """What a writer asks of the import it belongs to."""

    def name_of(self, key: CellKey) -> str:
        """Return a cell's name."""

    def problems_of(self, cell: str) -> dict[str, Problem]:
        """Return a cell's problems by id; new ones are added to it."""

    def next_index_of(self, cell: str) -> dict[str, int]:
        """Return the first free sample index by problem; `SourceWriter.take_indices` raises it."""


@dataclass(frozen=True, slots=True)
class KnownKeys:
    """Where the samples of an earlier source went, against which this one is read.

    Attributes:
        must_match: Whether a sample that is not as it was is an error (a changed file), not just a new one.
        where: (cell, problem_id) -> its samples, columns position, sample_index and text_hash, ascending; shape (S, 3).
    """

    must_match: bool
    where: Mapping[tuple[str, str], NDArray[np.uint64]]


def known_keys(folder: Path, session: str, *, must_match: bool) -> KnownKeys:
    """Read the keys that `SourceWriter` left of a session: 24 bytes a sample."""
    columns = ("position", "sample_index", "text_hash")
    own = [path for path in segments(folder) if path.name.startswith(f"{session}-")]
    groups = collect(scan(own, KEYS_SCHEMA).sort("position"), folder).group_by("cell", "problem_id")
    where = {
        (str(cell), str(problem_id)): rows.select(pl.col(columns).cast(pl.UInt64)).to_numpy()
        for (cell, problem_id), rows in groups
    }
    return KnownKeys(must_match, where)


@dataclass(slots=True)
class Totals:
    """What a source held."""

    n_samples: int = 0
    n_new: int = 0
    cells: set[str] = field(default_factory=set)
    new_in: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    tokens: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    n_verdicts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    fingerprint_sum: int = 0

    @property
    def fingerprint(self) -> str:
        """Equal for sources of equal samples, in whatever order."""
        return f"{self.fingerprint_sum:032x}-{self.n_samples}"


class _ProblemState:
    """What a source gave of one problem so far."""

    __slots__ = ("answer", "base", "count", "known", "largest", "largest_known", "seen")

    def __init__(self, free: int, known: NDArray[np.uint64] | None, answer: str | None) -> None:
        self.answer = answer
        self.count = 0
        self.seen = 0  # bit p is set when position p was given: a set of 10,000 integers in 1.3 kB
        self.largest = -1
        self.known = known
        self.largest_known = -1 if known is None else int(known[-1, 0])
        self.base = free - (self.largest_known + 1)

    def stored(self, position: int) -> tuple[int, int] | None:
        """Return (sample_index, text_hash) of a position that an earlier source had."""
        if self.known is None or position > self.largest_known:
            return None
        row = int(np.searchsorted(self.known[:, 0], np.uint64(position)))
        found, index, text_hash = self.known[row].tolist()
        return (index, text_hash) if found == position else None

    def index_of(self, position: int) -> int:
        """Return the sample index of a position: the stored one, the one once left free for it, or a new one."""
        stored = self.stored(position)
        if stored is not None:
            return stored[0]
        if self.known is not None and position < self.largest_known:
            first_position, first_index, _ = self.known[0].tolist()
            return int(first_index) - int(first_position) + position
        return self.base + position


class SourceWriter:
    """Takes the samples of one source.

    Args:
        area: The import.
        staged: The run directory that is written.
        stored: The run as it was before.
        session: Prefix of the segments' names.
        source: For messages and hashes.
        format_name: Part of the verdict sets' identity.
        known: An earlier version of this source, or its twin.
        notes: Where verifiers are named whose scores are no verdicts.
        any_score: Whether scores below 0 and above 1 are, because a threshold was named.
    """

    def __init__(
        self,
        area: Area,
        *,
        staged: RunStore,
        stored: RunStore,
        session: str,
        source: Source,
        format_name: str,
        known: KnownKeys | None,
        notes: ReadingNotes,
        any_score: bool,
    ) -> None:
        self._area = area
        self._staged = staged
        self._stored = stored
        self._session = session
        self._source = source
        self._format = format_name
        self._known = known
        self._notes = notes
        self._any_score = any_score
        self._names: dict[CellKey, str] = {}
        self._states: dict[tuple[str, str], _ProblemState] = {}
        self._changed_problems: set[str] = set()
        self._samples: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        self._verdicts: dict[tuple[VerifierKey, str], list[tuple[Any, ...]]] = defaultdict(list)
        self._keys: list[tuple[Any, ...]] = []
        self._rows = self._characters = 0
        self._n_segments = 0
        self._totals = Totals()

    def add(self, sample: ImportedSample) -> None:
        """Take one sample.

        Raises:
            InvalidInputError: It was given before, its problem has another answer key, or a changed file lost it.
        """
        cell = self._names.get(sample.cell)
        if cell is None:
            cell = self._names[sample.cell] = self._area.name_of(sample.cell)
            self._totals.cells.add(cell)
        problem_id = storable(sample.problem.problem_id) or ""
        state = self._states.get((cell, problem_id))
        if state is None:
            state = self._begin_problem(cell, storable_problem(sample.problem))
        self._require_same_answer(state, sample.problem, cell)
        position = state.count if sample.position is None else sample.position
        index = state.index_of(position)
        if sample.is_repeated:
            self._require_seen(state, problem_id, position)
        else:
            self._number(state, problem_id, position)
            self._take(cell, problem_id, position, index, sample, state.stored(position))
        for verifier, verdict in sample.verdicts.items():
            self._require_judgement(verifier, verdict)
            kept = without_whole_text(verdict, sample.completion)
            self._verdicts[verifier, cell].append(verdict_row(cell, problem_id, index, kept))
            self._rows += 1
        if self._rows >= _FLUSH_ROWS or self._characters >= _FLUSH_CHARACTERS:
            self._flush()

    def finish(self) -> Totals:
        """Write what is left; return the totals.

        Raises:
            InvalidInputError: A changed file lacks samples that it had.
        """
        self._flush()
        self._drop_what_is_no_verdict()
        if self._known is not None and self._known.must_match:
            self._require_all_known()
        for cell in self._changed_problems:
            self._staged.write_problems(cell, list(self._area.problems_of(cell).values()))
        return self._totals

    def take_indices(self) -> None:
        """Take the sample indices that were given, so that the next source gets others."""
        for (cell, problem_id), state in self._states.items():
            free = self._area.next_index_of(cell)
            free[problem_id] = max(free.get(problem_id, 0), state.index_of(state.largest) + 1)

    # ---- numbering ------------------------------------------------------------------------------

    def _begin_problem(self, cell: str, problem: Problem) -> _ProblemState:
        problems = self._area.problems_of(cell)
        if problem.problem_id not in problems:
            problems[problem.problem_id] = problem
            self._changed_problems.add(cell)
        free = self._area.next_index_of(cell).get(problem.problem_id, 0)
        known = self._known.where.get((cell, problem.problem_id)) if self._known else None
        answer = problems[problem.problem_id].answer
        state = self._states[cell, problem.problem_id] = _ProblemState(free, known, answer)
        return state

    def _require_same_answer(self, state: _ProblemState, problem: Problem, cell: str) -> None:
        """One id with two answer keys is two problems."""
        answer = storable(problem.answer)
        if answer is not None and state.answer is not None and answer != state.answer:
            raise InvalidInputError(
                f"{self._source.path}: problem '{problem.problem_id}' has the answer key {answer[:60]!r} here, but "
                f"{state.answer[:60]!r} elsewhere in cell '{cell}'. These are different problems: import them into "
                "another directory, or name another --task."
            )

    def _number(self, state: _ProblemState, problem_id: str, position: int) -> None:
        if position < 0:
            raise InvalidInputError(
                f"{self._source.path}: problem '{problem_id}' has a sample number {position}."
            )
        if state.seen >> position & 1:
            raise InvalidInputError(
                f"{self._source.path} holds sample {position} of problem '{problem_id}' twice. Remove one, or import the "
                "files that were merged into it one by one."
            )
        state.seen |= 1 << position
        state.count += 1
        state.largest = max(state.largest, position)

    def _require_seen(self, state: _ProblemState, problem_id: str, position: int) -> None:
        if not state.seen >> position & 1:
            raise InvalidInputError(
                f"{self._source.path} has a verdict on sample {position} of problem '{problem_id}', which it does not hold."
            )

    def _take(
        self,
        cell: str,
        problem_id: str,
        position: int,
        index: int,
        sample: ImportedSample,
        known: tuple[int, int] | None,
    ) -> None:
        text = storable(sample.completion)
        text_hash = self._hash(text, sample)
        if known is not None and known[1] != text_hash:
            raise InvalidInputError(
                f"{self._source.path} was imported before, and sample {position} of problem '{problem_id}' has changed "
                "since. Import it into a new directory; to add it as further samples, copy it to another name."
            )
        totals = self._totals
        totals.n_samples += 1
        totals.fingerprint_sum = (
            totals.fingerprint_sum + hash64(f"{cell}\0{problem_id}\0{position}\0{text_hash}".encode())
        ) % 2**128
        self._keys.append((cell, problem_id, position, index, text_hash))
        self._rows += 1
        if known is not None:
            return
        totals.n_new += 1
        totals.new_in[cell] += 1
        totals.tokens[cell] += sample.completion_tokens or 0
        self._samples[cell].append(sample_row(cell, problem_id, index, text, sample))
        self._characters += len(text or "")

    def _hash(self, text: str | None, sample: ImportedSample) -> int:
        """Hash what makes a sample itself: its text; its verdicts, where the format keeps those alone."""
        if text is not None:
            return hash64(f"{self._source.identity}\0{text}".encode())
        verdicts = sorted((key.name, verdict.outcome) for key, verdict in sample.verdicts.items())
        return hash64(f"{self._source.identity}\0{verdicts}".encode())

    def _require_all_known(self) -> None:
        assert self._known is not None
        for (cell, problem_id), positions in self._known.where.items():
            state = self._states.get((cell, problem_id))
            lost = [p for p in positions[:, 0].tolist() if state is None or not state.seen >> p & 1]
            if lost:
                raise InvalidInputError(
                    f"{self._source.path} was imported before, and sample {lost[0]} of problem '{problem_id}' is no longer "
                    "in it. Import it into a new directory; to add it as further samples, copy it to another name."
                )

    # ---- segments -------------------------------------------------------------------------------

    def _flush(self) -> None:
        name = f"{self._session}-{self._n_segments:06d}"
        for cell, rows in self._samples.items():
            frame = pl.DataFrame(rows, schema=dict(SAMPLE_SCHEMA), orient="row")
            write_segment(self._staged.samples_folder(cell) / f"{name}.parquet", frame)
        for (verifier, cell), rows in self._verdicts.items():
            self._write_verdicts(
                verifier, cell, pl.DataFrame(rows, schema=dict(VERDICT_SCHEMA), orient="row"), name
            )
        if self._keys:
            keys = pl.DataFrame(self._keys, schema=dict(KEYS_SCHEMA), orient="row")
            write_segment(self._staged.path / RECORDS / f"{name}.parquet", keys)
        self._samples.clear()
        self._verdicts.clear()
        self._keys.clear()
        self._rows = self._characters = 0
        self._n_segments += 1

    def _require_judgement(self, verifier: VerifierKey, verdict: Verdict) -> None:
        """Note an oracle whose scores are a measure, and not a share of right."""
        score = verdict.score
        if verifier.sees_answer and score is not None and not (self._any_score or 0.0 <= score <= 1.0):
            why = f"{score:g} is no share of right; --threshold says from which score on a sample is correct"
            self._notes.no_verdict(verifier, why)

    def _drop_what_is_no_verdict(self) -> None:
        for verifier in self._notes.no_verdicts:
            info = self._info_of(verifier)
            verdicts = self._staged.verdict_set(info)
            delete(list(verdicts.folder.glob(f"*/{self._session}-*.parquet")))
            if not any(verdicts.folder.glob("*/*.parquet")):
                delete([verdicts.folder])
            self._totals.n_verdicts.pop(info.verifier, None)

    def _info_of(self, verifier: VerifierKey) -> VerdictSetInfo:
        return VerdictSetInfo(
            verifier=safe_name(verifier.name),
            version=IMPORTED_VERSION,
            options={"format": self._format},
            sees_answer=verifier.sees_answer,
        )

    def _write_verdicts(self, verifier: VerifierKey, cell: str, frame: pl.DataFrame, name: str) -> None:
        info = self._info_of(verifier)
        if self._known is not None:  # some of these samples may have their verdicts already
            for home in (self._stored, self._staged):
                verdicts = home.verdict_set(info)
                there = collect(verdicts.scan(cell).select(SAMPLE_KEY), verdicts.folder)
                frame = frame.join(there, on=list(SAMPLE_KEY), how="anti", maintain_order="left")
        if frame.height:
            self._staged.verdict_set(info).write(cell, frame, name)
            self._totals.n_verdicts[info.verifier] += frame.height
