"""What a run on a cluster is made of, without Ray: chunks, the stream that an engine is fed with, the hand-over."""

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted import ScriptedSampler as Scripted
from scripted import draw

from ttscale.config.execution import ExecutionSettings
from ttscale.config.loading import check_config, dump_config
from ttscale.config.models import Cell
from ttscale.errors import ConfigError, StoreError
from ttscale.pipeline.building import cell_identity
from ttscale.pipeline.ray.cluster import Cluster
from ttscale.pipeline.ray.verifying import _parts
from ttscale.pipeline.replicas.chunks import Chunk, ChunkQueue
from ttscale.pipeline.replicas.handover import Handover, hand_over, take_over
from ttscale.pipeline.replicas.search_path import search_path
from ttscale.pipeline.replicas.stream import Draw, EngineStream
from ttscale.pipeline.requests import plan_requests
from ttscale.store.samples import scan_samples
from ttscale.types import Problem, Sample, SampleRequest
from ttscale.verifiers.contract import Candidate

PROBLEMS = [Problem(problem_id=f"p{i}", prompt=f"{i}+1=", answer=str(i + 1)) for i in range(7)]


def requests(n: int, size: int = 8) -> Iterator[SampleRequest]:
    missing = {problem.problem_id: [range(n)] for problem in PROBLEMS}
    return plan_requests(PROBLEMS, missing, run_seed=0, request_size=size)


def cell(**options: Any) -> Cell:
    model = {"path": "none", "engine": "scripted:ScriptedSampler", "engine_options": options}
    return Cell.model_validate({"name": "c", "model": model, "task": "arithmetic", "sampling": {"n": 4}})


# ---- chunks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("samples_per_s", [None, 0.1, 10.0, 1e6])
def test_chunks_are_the_requests_in_their_order_and_shrink_towards_the_end(
    samples_per_s: float | None,
) -> None:
    queue = ChunkQueue(requests(1000), 7 * 1000, n_replicas=3)
    chunks = []
    while queue:
        chunks.append(queue.take(samples_per_s))
    assert [request for chunk in chunks for request in chunk.requests] == list(requests(1000))
    assert chunks[0].n_samples <= 7 * 1000 / (4 * 3) + 8
    assert chunks[-1].n_samples <= 8
    assert queue.n_left == 0


# ---- the engine's stream --------------------------------------------------------------------------


class Backwards(Scripted):
    """Answers requests in reverse, and only when it has no more of them."""

    def sample(self, requests: Iterable[SampleRequest]) -> Iterator[list[Sample]]:
        yield from super().sample(reversed(list(requests)))


class Gated(Scripted):
    """Waits at its second request until it is let through."""

    gate = threading.Event()
    reached = threading.Event()

    def sample(self, requests: Iterable[SampleRequest]) -> Iterator[list[Sample]]:
        for count, samples in enumerate(super().sample(requests)):
            if count == 1:
                self.reached.set()
                self.gate.wait(30)
            yield samples


def stream_of(monkeypatch: pytest.MonkeyPatch, sampler: type[Scripted], **options: Any) -> EngineStream:
    monkeypatch.setattr("scripted.ScriptedSampler", sampler)
    stream = EngineStream()
    stream.start(cell(**options)).result(30)
    return stream


def test_samples_find_their_chunk_in_whatever_order_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = stream_of(monkeypatch, Backwards)
    wanted = list(requests(16))
    chunks = [Chunk(tuple(wanted[start : start + 3])) for start in range(0, len(wanted), 3)]
    for chunk, answer in [(chunk, stream.draw(chunk)) for chunk in chunks]:
        drawn = answer.result(30)
        assert drawn.error is None
        asked = {(r.problem.problem_id, r.first_index + j) for r in chunk.requests for j in range(r.n)}
        assert {(s.problem_id, s.sample_index) for s in drawn.samples} == asked
        assert len(drawn.samples) == chunk.n_samples


def test_an_engine_that_fails_answers_every_chunk_and_the_first_with_what_it_gave(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = stream_of(monkeypatch, Scripted, fail_after=2)
    wanted = list(requests(8))
    answers = [stream.draw(Chunk(tuple(wanted[:4]))), stream.draw(Chunk(tuple(wanted[4:])))]
    first, second = (answer.result(30) for answer in answers)
    assert "scripted failure" in str(first.error)
    assert len(first.samples) == 16
    assert second.samples == [] or second.error is None
    assert (
        stream.draw(Chunk(tuple(wanted))).result(30).samples == []
    )  # nothing runs until it is started again
    stream.start(cell()).result(30)
    assert len(stream.draw(Chunk(tuple(wanted))).result(30).samples) == 7 * 8


def test_stopping_answers_open_and_waiting_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    Gated.gate.clear()
    Gated.reached.clear()
    stream = stream_of(monkeypatch, Gated)
    wanted = list(requests(8))
    opened, waiting = stream.draw(Chunk(tuple(wanted[:4]))), stream.draw(Chunk(tuple(wanted[4:])))
    assert Gated.reached.wait(30)
    stream.stop()
    Gated.gate.set()
    first: Draw = opened.result(30)
    assert 0 < len(first.samples) < 32
    assert waiting.result(30).samples == []


# ---- handing over ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shared", [True, False])
def test_samples_are_seen_only_after_the_driver_took_them(shared: bool, tmp_path: Path) -> None:
    drawn = [draw(PROBLEMS[0], index, seed=index) for index in range(5)]
    handover = hand_over(drawn, "c", "s", tmp_path if shared else None)
    assert scan_samples(tmp_path).collect().height == 0
    take_over(handover, tmp_path / "s-000000.parquet", "s")
    assert scan_samples(tmp_path).collect()["sample_index"].to_list() == list(range(5))
    assert [path.name for path in tmp_path.iterdir()] == ["s-000000.parquet"]


def test_a_file_that_the_driver_does_not_see_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"execution\.shared: false"):
        take_over(Handover(path=tmp_path / "elsewhere.parquet"), tmp_path / "s.parquet", "s")


def test_parts_keep_problems_together_where_they_must() -> None:
    batch = [Candidate(problem, draw(problem, index, 0)) for problem in PROBLEMS for index in range(5)]
    loose = list(_parts(batch, 8, whole_problems=False))
    whole = list(_parts(batch, 8, whole_problems=True))
    assert [c for part in loose for c in part] == [c for part in whole for c in part] == batch
    assert max(map(len, loose)) == 8
    assert [len(part) for part in whole] == [10, 10, 10, 5]


# ---- settings -------------------------------------------------------------------------------------

BASE = {"name": "n", "out": "o", "model": "demo-arithmetic", "task": "arithmetic", "sampling": {"n": 4}}


def test_execution_is_a_name_or_a_section_and_no_part_of_a_cell() -> None:
    assert check_config({**BASE, "execution": "ray"}).execution == ExecutionSettings(name="ray")
    assert check_config(BASE).execution.name == "local"
    assert "execution" not in " ".join(cell_identity(cell()))


def test_neither_addresses_nor_environments_are_stored() -> None:
    secret = {"name": "ray", "address": "10.0.0.7:6379", "runtime_env": {"env_vars": {"KEY": "s3cret"}}}
    config = check_config({**BASE, "execution": secret})
    assert config.execution.address == "10.0.0.7:6379"
    stored = dump_config(config)
    assert "name: ray" in stored
    assert "10.0.0.7" not in stored
    assert "s3cret" not in stored


@pytest.mark.parametrize(
    ("execution", "message"),
    [
        ({"name": "ray", "replica": 2}, "Did you mean 'replicas'"),
        ({"name": "ray", "replicas": 0}, "at least 1"),
        ({"address": "auto"}, "name: ray"),
        ({"name": "ray", "gpus": 2}, "leave gpus out"),
        ({"gpus": 0}, "at least 1, or all"),
        ("slurm", "'local' or 'ray'"),
    ],
)
def test_wrong_settings_are_refused(execution: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_config({**BASE, "execution": execution})


class FakeRay:
    """A cluster of given nodes."""

    def __init__(self, *nodes: dict[str, float]) -> None:
        self._nodes = nodes

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": node} for node in self._nodes]


@pytest.mark.parametrize(
    ("nodes", "settings", "replicas", "cpus", "gpus"),
    [
        ([{"CPU": 8}], {}, 1, 8, 0),
        ([{"CPU": 2}, {"CPU": 8}, {"CPU": 8}], {}, 2, 8, 0),
        ([{"CPU": 8}], {"cpus_per_replica": 2}, 4, 2, 0),
        ([{"CPU": 4}, {"CPU": 32, "GPU": 4}, {"CPU": 32, "GPU": 4}], {}, 8, 1, 1),
        ([{"CPU": 32, "GPU": 4}], {"gpus_per_replica": 2}, 2, 1, 2),
        ([{"CPU": 32, "GPU": 4}], {"gpus_per_replica": 0.5}, 8, 1, 0.5),
        ([{"CPU": 1}], {"gpus_per_replica": 1}, 1, 1, 1),
        ([{"CPU": 8}], {"replicas": 5}, 5, 8, 0),
    ],
)
def test_defaults_fill_the_cluster(
    nodes: list[dict[str, float]], settings: dict[str, Any], replicas: int, cpus: float, gpus: float
) -> None:
    cluster = Cluster(FakeRay(*nodes), ExecutionSettings(name="ray", **settings))
    options = cluster.replica_options(1)
    assert (cluster.n_replicas(), options["num_cpus"], options["num_gpus"]) == (replicas, cpus, gpus)


def test_only_the_users_own_folders_are_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    folders = search_path()
    assert str(tmp_path.resolve()) in folders
    assert not [folder for folder in folders if "site-packages" in folder or folder.endswith("lib-dynload")]
