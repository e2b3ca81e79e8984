"""The sampler `replay`: serves the stored samples of another run, for development and tests of everything downstream.

    model: {path: runs/quickstart, engine: replay}

A replayed run says so in its sessions (`engine: replay`). It is the same data again: never count it as another draw.
"""

import heapq
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Any, ClassVar

from pydantic import BaseModel, Field

import ttscale
from ttscale.errors import EngineDiedError, SamplerError, did_you_mean, listed
from ttscale.options import Settings
from ttscale.plain_files import user_path
from ttscale.samplers.contract import EngineInfo
from ttscale.samplers.replay_calls import CallShelf
from ttscale.samplers.replay_shelf import Shelf
from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.store.run import RunStore, Session
from ttscale.types import Sample, SampleRequest

_SEQUENCES = 256
"""Sequences at a time, where a speed is imitated and `sampling.max_concurrent` says nothing."""
_FREE_TO_DIFFER = frozenset({
    "n", "request_size", "max_concurrent", "seed", "per_sample_seeds", "logprobs", "token_logprobs", "top_logprobs",
})  # fmt: skip
"""Sampling settings that do not change what a stored sample is a sample of."""


class ReplayOptions(Settings):
    """Which run is served, how fast, and what goes wrong."""

    NOT_PART_OF_A_SAMPLE: ClassVar[frozenset[str]] = frozenset(
        {"delay_s", "tokens_per_s", "fails_after", "dies_after"}
    )
    """Options that decide how fast and how surely a sample comes, not what it looks like."""

    run: str | None = None
    """The run directory; default: `model.path`."""
    cell: str | None = None
    """The cell of that run; default: its only one, or the one drawn from `model.path` with these settings."""
    delay_s: float = Field(default=0.0, ge=0)
    """Seconds from the start of a sample to its first token."""
    tokens_per_s: float | None = Field(default=None, gt=0)
    """Speed of every one of the sequences under way (`sampling.max_concurrent`, else 256); None: at once."""
    fails_after: int | None = Field(default=None, ge=0)
    """Samples after which it fails as an engine that cannot serve a request does."""
    dies_after: int | None = Field(default=None, ge=0)
    """Samples after which it dies as an engine that may be started again does."""


class ReplaySampler:
    """Serves stored samples.

    Seeds, log-probabilities and token counts are the stored ones. A prompt that differs from the stored one and
    sampling settings that differ from the stored cell's are refused: the samples would be none of those.

    Attributes:
        replayed: The identity of the stored cell, once started: only the same strategy can be made of its journal again.
    """

    Options: ClassVar[type[BaseModel]] = ReplayOptions
    serves: ClassVar[frozenset[str]] = frozenset({"calls", "prefix", "tokens", "stop", "logprobs"})

    def __init__(self, model: ModelSettings, sampling: SamplingSettings, options: ReplayOptions) -> None:
        self._model = model
        self._sampling = sampling
        self._options = options
        self._shelf: Shelf | None = None
        self._calls: CallShelf | None = None
        self.replayed: Mapping[str, Any] = {}

    def start(self) -> EngineInfo:
        """Find the stored samples; see `Sampler.start`."""
        if self._model.engine_options:
            name, known = min(self._model.engine_options), ReplayOptions.model_fields
            raise SamplerError(
                f"Sampler 'replay' has no option '{name}'.{did_you_mean(name, known)} Known: {listed(known)}."
            )
        path = user_path(self._options.run or self._model.path, SamplerError)
        store = RunStore(path)
        if not store.exists:
            raise SamplerError(
                f"'{path}' is no run directory, so there is nothing to replay. Set engine_options.run, or "
                "model.path, to the folder that `ttscale run` wrote."
            )
        cell = self._choose_cell(store)
        self._refuse_other_sampling(store.manifest()["cells"][cell], cell)
        where = f"Cell '{cell}' of the replayed run {path}"
        self._shelf = Shelf(store, cell, where)
        self._calls = CallShelf(store, cell, self._shelf, where)
        self.replayed = store.manifest()["cells"][cell]
        return self._engine_info(store, cell)

    def sample(self, requests: Iterable[SampleRequest]) -> Iterator[list[Sample]]:
        """Serve what is asked; see `Sampler.sample`."""
        if self._shelf is None:
            raise SamplerError("The engine is not running: call start() first.")
        served = 0
        for samples in self._in_time(requests):
            self._fail_in_time(served + len(samples))
            served += len(samples)
            yield samples

    def close(self) -> None:
        """Let the run go; safe to call twice."""
        self._shelf = self._calls = None

    def _fetch(self, request: SampleRequest) -> list[Sample]:
        assert self._shelf is not None
        assert self._calls is not None
        return (self._calls if self._calls.asks(request) else self._shelf).fetch(request)

    # ---- which samples --------------------------------------------------------------------------------

    def _choose_cell(self, store: RunStore) -> str:
        cells: Mapping[str, Mapping[str, Any]] = store.manifest()["cells"]
        wanted = self._options.cell
        if wanted is not None:
            if wanted not in cells:
                raise SamplerError(
                    f"The replayed run {store.path} has no cell '{wanted}'.{did_you_mean(wanted, cells)} "
                    f"It has: {listed(cells)}. Correct engine_options.cell."
                )
            return wanted
        fitting = list(cells)
        if len(fitting) > 1:
            fitting = [
                name
                for name, identity in cells.items()
                if identity.get("model.path") == self._model.path and not self._differing(identity)
            ]
        if len(fitting) != 1:
            raise SamplerError(
                f"The replayed run {store.path} has {len(cells)} cells, and {len(fitting)} of them were drawn from "
                f"'{self._model.path}' with these sampling settings. Set engine_options.cell to one of: {listed(cells)}."
            )
        return fitting[0]

    def _refuse_other_sampling(self, identity: Mapping[str, Any], cell: str) -> None:
        differing = self._differing(identity)
        if differing:
            raise SamplerError(
                f"The replayed cell '{cell}' was sampled with other settings ({'; '.join(differing)}). "
                "Its samples are none of these settings: set them as they were."
            )

    def _differing(self, identity: Mapping[str, Any]) -> list[str]:
        """Return the sampling settings that are not those of the stored cell, described."""
        asked = self._sampling.model_dump(mode="json")
        fields = SamplingSettings.model_fields
        stored = {
            name: identity.get(f"sampling.{name}", fields[name].get_default(call_default_factory=True))
            for name in asked
        }
        return [
            f"sampling.{name}: {stored[name]!r} stored, {asked[name]!r} asked"
            for name in sorted(asked.keys() - _FREE_TO_DIFFER)
            if _plain(stored[name]) != _plain(asked[name])
        ]

    def _engine_info(self, store: RunStore, cell: str) -> EngineInfo:
        sessions = [session for session in store.sessions() if session.cell == cell]
        return EngineInfo(
            engine="replay",
            version=ttscale.__version__,
            device=_said(sessions, "device"),
            dtype=_said(sessions, "dtype"),
            model_path=self._model.path,
            chat_template=any(session.engine.get("chat_template", False) for session in sessions),
            per_sample_seeds=bool(sessions)
            and all(s.engine.get("per_sample_seeds", False) for s in sessions),
            detail={
                "replayed_run": store.manifest()["name"],
                "replayed_cell": cell,
                "replayed_engine": _said(sessions, "engine"),
            },
        )

    # ---- when -----------------------------------------------------------------------------------------

    def _in_time(self, requests: Iterable[SampleRequest | None]) -> Iterator[list[Sample]]:
        """Yield every request's samples when an engine of the imitated speed would have finished them."""
        speed, delay_s = self._options.tokens_per_s, self._options.delay_s
        if speed is None and not delay_s:
            yield from (self._fetch(request) for request in requests if request is not None)
            return
        slots = [time.monotonic()] * (self._sampling.max_concurrent or _SEQUENCES)
        under_way: list[tuple[float, int, list[Sample]]] = []
        waiting, numbers = iter(requests), count()
        n_under_way = 0
        while True:
            while n_under_way < len(slots) and (request := next(waiting, None)) is not None:
                samples = self._fetch(request)
                ends = [
                    _take_slot(slots, delay_s + (s.completion_tokens or 0) / (speed or float("inf")))
                    for s in samples
                ]
                heapq.heappush(under_way, (max(ends), next(numbers), samples))
                n_under_way += len(samples)
            if not under_way:
                return
            end, _, samples = heapq.heappop(under_way)
            n_under_way -= len(samples)
            time.sleep(max(0.0, end - time.monotonic()))
            yield samples

    def _fail_in_time(self, served: int) -> None:
        """Raise what is configured to go wrong once so many samples would have been served."""
        options = self._options
        if options.dies_after is not None and served > options.dies_after:
            raise EngineDiedError(
                f"The replayed engine died after {options.dies_after} samples, as configured."
            )
        if options.fails_after is not None and served > options.fails_after:
            raise SamplerError(
                f"The replayed engine fails after {options.fails_after} samples, as configured."
            )


def _take_slot(slots: list[float], seconds: float) -> float:
    """Occupy the slot that is free first; return when it is free again."""
    end = max(slots[0], time.monotonic()) + seconds
    heapq.heapreplace(slots, end)
    return end


def _said(sessions: list[Session], key: str) -> str:
    """Return what the sessions say of their engine."""
    return listed({str(session.engine[key]) for session in sessions if key in session.engine}) or "unknown"


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
