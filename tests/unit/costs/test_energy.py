# ruff: noqa: N802 - the names are NVML's
"""Joules through NVML, against a stand-in of its calls: no GPU has been tried."""

import pytest

from ttscale.costs.energy import measured_energy
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
