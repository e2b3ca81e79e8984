"""Cells of one engine in one stream: the same samples, no idle places between them, and each cell's record its own."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from scripted import ScriptedOptions, ScriptedSampler, draw
from toy_sampler import ToySampler

from ttscale.config.loading import check_config
from ttscale.errors import EngineDiedError, SamplerError, UnfinishedRunError
from ttscale.pipeline import recording
from ttscale.pipeline.progress import Progress
from ttscale.pipeline.run import sample_run
from ttscale.samplers.contract import EngineInfo
from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.store.run import RunStore
from ttscale.types import Sample, SampleRequest

SLOTS = 16


class Streaming(ScriptedSampler):
    """Has places for some requests, ends one a step, and counts places that were free while there was work.

    What it says ends in the temperature under which it was asked.
    """

    serves: ClassVar[frozenset[str]] = frozenset({"cells"})
    free_places: ClassVar[list[int]] = []
    refused: ClassVar[set[float]] = set()
    dies_at: ClassVar[list[int]] = []
    dies_of: ClassVar[list[BaseException]] = []
    n_started: ClassVar[list[int]] = []

    def __init__(self, model: ModelSettings, sampling: SamplingSettings, options: ScriptedOptions) -> None:
        super().__init__(model, sampling, options)
        self._sampling = sampling

    def start(self) -> EngineInfo:
        self.n_started.append(1)
        self._refuse()
        return self._info()

    def reuse(self, model: ModelSettings, sampling: SamplingSettings) -> EngineInfo:
        self._sampling = sampling
        self._refuse()
        return self._info()

    def _info(self) -> EngineInfo:
        return replace(super().start(), engine=f"{type(self).__module__}:{type(self).__name__}")

    def _refuse(self) -> None:
        if self._sampling.temperature in self.refused:
            raise SamplerError(f"no temperature {self._sampling.temperature} today")

    def sample(self, requests: Iterable[SampleRequest]) -> Iterator[list[Sample]]:
        waiting, flying = iter(requests), []
        while True:
            while len(flying) < SLOTS and (request := next(waiting, None)) is not None:
                flying.append((request, self._sampling.temperature))
            if not flying:
                return
            self.free_places.append(SLOTS - len(flying))
            if self.dies_at and len(self.free_places) == self.dies_at[0]:
                self.dies_at.pop()
                raise self.dies_of.pop() if self.dies_of else EngineDiedError("it fell over")
            request, temperature = flying.pop(len(flying) // 2)
            yield [_drawn(request, j, temperature) for j in range(request.n)]


class Alone(Streaming):
    """The same, one cell after another."""

    serves: ClassVar[frozenset[str]] = frozenset()


def _drawn(request: SampleRequest, j: int, temperature: float) -> Sample:
    asked = request.problem
    own = replace(asked, problem_id=asked.problem_id.rpartition("\x1f")[2])  # what it says depends on the id
    sample = draw(own, request.first_index + j, request.seed + j)
    return replace(sample, problem_id=asked.problem_id, completion=f"{sample.completion} at {temperature}")


@pytest.fixture(autouse=True)
def fresh() -> None:
    for kept in (Streaming.free_places, Streaming.dies_at, Streaming.dies_of, Streaming.n_started):
        kept.clear()
    Streaming.refused.clear()


def sampled(
    out: Path,
    sampler: type[Streaming] = Streaming,
    progress: Progress | None = None,
    *,
    share: bool = False,
) -> RunStore:
    config: dict[str, Any] = {
        "name": "sweep",
        "out": str(out),
        "model": {"path": "none", "engine": f"{sampler.__module__}:{sampler.__name__}"},
        "task": {"name": "arithmetic", "problems": 6},
        "sampling": {"n": 12, "max_tokens": 10, "request_size": 4},
        "verifiers": ["exact"],
        "sweep": {"axes": {"temperature": [0.25, 0.5, 1.0]}},
    }
    return sample_run(check_config(config), progress, share=share)


def texts(store: RunStore) -> dict[str, list[Any]]:
    columns = ("problem_id", "sample_index", "completion", "seed", "cell")
    return {
        cell: store.samples(cell).select(columns).sort(columns).collect().rows() for cell in store.cells()
    }


def test_the_samples_are_those_of_cells_drawn_alone_and_the_engine_is_full_between_them(
    tmp_path: Path,
) -> None:
    alone = sampled(tmp_path / "alone", Alone)
    idle_alone = sum(Streaming.free_places)
    Streaming.free_places.clear()
    together = sampled(tmp_path / "together")
    assert texts(together) == texts(alone)
    assert {len(rows) for rows in texts(together).values()} == {6 * 12}
    tail = SLOTS * (SLOTS - 1) // 2
    assert (idle_alone, sum(Streaming.free_places)) == (3 * tail, tail)


def test_each_cell_has_its_own_session_and_no_time_is_counted_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = SimpleNamespace(monotonic=lambda: float(len(Streaming.free_places)))
    monkeypatch.setattr(recording, "time", steps)
    store = sampled(tmp_path)
    sessions = {session.cell: session for session in store.sessions()}
    assert len(store.sessions()) == len(sessions) == 3
    assert {session.n_samples for session in sessions.values()} == {72}
    counted = sum(
        session.seconds for session in sessions.values()
    )  # the last sample may be an earlier cell's
    assert 50 < counted <= len(Streaming.free_places) == 54


class Told(Progress):
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.bars: list[tuple[str, int, int]] = []
        self.advanced = 0

    def note(self, text: str) -> None:
        self.lines.append(text)

    def begin(self, stage: str, *, total: int, done: int = 0) -> None:
        self.bars.append((stage, total, done))

    def advance(self, n_samples: int, n_tokens: int = 0) -> None:
        self.advanced += n_samples


def test_one_bar_is_shown_and_every_cell_is_told_once(tmp_path: Path) -> None:
    told = Told()
    sampled(tmp_path, progress=told)
    assert told.bars == [("sample 3 cells", 216, 0)]
    assert told.advanced == 216
    assert [line[:11] for line in told.lines if line.startswith("Cell ")] == [
        f"Cell {i} of 3" for i in (1, 2, 3)
    ]
    assert not [line for line in told.lines if "nothing to draw" in line]


def test_a_cell_that_cannot_begin_costs_the_others_nothing(tmp_path: Path) -> None:
    Streaming.refused.add(0.5)
    with pytest.raises(UnfinishedRunError, match=r"no temperature 0\.5 today"):
        sampled(tmp_path)
    store = RunStore(tmp_path)
    assert sorted(session.n_samples for session in store.sessions()) == [72, 72]
    Streaming.refused.clear()
    assert {len(rows) for rows in texts(sampled(tmp_path)).values()} == {72}


def test_an_engine_that_dies_among_two_cells_goes_on_with_both(tmp_path: Path) -> None:
    Streaming.dies_at.append(20)  # of 54: the first cell's last requests are under way beside the second's
    told = Told()
    store = sampled(tmp_path / "died", progress=told)
    assert [line for line in told.lines if "it fell over" in line]
    assert len(Streaming.n_started) == 2
    assert texts(store) == texts(sampled(tmp_path / "alone", Alone))


def test_a_run_stopped_among_two_cells_goes_on_with_both(tmp_path: Path) -> None:
    Streaming.dies_at.append(20)
    Streaming.dies_of.append(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        sampled(tmp_path / "stopped")
    stored = [sorted(rows) for rows in texts(RunStore(tmp_path / "stopped")).values()]
    assert [0 < len(rows) < 72 for rows in stored] == [True, True, False]
    store = sampled(tmp_path / "stopped")
    assert texts(store) == texts(sampled(tmp_path / "alone", Alone))


def test_processes_that_share_a_run_go_on_with_the_next_cell_too(tmp_path: Path) -> None:
    told = Told()
    shared = sampled(tmp_path / "shared", progress=told, share=True)
    free = sum(Streaming.free_places)
    assert texts(shared) == texts(sampled(tmp_path / "alone", Alone))
    assert free == SLOTS * (SLOTS - 1) // 2
    assert told.bars == [("sample 3 cells", 216, 0)]


REVISE = {"name": "rsa", "population": 4, "subset": 2, "steps": 3}
ACCEPT = {"name": "first-accepted", "attempts": 3, "verifier": "toy_sampler:CountsA"}
FAILING = {"name": "toy_sampler:CountsA", "fail_on": "cc"}


def attempted(out: Path, strategies: dict[str, Any], **sampling: Any) -> RunStore:
    """A sweep over strategies, each with two lengths: what a call gets with the wrong one is another text."""
    tree = {
        "name": "sweep",
        "out": str(out),
        "model": {"path": "none", "engine": "toy_sampler:ToySampler"},
        "task": {"name": "arithmetic", "problems": 4},
        "sampling": {"n": 20, "request_size": 4} | sampling,
        "sweep": {"axes": {"strategy": strategies, "max_tokens": [4, 7]}},
    }
    return sample_run(check_config(tree))


def test_the_long_tail_of_a_strategy_is_drawn_beside_the_next_cell(tmp_path: Path) -> None:
    ToySampler.taken.clear()
    strategies = {"revise": REVISE, "accept": ACCEPT, "plain": None}
    together = attempted(tmp_path / "together", strategies)
    marks = [problem_id.rpartition("\x1f")[0] for problem_id in ToySampler.taken]
    assert sorted(set(marks)) == ["", *"12345"]
    assert marks.index("1") < len(marks) - 1 - marks[::-1].index(""), "it waited for the cell before"
    with_cells = ToySampler.serves
    try:
        ToySampler.serves = with_cells - {"cells"}
        alone = attempted(tmp_path / "alone", strategies)
    finally:
        ToySampler.serves = with_cells
    assert texts(together) == texts(alone)
    assert len(together.cells()) == 6
    for cell in together.cells():
        for kind in ("generate", "judge", "end"):
            same = [
                store.calls(cell)
                .filter(kind=kind)
                .drop("seconds")
                .collect()
                .sort("problem_id", "sample_index", "path")
                for store in (together, alone)
                if "plain" not in cell
            ]
            assert not same or same[0].equals(same[1])


def test_attempts_that_fail_are_their_own_cells_alone(tmp_path: Path) -> None:
    strategies = {"failing": ACCEPT | {"verifier": FAILING}, "revise": REVISE}
    with pytest.raises(UnfinishedRunError, match="failed in"):
        attempted(tmp_path, strategies)
    counts = {cell: len(rows) for cell, rows in texts(RunStore(tmp_path)).items()}
    assert {n for cell, n in counts.items() if "revise" in cell} == {80}
    assert all(0 < n < 80 for cell, n in counts.items() if "failing" in cell)
