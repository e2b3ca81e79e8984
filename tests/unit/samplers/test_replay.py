"""The sampler `replay`: a stored run served again, sample by sample."""

import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ttscale.config.loading import load_config
from ttscale.errors import EngineDiedError, SamplerError
from ttscale.pipeline.run import sample_run
from ttscale.samplers.replay import ReplayOptions, ReplaySampler
from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.store.run import RunStore, Session
from ttscale.types import Message, Problem, Sample, SampleRequest

PROBLEMS = [
    Problem(problem_id="a", prompt="1+1=", answer="2"),
    Problem(problem_id="b", messages=(Message("user", "2+2?"),), answer="4"),
]
N = 30
CELLS = {
    "cool": {"model.path": "m", "task.name": "t", "sampling.temperature": 0.5, "sampling.stop": ["x"]},
    "hot": {"model.path": "m", "task.name": "t"},
    "other": {"model.path": "other", "task.name": "t"},
}


def sample_of(cell: str, problem: Problem, index: int) -> Sample:
    """A sample that tells where it comes from, with logprobs that float32 holds exactly."""
    return Sample(
        problem_id=problem.problem_id,
        sample_index=index,
        completion=f"{cell} {problem.problem_id} {index}",
        finish_reason="stop",
        prompt_tokens=4,
        completion_tokens=10 + index,
        cumulative_logprob=-0.25 * index,
        token_logprobs=(-0.25,) * index if index else None,
        top_logprobs=np.full((index, 2), -0.25, np.float32) if index else None,
        seed=1000 + index,
    )


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three cells, each in seven segments, whose indices interleave."""
    path = tmp_path_factory.mktemp("stored") / "run"
    store = RunStore(path)
    with store.writing():
        store.begin(name="stored", version="1", config_yaml="", cells=CELLS)
        for cell in CELLS:
            store.keep_problems(cell, PROBLEMS)
            store.write_session(
                Session(
                    session=f"s-{cell}", cell=cell, started_at="", engine={"engine": "vllm", "device": "cpu"}
                )
            )
            writer = store.sample_writer(cell, "s")
            for start in range(7):
                writer.add([sample_of(cell, p, i) for p in PROBLEMS for i in range(start, N, 7)])
                writer.flush()
    return path


def sampler_of(
    path: Path, *, model: str | None = None, sampling: dict[str, Any] | None = None, **options: Any
) -> ReplaySampler:
    settings = SamplingSettings(**{"n": N} | (sampling or {}))
    return ReplaySampler(ModelSettings(path=model or str(path)), settings, ReplayOptions(**options))


def request(problem: Problem, first: int, n: int) -> SampleRequest:
    return SampleRequest(problem=problem, first_index=first, n=n, seed=0)


def test_samples_come_back_as_they_were_stored(stored: Path) -> None:
    with closing(sampler_of(stored, cell="hot")) as sampler:
        info = sampler.start()
        asked = [request(problem, first, 10) for first in (0, 20, 10) for problem in PROBLEMS]
        found = [sample for batch in sampler.sample(asked) for sample in batch]
    assert {(s.problem_id, s.sample_index): s for s in found} == {
        (p.problem_id, i): sample_of("hot", p, i) for p in PROBLEMS for i in range(N)
    }
    assert len(found) == 2 * N
    shapes = {s.sample_index: None if s.top_logprobs is None else s.top_logprobs.shape for s in found}
    assert shapes == {0: None} | {i: (i, 2) for i in range(1, N)}
    assert (info.engine, info.device) == ("replay", "cpu")
    assert info.detail == {"replayed_run": "stored", "replayed_cell": "hot", "replayed_engine": "vllm"}


@pytest.mark.parametrize(
    ("model", "sampling", "cell"),
    [("m", {}, "hot"), ("m", {"temperature": 0.5, "stop": ["x"]}, "cool"), ("other", {"seed": 9}, "other")],
)
def test_the_cell_is_found_by_model_and_settings(
    stored: Path, model: str, sampling: dict[str, Any], cell: str
) -> None:
    with closing(sampler_of(stored, model=model, sampling=sampling, run=str(stored))) as sampler:
        assert sampler.start().detail["replayed_cell"] == cell


@pytest.mark.parametrize(
    ("model", "sampling", "options", "message"),
    [
        ("m", {}, {"cell": "hott"}, "no cell 'hott'. Did you mean 'hot'? It has: cool, hot, other"),
        ("m", {"temperature": 0.7}, {}, "3 cells, and 0 of them"),
        ("m", {"temperature": 0.7}, {"cell": "hot"}, "sampling.temperature: 1.0 stored, 0.7 asked"),
        (
            "m",
            {},
            {"cell": "cool"},
            "sampling.stop: ['x'] stored, [] asked; sampling.temperature: 0.5 stored",
        ),
    ],
)
def test_a_cell_that_does_not_fit_is_refused(
    stored: Path, model: str, sampling: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(SamplerError) as raised:
        sampler_of(stored, model=model, sampling=sampling, run=str(stored), **options).start()
    assert message in str(raised.value)


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SamplerError, match=r"no run directory.*engine_options\.run"):
        sampler_of(tmp_path).start()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            request(PROBLEMS[0], 25, 10),
            r"holds 30 samples of problem 'a', but \[25, 35\) are asked for.*Lower sampling\.n",
        ),
        (
            request(Problem(problem_id="c", prompt="1+1="), 0, 1),
            r"no samples of problem 'c', but of 2 others",
        ),
        (request(Problem(problem_id="a", prompt="1+2="), 0, 1), r"'a' with another prompt"),
    ],
)
def test_what_is_not_stored_is_refused(stored: Path, asked: SampleRequest, message: str) -> None:
    with closing(sampler_of(stored, cell="hot")) as sampler:
        sampler.start()
        with pytest.raises(SamplerError, match=message):
            list(sampler.sample([asked]))


def test_a_speed_is_imitated_with_as_many_sequences_as_allowed(
    stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(time, "monotonic", lambda: now)
    tokens = [10 + i for i in range(N)]
    for slots in (1, 4, 60):
        now = 0.0
        sampler = sampler_of(
            stored, sampling={"max_concurrent": slots}, cell="hot", tokens_per_s=10.0, delay_s=2.0
        )
        with closing(sampler):
            sampler.start()
            ends = []
            for (sample,) in sampler.sample([request(PROBLEMS[0], i, 1) for i in range(N)]):
                ends.append((now, sample.sample_index))
        assert sorted(index for _, index in ends) == list(range(N))
        assert [end for end, _ in ends] == sorted(end for end, _ in ends)
        if slots == 1:
            assert now == pytest.approx(sum(2.0 + n / 10 for n in tokens))
        if slots == 4:  # no slot waits while there is work: the last ends at most one sample after the mean
            assert sum(2.0 + n / 10 for n in tokens) / 4 <= now <= sum(2.0 + n / 10 for n in tokens) / 4 + 5.9
        if slots == 60:
            assert now == pytest.approx(2.0 + max(tokens) / 10)


def test_faults_come_when_configured(stored: Path) -> None:
    for option, error in (("dies_after", EngineDiedError), ("fails_after", SamplerError)):
        with closing(sampler_of(stored, cell="hot", **{option: 20})) as sampler:
            sampler.start()
            found: list[Sample] = []
            with pytest.raises(error, match="after 20 samples"):
                for batch in sampler.sample([request(PROBLEMS[0], first, 10) for first in (0, 10, 20)]):
                    found += batch
        assert len(found) == 20


def test_a_replayed_run_holds_what_the_first_one_holds(scripted_config: Path, tmp_path: Path) -> None:
    first = sample_run(load_config(scripted_config, out=tmp_path / "first"))
    (cell,) = first.cells()
    overrides = ["model.engine=replay", f"model.engine_options={{run: {first.path}, dies_after: 300}}"]
    again = sample_run(load_config(scripted_config, overrides, out=tmp_path / "again"))
    key = ["problem_id", "sample_index"]
    frames = [store.samples(cell).sort(key).collect() for store in (first, again)]
    assert frames[0].height == 16 * 64
    assert frames[0].equals(frames[1])
