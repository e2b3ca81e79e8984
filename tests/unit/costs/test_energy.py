# ruff: noqa: N802 - the names are NVML's
"""Joules through NVML, against a stand-in of its calls: no GPU has been tried."""

import pytest

from ttscale.costs.energy import measured_energy, meter_of
from ttscale.errors import MissingExtraError


class StandIn:
    """Two GPUs whose counters (millijoules) run on at every look."""

    def __init__(self) -> None:
        self.counter = {0: 1000, 1: 5000}
        self.open = False

    def nvmlInit(self) -> None:
        self.open = True

    def nvmlShutdown(self) -> None:
        self.open = False

    def nvmlDeviceGetCount(self) -> int:
        return 2

    def nvmlDeviceGetHandleByIndex(self, i: int) -> int:
        return i

    def nvmlDeviceGetName(self, handle: int) -> str:
        return f"GPU {handle}"

    def nvmlDeviceGetUUID(self, handle: int) -> str:
        return f"GPU-{handle}abc-def"

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: int) -> int:
        self.counter[handle] += 2000 * (handle + 1)
        return self.counter[handle]


def test_the_difference_of_all_counters_is_reported_in_joules():
    nvml = StandIn()
    with measured_energy(nvml) as reading:
        assert nvml.open
        assert reading.joules is None
    assert reading.joules == pytest.approx(2 + 4)
    assert reading.devices == ("GPU 0", "GPU 1")
    assert not nvml.open


def test_energy_is_known_and_nvml_closed_when_the_block_fails():
    nvml = StandIn()
    with pytest.raises(RuntimeError), measured_energy(nvml) as reading:
        raise RuntimeError
    assert reading.joules == pytest.approx(6)
    assert not nvml.open


def test_without_the_module_the_package_to_install_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(MissingExtraError, match="pip install nvidia-ml-py"), measured_energy():
        pass


@pytest.mark.parametrize(
    ("visible", "devices"),
    [
        (None, ("GPU 0", "GPU 1")),
        ("1", ("GPU 1",)),
        ("GPU-0abc", ("GPU 0",)),
        ("0, 1", ("GPU 0", "GPU 1")),
        ("", ()),
        ("-1", ()),
    ],
)
def test_only_visible_gpus_count(monkeypatch, visible, devices):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    with measured_energy(StandIn()) as reading:
        pass
    assert reading.devices == devices
    assert reading.joules == pytest.approx(sum(2 * (int(name[-1]) + 1) for name in devices))


@pytest.mark.parametrize("device", ["cpu", "server", "NVIDIA elsewhere"])
def test_an_engine_that_is_not_on_these_gpus_has_no_meter(device):
    assert meter_of(device, StandIn()) is None


def test_without_driver_or_counter_there_is_no_meter_and_no_error(monkeypatch):
    import sys

    class Silent(StandIn):
        def nvmlInit(self) -> None:
            raise RuntimeError("driver not loaded")

    assert meter_of("GPU 0", Silent()) is None
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert meter_of("GPU 0") is None


def test_a_runs_sessions_keep_the_joules_and_a_budget_counts_in_them(monkeypatch, tmp_path):
    import dataclasses
    import sys

    from scripted import ScriptedOptions, ScriptedSampler
    from stored_runs import make_run

    from ttscale.analysis.budget.reading_arms import read_arms
    from ttscale.config.models import Cell
    from ttscale.pipeline.contract import CellWork
    from ttscale.pipeline.engines import RunningEngine
    from ttscale.pipeline.progress import Progress
    from ttscale.pipeline.recording import Recorder
    from ttscale.samplers.settings import ModelSettings, SamplingSettings
    from ttscale.store.inventory import delete
    from ttscale.types import Sample

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setitem(sys.modules, "pynvml", StandIn())
    store = make_run(tmp_path / "run", n=8, verified=True)
    (cell,) = store.cells()
    delete(list((store.path / "sessions").glob("*")))
    problems = store.problems(cell)
    settings = Cell.model_validate(
        {"name": cell, "model": "m", "task": "arithmetic", "sampling": {"n": 9, "max_tokens": 20}}
    )
    sampler = ScriptedSampler(ModelSettings(path="m"), SamplingSettings(n=1), ScriptedOptions())
    info = dataclasses.replace(sampler.start(), device="GPU 1")
    drawn = [
        Sample(problem_id=one.problem_id, sample_index=8, completion="1", finish_reason="stop", prompt_tokens=5,
               completion_tokens=10)
        for one in problems
    ]  # fmt: skip
    with store.writing():
        recorder = Recorder(CellWork(store=store, cell=settings, problems=problems, progress=Progress()))
        with recorder.session(RunningEngine(sampler, info, 0.0)):
            recorder.add(drawn)
    (session,) = store.sessions()
    joules = session.engine["detail"]["joules"]
    assert joules > 0
    (arm,) = read_arms([store.path])
    assert arm.facts.joules_per_token == pytest.approx(joules / (10 * len(problems)))
