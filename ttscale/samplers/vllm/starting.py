"""Starting a vLLM engine: with which arguments, and what to say when it does not start."""

import logging
import secrets
from dataclasses import fields
from types import MappingProxyType
from typing import Any, get_args

from ttscale.errors import SamplerError, did_you_mean
from ttscale.samplers.hardware import GIB, available_memory, cpu_dtype, kv_cache_gib
from ttscale.samplers.messages import loading_failed, one_line
from ttscale.samplers.settings import SECRETS, USUAL_ALTERNATIVES, ModelSettings, SamplingSettings
from ttscale.samplers.vllm.child_log import ChildLog
from ttscale.samplers.vllm.environment import runs_on_cpu

logger = logging.getLogger(__name__)

_CPU_ARGUMENTS = MappingProxyType(
    {
        "enforce_eager": True,  # compiling takes 100 s and gains a fifth: for long runs only
        "block_size": 32,  # vLLM's own 128 is 15 % slower, and shares no prefix shorter than that
        "max_num_seqs": 256,  # 512 was no faster for a model of 2 million parameters
        # A prompt prefilled in pieces makes vLLM rewind the sample's generator, which a CPU's cannot do.
        "enable_chunked_prefill": False,
    }
)
"""Settings for a CPU engine, measured on two cores; `engine_options` may override each. On a CPU an engine process
of its own would compete with us for the cores, and takes 25 s longer to start."""


def engine_arguments(
    path: str, model: ModelSettings, sampling: SamplingSettings, *, lora_rank: int | None = None
) -> dict[str, Any]:
    """Return what vLLM is started with: keywords of `vllm.EngineArgs` or `vllm.LLM`."""
    seeds = sampling.per_sample_seeds
    seeded = runs_on_cpu() if seeds == "auto" else seeds
    arguments: dict[str, Any] = {
        "model": path,
        "revision": model.revision,
        "dtype": model.dtype,
        "max_model_len": -1,  # the model's own, or less where the cache cannot hold one such sequence
        "disable_log_stats": True,
        "use_tqdm_on_load": False,
    }
    if runs_on_cpu():
        arguments |= _CPU_ARGUMENTS | {"kv_cache_memory_bytes": kv_cache_gib(available_memory()) * GIB}
        if model.dtype == "auto":
            arguments["dtype"] = cpu_dtype(batch_invariant=seeded)
    if lora_rank is not None:
        arguments |= {"enable_lora": True, "max_loras": 1, "max_lora_rank": _allowed_rank(lora_rank)}
    if not seeded:  # or not known before it runs whether it will be
        # vLLM's own default is the same for every engine: a second one would draw the first one's samples again.
        arguments["seed"] = secrets.randbits(31)
    if sampling.max_concurrent is not None:
        arguments["max_num_seqs"] = sampling.max_concurrent
    if sampling.top_logprobs > USUAL_ALTERNATIVES:
        arguments["max_logprobs"] = sampling.top_logprobs
    return arguments | model.engine_options


def is_seeded(sampling: SamplingSettings, config: Any) -> bool:
    """Tell whether samples get seeds of their own, for an engine with this `VllmConfig`.

    They cost 0 to 15 % on a CPU. On a GPU the first model runner draws seeded noise one request at a time, so there
    they are asked for; the second draws everybody's by a hash of seed, position and token, but with a given seed
    leaves its fast kernel for top-k and top-p.
    """
    if sampling.per_sample_seeds != "auto":
        return sampling.per_sample_seeds
    is_whole = sampling.top_k is None and sampling.top_p == 1.0
    return runs_on_cpu() or (bool(getattr(config, "use_v2_model_runner", False)) and is_whole)


def tell_short_context(config: Any, sampling: SamplingSettings) -> None:
    """Warn of a context that was cut to what the memory holds, where completions will be cut by it."""
    model = config.model_config
    own = getattr(getattr(model, "hf_text_config", None), "max_position_embeddings", None) or 0
    if model.max_model_len < own and sampling.max_tokens >= model.max_model_len:
        logger.warning(
            "The engine's context is %d tokens of the model's %d (its cache holds no more, or max_model_len says so), prompt and "
            "completion together: completions are cut before sampling.max_tokens (%d).",
            model.max_model_len,
            own,
            sampling.max_tokens,
        )


def is_apart(engine: Any) -> bool:
    """Tell whether an engine runs in a process of its own."""
    return hasattr(engine.engine_core, "decoder")


def start_engine(path: str, arguments: dict[str, Any], log: ChildLog) -> Any:
    """Start a `vllm.LLMEngine`.

    Args:
        path: The model's.
        arguments: See `engine_arguments`.
        log: Takes what its processes say.

    Raises:
        SamplerError: It cannot; the message says why.
    """
    from vllm import EngineArgs, LLMEngine
    from vllm.usage.usage_lib import UsageContext

    _refuse_wrong_options(arguments, {field.name for field in fields(EngineArgs)})
    try:
        with log.diverted():
            counted = EngineArgs(
                **arguments | {"disable_log_stats": False}
            )  # else nobody counts preemptions; 2 us a step
            engine = LLMEngine.from_engine_args(counted, usage_context=UsageContext.LLM_CLASS)
    except Exception as error:  # vLLM raises anything from pydantic's ValidationError to a bare RuntimeError
        reason = loading_failed(RuntimeError(log.cause() or error))
        raise SamplerError(_start_failure(path, _without_secrets(reason, arguments), error)) from error
    engine.log_stats, engine.logger_manager = False, None  # what is done with them here
    return engine


def _refuse_wrong_options(arguments: dict[str, Any], known: set[str]) -> None:
    for name in arguments:
        if name not in known:
            raise SamplerError(
                f"vLLM has no engine option '{name}'.{did_you_mean(name, known)} "
                "engine_options takes the fields of vLLM's EngineArgs."
            )
    if (arguments.get("data_parallel_size") or 1) > 1:
        raise SamplerError(
            f"engine_options.data_parallel_size is {arguments['data_parallel_size']}, but one engine is fed here, and the "
            "others would stand idle. For an engine on each GPU, or each group of tensor_parallel_size GPUs, set "
            "'execution: {gpus: N}'."
        )


def cause_of_death(error: Exception, log: ChildLog | None) -> str:
    """Return why a running engine is gone, as the end of a sentence."""
    if type(error).__name__ != "EngineDeadError":
        return one_line(error)
    cause = None if log is None else log.cause()
    return (
        one_line(RuntimeError(cause))
        if cause
        else "its process is gone: killed, or out of memory (`dmesg` may say)."
    )


def _without_secrets(text: str, arguments: dict[str, Any]) -> str:
    secrets = [value for name in SECRETS if isinstance(value := arguments.get(name), str) and value]
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def _start_failure(path: str, reason: str, error: Exception) -> str:
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
