"""Joules that NVIDIA GPUs use while samples are drawn or a block of code runs, through NVML.

This has never run on a GPU: it is tested against a stand-in of the NVML calls it makes.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ttscale.errors import MissingExtraError

_MILLI = 1e-3


class EnergyMeter:
    """Counts the joules of the visible GPUs from its making on, idle power included.

    Visible are those of ``CUDA_VISIBLE_DEVICES``, by number or by the beginning of their UUID; all where it is not set. The
    counters are the GPUs' own: other programs on them count, too.

    Args:
        nvml: Instead of the module `pynvml`, which the package ``nvidia-ml-py`` brings.

    Raises:
        MissingExtraError: The module is not installed.
    """

    def __init__(self, nvml: Any = None) -> None:
        self._nvml = nvml if nvml is not None else _pynvml()
        self._nvml.nvmlInit()
        count = self._nvml.nvmlDeviceGetCount()
        handles = [self._nvml.nvmlDeviceGetHandleByIndex(i) for i in range(count)]
        self._handles = [handle for i, handle in enumerate(handles) if self._is_visible(i, handle)]
        self._before = self._counters()

    @property
    def devices(self) -> tuple[str, ...]:
        """Names of the GPUs."""
        return tuple(_text(self._nvml.nvmlDeviceGetName(handle)) for handle in self._handles)

    def joules(self) -> float:
        """Return what the GPUs used since the meter was made."""
        return _MILLI * sum(now - then for now, then in zip(self._counters(), self._before, strict=True))

    def close(self) -> None:
        """Let go of NVML."""
        self._nvml.nvmlShutdown()

    def _counters(self) -> list[int]:
        return [self._nvml.nvmlDeviceGetTotalEnergyConsumption(handle) for handle in self._handles]  # mJ

    def _is_visible(self, number: int, handle: Any) -> bool:
        asked = os.environ.get("CUDA_VISIBLE_DEVICES")
        if asked is None:
            return True
        names = [name.strip() for name in asked.split(",") if name.strip()]
        if all(name.lstrip("-").isdigit() for name in names):
            return str(number) in names
        uuid = _text(self._nvml.nvmlDeviceGetUUID(handle))
        return any(uuid.startswith(name) for name in names)


def meter_of(device: str, nvml: Any = None) -> EnergyMeter | None:
    """Return a meter for an engine's device, None where it is no GPU that NVML knows here, or NVML does not answer.

    Args:
        device: Such as "NVIDIA H100"; what `EngineInfo` says.
        nvml: As in `EnergyMeter`.
    """
    if device in ("cpu", "server"):
        return None
    try:
        meter = EnergyMeter(nvml)
    except Exception:  # no module, no driver, a GPU without a counter: NVML's errors are its own classes
        return None
    return meter if device in meter.devices else None


@dataclass(slots=True)
class EnergyReading:
    """What a measured block used.

    Attributes:
        joules: Of all visible GPUs together, idle power included; None until the block ends.
        devices: Names of the GPUs.
    """

    joules: float | None = None
    devices: tuple[str, ...] = ()


@contextmanager
def measured_energy(nvml: Any = None) -> Iterator[EnergyReading]:
    """Measure the joules of every visible GPU during the block, from the driver's own energy counter.

    Args:
        nvml: Instead of the module `pynvml`, which the package ``nvidia-ml-py`` brings.

    Yields:
        A reading that is complete when the block ends.

    Raises:
        MissingExtraError: The module is not installed.
    """
    meter = EnergyMeter(nvml)
    reading = EnergyReading(devices=meter.devices)
    try:
        yield reading
    finally:
        reading.joules = meter.joules()
        meter.close()


def _text(name: Any) -> str:
    """Return a name; older NVML modules give bytes."""
    return name.decode() if isinstance(name, bytes) else str(name)


def _pynvml() -> Any:
    try:
        import pynvml  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        raise MissingExtraError(
            "Measuring joules needs NVML's Python module: pip install nvidia-ml-py"
        ) from None
    return pynvml
