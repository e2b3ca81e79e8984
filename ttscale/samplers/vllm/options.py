"""The keys that the sampler takes out of ``model.engine_options``."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class VllmOptions(BaseModel):
    """vLLM takes the other keys of ``model.engine_options`` itself: they are the fields of its `EngineArgs`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    NOT_PART_OF_A_SAMPLE: ClassVar[frozenset[str]] = frozenset(
        {"own_process", "gpu_memory_utilization", "kv_cache_memory_bytes", "max_num_seqs"}
    )
    """Options that change no sample: a run may go on with others."""

    own_process: bool | None = None
    """Whether the engine runs in a process of its own, whose death ttscale survives. None: on a GPU."""
