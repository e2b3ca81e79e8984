"""Where a run is worked on: by this process, by several on this machine, or by a Ray cluster. No sample depends on it."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from ttscale.options import Settings

_LOCAL = frozenset({"gpus", "replicas"})
"""Options that a run on this machine has."""


class ExecutionSettings(Settings):
    """Where a run is worked on; ``execution: ray`` is short for ``execution: {name: ray}``.

    The address and the workers' environment are not stored with the run: a run may be passed on, and an
    environment may hold keys.
    """

    name: Literal["local", "ray"] = "local"
    """"local": an engine in this process, or several in processes of their own where `gpus` or `replicas` say so. "ray":
    engine replicas and verification tasks on a Ray cluster."""
    gpus: int | Literal["all"] | None = None
    """GPUs of this machine that are put to use, an engine on each, or on each group of as many as
    ``engine_options.tensor_parallel_size`` says. CUDA_VISIBLE_DEVICES is honored. None: what one engine takes."""
    address: str | None = Field(default=None, exclude=True)
    """"auto" (the cluster that this machine belongs to), "host:port" or "ray://host:port". None: the cluster
    that the variable RAY_ADDRESS names, else a Ray of its own on this machine."""
    replicas: int | Literal["auto"] = Field(default="auto")
    """Engines at work at the same time. Auto: as many as the cluster, or the GPUs of this machine, have room for when
    the run starts."""
    gpus_per_replica: float | None = Field(default=None, ge=0)
    """GPUs of one engine. None: one where the cluster has GPUs, else none."""
    cpus_per_replica: float | None = Field(default=None, gt=0)
    """CPUs of one engine. None: one beside a GPU, else all of the largest node."""
    cpus_per_verifier: float | None = Field(default=None, gt=0)
    """CPUs of one verification task. None: all of the largest node, since the built-in verifiers that
    compute for long start a process per core themselves; 1 suits one that computes in a single process."""
    resources: dict[str, float] = Field(default_factory=dict)
    """Ray's custom resources that a replica takes, such as ``{"accelerator_type:H100": 0.001}``."""
    runtime_env: dict[str, Any] = Field(default_factory=dict, exclude=True)
    """Ray's runtime environment of the workers, such as ``{working_dir: plugins, env_vars: {...}}``."""
    shared: bool | Literal["auto"] = "auto"
    """Whether workers see the run directory and write samples there themselves. Auto: each looks whether it
    does; one that does not sends its samples to the driver."""
    wait_s: float = Field(default=600.0, gt=0)
    """Seconds that a run waits for room while Ray can place not a single replica."""

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _options_of_the_right_place(self) -> Self:
        given = {key for key in self.model_fields_set - {"name"} if self._is_changed(key)}
        strange = sorted(given - _LOCAL if self.name == "local" else given & {"gpus"})
        if strange and self.name == "local":
            raise ValueError(f"only ray has the options {', '.join(strange)}: write name: ray beside them")
        if strange:
            raise ValueError("ray finds the cluster's GPUs itself: leave gpus out, or set replicas")
        if self.replicas != "auto" and self.replicas < 1:
            raise ValueError("replicas is a whole number of at least 1, or auto")
        if isinstance(self.gpus, int) and self.gpus < 1:
            raise ValueError("gpus is a whole number of at least 1, or all")
        return self

    def _is_changed(self, key: str) -> bool:
        value = getattr(self, key)
        return value not in ({}, None) and value != type(self).model_fields[key].get_default()

    @property
    def is_several(self) -> bool:
        """Whether several engines of this machine are asked for."""
        return self.name == "local" and (self.gpus is not None or self.replicas != "auto")
