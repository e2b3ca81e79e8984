"""Several engines on this machine: one per GPU or group of GPUs, or each on its share of the processors."""

from functools import lru_cache, partial
from typing import Any

from ttscale.config.execution import ExecutionSettings
from ttscale.config.models import Cell
from ttscale.errors import ConfigError
from ttscale.pipeline.replicas.child import CPUS_VARIABLE
from ttscale.pipeline.replicas.drawer import ReplicasDrawer
from ttscale.pipeline.replicas.processes import Processes
from ttscale.samplers.hardware import usable_cpus, visible_gpus

_SPREAD_OVER_GPUS = ("tensor_parallel_size", "pipeline_parallel_size")
"""Engine options whose product is the number of GPUs of one engine."""


class Machine:
    """This machine as a cluster; see `ttscale.pipeline.replicas.places.Cluster`.

    Args:
        settings: Of the execution.
        width: GPUs of one engine.

    Raises:
        ConfigError: There are not as many GPUs.
    """

    name = "local"

    def __init__(self, settings: ExecutionSettings, width: int) -> None:
        self.actors = Processes()
        self._gpus = _chosen_gpus(settings)
        self._width = width
        fitting = len(self._gpus) // width if self._gpus else 1
        self._n = fitting if settings.replicas == "auto" else settings.replicas
        if self._gpus and not 0 < self._n <= fitting:
            raise ConfigError(
                f"{len(self._gpus)} GPUs (execution.gpus) hold {fitting} engines of {width} each, but the run asks for "
                f"{max(self._n, 1)}. Lower execution.replicas or engine_options.tensor_parallel_size, or give more GPUs."
            )

    def n_replicas(self) -> int:
        """Return how many engines there are."""
        return self._n

    def replica_options(self, number: int) -> dict[str, Any]:
        """Return the variables by which an engine keeps to its own GPUs, or its own processors."""
        if self._gpus:
            own = self._gpus[(number - 1) * self._width : number * self._width]
            return {"environment": {"CUDA_VISIBLE_DEVICES": ",".join(own)}}
        cpus = [str(cpu) for cpu in usable_cpus()]
        share = max(1, len(cpus) // self._n)
        start = (number - 1) * share % len(cpus)
        return {"environment": {CPUS_VARIABLE: ",".join(cpus[start : start + share])}}

    def wanted(self) -> str:
        """Say what an engine needs; there is always room for its process."""
        return "a process on this machine"


def several_engines(settings: ExecutionSettings) -> ReplicasDrawer:
    """Return who draws cells with several engines on this machine; cells whose engines are as wide share them."""
    machine = lru_cache(maxsize=1)(partial(Machine, settings))
    return ReplicasDrawer(settings, lambda cell: machine(gpus_of_one(cell)))


def gpus_of_one(cell: Cell) -> int:
    """Return how many GPUs one engine of a cell takes."""
    options = cell.model.engine_options
    width = 1
    for name in _SPREAD_OVER_GPUS:
        width *= int(options.get(name) or 1)
    return width


def _chosen_gpus(settings: ExecutionSettings) -> tuple[str, ...]:
    if settings.gpus is None:
        return ()
    there = visible_gpus()
    wanted = len(there) if settings.gpus == "all" else settings.gpus
    if not 0 < wanted <= len(there):
        raise ConfigError(
            f"execution.gpus is {settings.gpus}, but this machine shows {len(there)} (CUDA_VISIBLE_DEVICES counts). "
            "Lower it, or leave it out for one engine; replicas: N runs several engines on a CPU."
        )
    return there[:wanted]
