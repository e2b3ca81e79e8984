"""The keys that the sampler takes out of ``model.engine_options``."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class VllmOptions(BaseModel):
    """vLLM takes the other keys of ``model.engine_options`` itself: they are the fields of its `EngineArgs`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    NOT_PART_OF_A_SAMPLE: ClassVar[frozenset[str]] = frozenset((
        "own_process", "gpu_memory_utilization", "kv_cache_memory_bytes", "num_gpu_blocks_override", "swap_space",
        "cpu_offload_gb", "block_size", "max_num_seqs", "max_num_batched_tokens", "max_num_partial_prefills",
        "max_model_len", "enable_chunked_prefill", "enable_prefix_caching", "async_scheduling", "scheduling_policy",
        "stream_interval", "enforce_eager", "compilation_config", "optimization_level", "tensor_parallel_size",
        "pipeline_parallel_size", "data_parallel_size", "distributed_executor_backend", "disable_custom_all_reduce",
        "max_parallel_loading_workers", "download_dir", "load_format", "model_loader_extra_config",
        "safetensors_load_strategy", "use_tqdm_on_load", "hf_token", "seed", "max_logprobs", "disable_log_stats",
    ))  # fmt: skip
    """Options that do not change what a sample is a sample of: a run may go on with others. Whether
    `max_model_len` cut something is looked at when the engine runs."""

    own_process: bool | None = None
    """Whether the engine runs in a process of its own, whose death ttscale survives. None: on a GPU."""
