"""The connection to Ray: quiet, on this machine or a cluster, and what a cluster has room for."""

import importlib
import importlib.util
import math
import os
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

from ttscale.config.execution import ExecutionSettings
from ttscale.errors import ConfigError, MissingExtraError
from ttscale.execution.environment import environment
from ttscale.samplers.messages import one_line

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # as Ray will do anyway, and warns of until told
    "RAY_NUM_REDIS_GET_RETRIES": "1",  # of 40 s each, without a word, where a cluster does not answer
}
_REACHABLE_S = 10.0
"""Within which a cluster's port must answer."""


class Cluster:
    """A live connection to Ray.

    Args:
        ray: The module.
        settings: Of the execution.
    """

    name = "ray"

    def __init__(self, ray: Any, settings: ExecutionSettings) -> None:
        self.ray = self.actors = ray
        self._settings = settings

    def replica_options(self, number: int) -> dict[str, Any]:
        """Return what an engine's actor is started with: the same for all."""
        return {
            "num_cpus": self._cpus_per_replica(),
            "num_gpus": self._gpus_per_replica(),
            "resources": dict(self._settings.resources) or None,
            "scheduling_strategy": "SPREAD",
            # Whoever dies is replaced by the driver with a new actor, which Ray places where there is room. An
            # actor that Ray restarts would keep its chunks waiting for its return while others are idle.
            "max_restarts": 0,
            "max_task_retries": 0,
        }

    def n_replicas(self) -> int:
        """Return how many engines the run wants at a time: as asked, or what the cluster has room for now."""
        if self._settings.replicas != "auto":
            return self._settings.replicas
        wanted = {"CPU": self._cpus_per_replica(), "GPU": self._gpus_per_replica()} | self._settings.resources
        return max(1, sum(_fits(node, wanted) for node in self._nodes()))

    def verifying_options(self) -> dict[str, Any]:
        """Return what a verification task is started with."""
        return {"num_cpus": self._cpus_per_verifier(), "max_retries": 3, "scheduling_strategy": "SPREAD"}

    def n_verifying(self) -> int:
        """Return how many verification tasks the cluster has room for."""
        return max(1, sum(_fits(node, {"CPU": self._cpus_per_verifier()}) for node in self._nodes()))

    def wanted(self) -> str:
        """Say in words what one engine needs."""
        others = "".join(f", {amount:g} {name}" for name, amount in self._settings.resources.items())
        return (
            f"room for {self._cpus_per_replica():g} CPUs, {self._gpus_per_replica():g} GPUs{others} on one node; "
            f"the cluster has {self.told()}"
        )

    def told(self) -> str:
        """Say in words what the cluster has."""
        total = self.ray.cluster_resources()
        machines = len(self._nodes())
        return (
            f"{machines} node{'s' if machines != 1 else ''}, {total.get('CPU', 0):g} CPUs, "
            f"{total.get('GPU', 0):g} GPUs"
        )

    def _gpus_per_replica(self) -> float:
        asked = self._settings.gpus_per_replica
        if asked is not None:
            return asked
        return 1.0 if any(node.get("GPU", 0) >= 1 for node in self._nodes()) else 0.0

    def _cpus_per_replica(self) -> float:
        asked = self._settings.cpus_per_replica
        if asked is not None:
            return asked
        return 1.0 if self._gpus_per_replica() else self._largest_node()

    def _cpus_per_verifier(self) -> float:
        return self._settings.cpus_per_verifier or self._largest_node()

    def _largest_node(self) -> float:
        return max((node.get("CPU", 0.0) for node in self._nodes()), default=0.0) or 1.0

    def _nodes(self) -> list[Mapping[str, float]]:
        return [node["Resources"] for node in self.ray.nodes() if node["Alive"]]


@contextmanager
def connected(settings: ExecutionSettings) -> Iterator[Cluster]:
    """Connect to the cluster, or start Ray on this machine; a connection that is there already is used and kept.

    Raises:
        MissingExtraError: Ray is not installed.
        ConfigError: The cluster cannot be reached, or runs other versions.
    """
    require_ray()
    with environment(_QUIET):
        ray: Any = importlib.import_module("ray")
        if ray.is_initialized():
            yield Cluster(ray, settings)
            return
        _connect(ray, settings)
    try:
        yield Cluster(ray, settings)
    finally:
        ray.shutdown()


def require_ray() -> None:
    """Raise `MissingExtraError` unless Ray is importable."""
    if importlib.util.find_spec("ray") is None:
        raise MissingExtraError("'execution: ray' needs the 'ray' extra: pip install 'ttscale[ray]'")


def _connect(ray: Any, settings: ExecutionSettings) -> None:
    address = settings.address or os.environ.get("RAY_ADDRESS")
    _refuse_unreachable(address)
    here: dict[str, Any] = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    try:
        with _own_sigterm(), nullcontext() if address else _loopback():
            ray.init(
                address=address or "local",
                runtime_env=dict(settings.runtime_env) or None,
                logging_level="ERROR",
                log_to_driver=False,
                **({} if address else here),
            )
    except Exception as error:  # ConnectionError, RuntimeError of other versions, whatever gRPC raises
        raise ConfigError(
            f"Ray cannot be used at execution.address '{address or 'this machine'}': {one_line(error)} Start a cluster "
            "with `ray start --head`, or leave the address out to run on this machine alone; see execution.runtime_env "
            "if it is about an environment."
        ) from error


def _refuse_unreachable(address: str | None) -> None:
    """Knock at the door: Ray itself would wait for minutes without a word."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if not colon or not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_REACHABLE_S).close()
    except OSError as error:
        raise ConfigError(
            f"No Ray cluster answers at execution.address '{address}': {error}. Check host and port, or leave the "
            "address out to run on this machine alone."
        ) from error


@contextmanager
def _loopback() -> Iterator[None]:
    """Let Ray use 127.0.0.1: it replaces that by the machine's address, and then listens to the whole network."""
    constants: Any = importlib.import_module("ray._private.ray_constants")
    before = getattr(constants, "ENABLE_RAY_CLUSTER", True)
    constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        constants.ENABLE_RAY_CLUSTER = before


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Keep our handling of SIGTERM, which Ray would replace by an exit."""
    in_main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM) if in_main else None
    try:
        yield
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)


def _fits(node: Mapping[str, float], wanted: Mapping[str, float]) -> int:
    """Return how many times a node has what is wanted."""
    times = [node.get(name, 0.0) / amount for name, amount in wanted.items() if amount > 0]
    return math.floor(min(times) + 1e-9) if times else 1
