"""Joules that NVIDIA GPUs use while a block of code runs, through NVML.

This has never run on a GPU: it is tested against a stand-in of the NVML calls it makes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ttscale.errors import MissingExtraError

_MILLI = 1e-3


@dataclass(slots=True)
class EnergyReading:
    """What a measured block used.

    Attributes:
        joules: Of all GPUs together, idle power included; None until the block ends.
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
    library = nvml if nvml is not None else _pynvml()
    library.nvmlInit()
    try:
        handles = [library.nvmlDeviceGetHandleByIndex(i) for i in range(library.nvmlDeviceGetCount())]
        reading = EnergyReading(devices=tuple(str(library.nvmlDeviceGetName(handle)) for handle in handles))
        before = [library.nvmlDeviceGetTotalEnergyConsumption(handle) for handle in handles]  # mJ
        try:
            yield reading
        finally:
            after = [library.nvmlDeviceGetTotalEnergyConsumption(handle) for handle in handles]
            reading.joules = _MILLI * sum(b - a for a, b in zip(before, after, strict=True))
    finally:
        library.nvmlShutdown()


def _pynvml() -> Any:
    try:
        import pynvml  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        raise MissingExtraError(
            "Measuring joules needs NVML's Python module: pip install nvidia-ml-py"
        ) from None
    return pynvml
