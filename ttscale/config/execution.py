"""Where a run is worked on: by this process, or by a Ray cluster. No sample depends on it."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class ExecutionSettings(BaseModel):
    """Where a run is worked on; ``execution: ray`` is short for ``execution: {name: ray}``.

    The address and the workers' environment are not stored with the run: a run may be passed on, and an
    environment may hold keys.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Literal["local", "ray"] = "local"
    """"local": an engine in this process. "ray": engine replicas and verification tasks on a Ray cluster."""
    address: str | None = Field(default=None, exclude=True)
    """"auto" (the cluster that this machine belongs to), "host:port" or "ray://host:port". None: the cluster
    that the variable RAY_ADDRESS names, else a Ray of its own on this machine."""
    replicas: int | Literal["auto"] = Field(default="auto")
    """Engines at work at the same time. Auto: as many as the cluster has room for when the run starts."""
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
    def _only_ray_has_options(self) -> Self:
        given = sorted(self.model_fields_set - {"name"})
        changed = [key for key in given if getattr(self, key) != type(self).model_fields[key].get_default()]
        if self.name == "local" and [key for key in changed if getattr(self, key) not in ({}, None)]:
            raise ValueError(f"only ray has the options {', '.join(given)}: write name: ray beside them")
        if self.replicas != "auto" and self.replicas < 1:
            raise ValueError("replicas is a whole number of at least 1, or auto")
        return self
