"""Draw what cells lack with many replicas: the driver's side."""

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ttscale
from ttscale.config.execution import ExecutionSettings
from ttscale.errors import (
    AttemptsFailedError,
    EngineDiedError,
    SamplerError,
    StoreError,
    TtscaleError,
)
from ttscale.pipeline.continuing import refuse_other_engine, refuse_other_model
from ttscale.pipeline.contract import CellWork
from ttscale.pipeline.portions import Gaps
from ttscale.pipeline.replicas.chunks import Chunk, ChunkQueue
from ttscale.pipeline.replicas.places import Place, Replicas, cause_of, is_death, reason_of
from ttscale.pipeline.replicas.replica import Drawn, Placed, Prepared
from ttscale.pipeline.replicas.serving import Serving
from ttscale.samplers.messages import one_line
from ttscale.store.calls import CallRecord

_LOOK_S = 1.0
"""Longest wait without looking whether something is wrong."""
_TOLD_S = 30.0
"""Between two lines about waiting for the cluster."""
_RESCUE_S = 10.0
"""That replicas have to hand over what they drew when a run is stopped."""


class Part(Gaps):
    """A cell's part of the work.

    Args:
        work: The cell.
        targets: problem_id -> samples wanted.

    Attributes:
        queue: What is to be drawn of it in this pass.
        serving: What replicas contribute to it, by place.
        unfinished: What was recorded of interrupted attempts when this pass began.
    """

    def __init__(self, work: CellWork, targets: Mapping[str, int]) -> None:
        super().__init__(work, targets)
        self.cell = work.cell
        self.serving: dict[Place, Serving] = {}
        self.unfinished: Mapping[tuple[str, int], Sequence[CallRecord]] = {}

    def begin(self, n_replicas: int) -> None:
        """Cut what was missing at the last look into chunks."""
        has_strategy = self.cell.strategy is not None  # a replica that died since may have left more records
        self.unfinished = self.work.store.unfinished_calls(self.cell.name) if has_strategy else {}
        self.serving = {}
        self.queue = ChunkQueue(self.seen_requests(), self.total - self.n_stored(), n_replicas)


@dataclass(frozen=True, slots=True)
class _Call:
    """A call under way: of `draw` for what serves its cell, or of `prepare`."""

    place: Place
    actor: Any
    part: Part
    serving: Serving | None = None


class Pass:
    """Cuts what is missing into chunks and has every one drawn once, or lost with its replica.

    A place that is through with the chunks of a cell goes on with the next cell, whatever the others still do.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        replicas: Replicas,
        settings: ExecutionSettings,
        probe: Path | None,
        announce: Callable[[CellWork], None],
    ) -> None:
        self._waiting = deque(parts)
        self._announce = announce
        self._part = self._next_part(len(replicas))
        self._store = self._part.work.store
        self._replicas = replicas
        self._actors = replicas.cluster.actors
        self._settings = settings
        self._progress = self._part.work.progress
        self._probe = probe
        self._calls: dict[Any, _Call] = {}
        self._n_drawing: Counter[Place] = Counter()
        self._idle_since = self._told_at = time.monotonic()
        self.n_samples = 0
        self.n_deaths = 0

    def draw(self, parts: Sequence[Part]) -> None:
        """Draw everything once.

        Args:
            parts: All, for the progress.
        """
        n, done = len(self._waiting) + 1, sum(part.n_stored() for part in parts)
        total = sum(part.total for part in parts)
        what = self._part.cell.name if n == 1 else f"{n} cells"
        self._progress.begin(f"sample {what}", total=total, done=done)
        try:
            while self._part.queue or self._waiting or self._n_drawing.total():
                if not self._part.queue and self._waiting:
                    self._tell_usage()
                    self._part = self._next_part(len(self._replicas))
                self._prepare_all()
                self._feed(self._part)
                self._wait()
            self._tell_usage()
        except BaseException as error:
            self._break_off(rescue=not isinstance(error, StoreError))
            raise
        finally:
            self._progress.end()

    def _next_part(self, n_replicas: int) -> Part:
        part = self._waiting.popleft()
        self._announce(part.work)
        part.begin(n_replicas)
        return part

    def _tell_usage(self) -> None:
        """Say once what the engines could do better: what they say themselves nobody sees."""
        told = [
            (place, said)
            for place, serving in self._part.serving.items()
            if (said := serving.told_of_usage())
        ]
        for place, said in told[:1]:
            others = f" So did {len(told) - 1} other engines." if len(told) > 1 else ""
            self._progress.note(f"{self._part.cell.name}, {place.told()}: {said}{others}")

    # ---- giving work ------------------------------------------------------------------------------

    def _prepare_all(self) -> None:
        part = self._part
        for place in self._replicas:
            if place.actor is None:
                reference = self._replicas.fill(place)
                self._calls[reference] = _Call(place, place.actor, part)
            if place.cell != part.cell.name:
                reference = self._replicas.prepare(place, part.cell, self._probe)
                self._calls[reference] = _Call(place, place.actor, part)
            elif place.prepared and place not in part.serving:
                part.serving[place] = self._serving_of(place, part, place.prepared)

    def _feed(self, part: Part) -> None:
        """Give every replica its share of chunks, one each in turn."""
        hungry = [place for place in part.serving if self._n_drawing[place] < place.depth]
        while part.queue and hungry:
            for place in hungry:
                if part.queue:
                    self._give(place, part, part.queue.take(part.serving[place].samples_per_s))
            hungry = [place for place in hungry if self._n_drawing[place] < place.depth]

    def _give(self, place: Place, part: Part, chunk: Chunk) -> None:
        assert place.prepared is not None
        name, serving = part.cell.name, part.serving[place]
        folder = calls_folder = None
        if place.prepared.sees_run:
            folder = self._store.samples_folder(name).resolve()
            if part.cell.strategy is not None:
                calls_folder = self._store.calls_folder(name).resolve()
        if part.unfinished:
            recorded = {key: part.unfinished[key] for key in chunk.keys if key in part.unfinished}
            chunk = replace(chunk, recorded=recorded)
        reference = place.actor.draw.remote(chunk, name, serving.session, folder, calls_folder)
        self._calls[reference] = _Call(place, place.actor, part, serving)
        self._n_drawing[place] += 1

    # ---- taking answers ---------------------------------------------------------------------------

    def _wait(self) -> None:
        if not self._calls:
            return
        done, _ = self._actors.wait(list(self._calls), timeout=_LOOK_S)
        if done:  # and whatever else is there by now
            done, _ = self._actors.wait(list(self._calls), num_returns=len(self._calls), timeout=0)
        for reference in done:
            self._take(reference)
        self._complain()

    def _take(self, reference: Any) -> None:
        call = self._calls.pop(reference)
        self._n_drawing[call.place] -= call.serving is not None
        try:
            answer = self._actors.get(reference)
        except TtscaleError as error:  # wrapped, but of its class
            self._failed(call, _ours(error))
        except Exception as error:
            if not is_death(error):
                raise SamplerError(f"{call.place.told()} failed: {one_line(cause_of(error))}") from error
            self._died(call, reason_of(error))
        else:
            if isinstance(answer, Drawn):
                self._drawn(call, answer)
            elif call.actor is call.place.actor and isinstance(answer, Placed):
                self._placed(call.place, answer)
            elif call.actor is call.place.actor and call.place.cell == call.part.cell.name:
                self._prepared(call.place, call.part, answer)

    def _placed(self, place: Place, placed: Placed) -> None:
        place.node = placed.node
        self._progress.note(f"{self._part.cell.name}: {place.told()} starts its engine ...")
        if placed.version != ttscale.__version__:
            self._progress.note(
                f"{place.told()} has ttscale {placed.version}, the driver {ttscale.__version__}: install the same on all."
            )

    def _prepared(self, place: Place, part: Part, prepared: Prepared) -> None:
        refuse_other_engine(self._store, part.cell.name, prepared.info.engine)
        refuse_other_model(self._store, part.cell, prepared.info)
        place.prepared, place.node = prepared, prepared.node
        if self._settings.shared is True and not prepared.sees_run:
            raise StoreError(
                f"{place.told()} cannot write into {self._store.path.resolve()}, though "
                "execution.shared is true. Give a run directory that all machines share, or set shared: auto."
            )
        part.serving[place] = self._serving_of(place, part, prepared)
        started = f" after {prepared.start_s:.0f} s" if prepared.start_s else ""
        self._progress.note(f"{part.cell.name}: {prepared.info.engine} runs as {place.told()}{started}.")

    def _serving_of(self, place: Place, part: Part, prepared: Prepared) -> Serving:
        # No machine's name: a run may be passed on.
        where = {"execution": self._replicas.cluster.name, "replica": place.number}
        return Serving(self._store, part.cell.name, prepared, where)

    def _drawn(self, call: _Call, drawn: Drawn) -> None:
        self._store_drawn(call, drawn)
        if drawn.ran_dry:
            call.place.deepen()
        if isinstance(drawn.error, EngineDiedError):
            self._died(call, str(drawn.error))
        elif isinstance(drawn.error, AttemptsFailedError):
            call.part.failure = drawn.error
        elif drawn.error is not None:
            raise drawn.error

    def _store_drawn(self, call: _Call, drawn: Drawn) -> None:
        assert call.serving is not None
        call.serving.take_calls(drawn.calls)
        if not drawn.n_samples:
            return
        segment = call.serving.take(drawn)
        call.place.deaths = 0
        self.n_samples += drawn.n_samples
        self._progress.advance(drawn.n_samples, drawn.completion_tokens)
        call.part.work.on_segment(segment)

    def _failed(self, call: _Call, error: TtscaleError) -> None:
        """An engine that cannot start is a reason to end, unless others show that it can."""
        if isinstance(error, StoreError) or not self.n_samples:
            raise error
        self._died(call, str(error), error)

    def _died(self, call: _Call, reason: str, error: TtscaleError | None = None) -> None:
        """Replace an actor, once, however many of its calls fail."""
        if call.actor is call.place.actor:
            self.n_deaths += 1
            self._part.serving.pop(call.place, None)
            self._replicas.bury(call.place, reason, error)

    # ---- when nothing comes -----------------------------------------------------------------------

    def _complain(self) -> None:
        """Tell what a run waits for that was given room for not a single engine, and end it after a while.

        An engine that has room may take its time to start.
        """
        now = time.monotonic()
        if any(place.node for place in self._replicas):
            self._idle_since = self._told_at = now
            return
        if now - self._told_at >= _TOLD_S:
            self._told_at = now
            self._progress.note(f"{self._part.cell.name}: waiting for {self._replicas.cluster.wanted()}.")
        if now - self._idle_since >= self._settings.wait_s:
            raise SamplerError(
                f"Ray found no place for an engine within {self._settings.wait_s:g} s (execution.wait_s): "
                f"{self._replicas.cluster.wanted()}. Ask for less per replica, or add machines."
            )

    # ---- stopping ---------------------------------------------------------------------------------

    def _break_off(self, *, rescue: bool) -> None:
        """Store what the replicas have by now, and end those that do not answer."""
        drawing = {reference: call for reference, call in self._calls.items() if call.serving is not None}
        if rescue and drawing:
            for actor in {call.actor for call in drawing.values()}:
                actor.stop.remote()
            done, _ = self._actors.wait(list(drawing), num_returns=len(drawing), timeout=_RESCUE_S)
            for reference in done:
                self._rescue(drawing.pop(reference), reference)
        for place in self._replicas:
            place.cell = place.prepared = None  # whatever it has running was broken off
        for place in {call.place for call in drawing.values()}:
            self._replicas.clear(place)

    def _rescue(self, call: _Call, reference: Any) -> None:
        try:
            drawn = self._actors.get(reference)
        except Exception:  # dead or failed: lost, and the first error is on its way already
            return
        self._store_drawn(call, drawn)


def _ours(error: TtscaleError) -> TtscaleError:
    """Return a replica's error as it was raised there."""
    cause = cause_of(error)
    return cause if isinstance(cause, TtscaleError) else error
