"""Starting a vLLM engine: with which arguments, and what to say when it does not start."""

import secrets
from dataclasses import fields
from types import MappingProxyType
from typing import Any, get_args

from ttscale.errors import SamplerError, did_you_mean
from ttscale.samplers.hardware import GIB, available_memory, cpu_dtype, kv_cache_gib
from ttscale.samplers.messages import one_line
from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.samplers.vllm.environment import runs_on_cpu

_CPU_ARGUMENTS = MappingProxyType(
    {
        "enforce_eager": True,  # compiling takes 100 s and gains a fifth: for long runs only
        "block_size": 32,  # vLLM's own 128 is 15 % slower, and shares no prefix shorter than that
        "max_num_seqs": 256,  # 512 was no faster for a model of 2 million parameters
        # A prompt prefilled in pieces makes vLLM rewind the sample's generator, which a CPU's cannot do.
        "enable_chunked_prefill": False,
        "max_model_len": -1,  # the model's own, or less where the cache cannot hold one such sequence
    }
)
"""Settings for a CPU engine, measured on two cores; `engine_options` may override each. On a CPU an engine process
of its own would compete with us for the cores, and takes 25 s longer to start."""

_MOST_LOGPROBS = 20
"""The most per token that vLLM gives unless told otherwise when it starts (`max_logprobs`)."""


def engine_arguments(
    path: str, model: ModelSettings, sampling: SamplingSettings, *, seeded: bool, lora_rank: int | None = None
) -> dict[str, Any]:
    """Return what vLLM is started with: keywords of `vllm.EngineArgs` or `vllm.LLM`."""
    arguments: dict[str, Any] = {
        "model": path,
        "revision": model.revision,
        "dtype": model.dtype,
        "disable_log_stats": True,
        "use_tqdm_on_load": False,
    }
    if runs_on_cpu():
        arguments |= _CPU_ARGUMENTS | {"kv_cache_memory_bytes": kv_cache_gib(available_memory()) * GIB}
        if model.dtype == "auto":
            arguments["dtype"] = cpu_dtype(batch_invariant=seeded)
    if lora_rank is not None:
        arguments |= {"enable_lora": True, "max_loras": 1, "max_lora_rank": _allowed_rank(lora_rank)}
    if not seeded:
        # vLLM's own default is the same for every engine: a second one would draw the first one's samples again.
        arguments["seed"] = secrets.randbits(31)
    if sampling.max_concurrent is not None:
        arguments["max_num_seqs"] = sampling.max_concurrent
    if sampling.top_logprobs > _MOST_LOGPROBS:
        arguments["max_logprobs"] = sampling.top_logprobs
    return arguments | model.engine_options


def start_engine(path: str, arguments: dict[str, Any]) -> Any:
    """Start a `vllm.LLMEngine`.

    Raises:
        SamplerError: It cannot; the message says why.
    """
    from vllm import EngineArgs, LLMEngine
    from vllm.usage.usage_lib import UsageContext

    known = {field.name for field in fields(EngineArgs)}
    for name in arguments:
        if name not in known:
            raise SamplerError(
                f"vLLM has no engine option '{name}'.{did_you_mean(name, known)} "
                "engine_options takes the fields of vLLM's EngineArgs."
            )
    try:
        return LLMEngine.from_engine_args(EngineArgs(**arguments), usage_context=UsageContext.LLM_CLASS)
    except Exception as error:  # vLLM raises anything from pydantic's ValidationError to a bare RuntimeError
        raise SamplerError(_start_failure(path, error)) from error


def cause_of_death(error: Exception) -> str:
    """Return why a running engine is gone, as the end of a sentence."""
    if type(error).__name__ == "EngineDeadError":
        return "its process is gone: killed, or out of memory (`dmesg` may say)."
    return one_line(error)


def _start_failure(path: str, error: Exception) -> str:
    reason = one_line(error)
    if isinstance(error, MemoryError) or "memory" in reason.lower() or "kv cache" in reason.lower():
        return (
            f"vLLM has too little memory for model '{path}': {reason} "
            "Lower engine_options.max_model_len or kv_cache_memory_bytes, or choose a smaller model."
        )
    return f"vLLM cannot start model '{path}': {reason} Its log: VLLM_LOGGING_LEVEL=INFO."


def _allowed_rank(rank: int) -> int:
    """Return the smallest rank that vLLM can be started with and that holds an adapter's."""
    from vllm.config.lora import MaxLoRARanks

    return int(min((allowed for allowed in get_args(MaxLoRARanks) if allowed >= rank), default=rank))
