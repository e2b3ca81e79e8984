"""What a request tells vLLM: the settings of a run, and whatever `sampling.extra` adds by vLLM's own names."""

from typing import Any

import msgspec

from ttscale.errors import SamplerError, did_you_mean, listed
from ttscale.samplers.messages import one_line
from ttscale.samplers.settings import SamplingSettings

_SAME = (
    "temperature",
    "top_p",
    "min_p",
    "presence_penalty",
    "frequency_penalty",
    "repetition_penalty",
    "max_tokens",
)
"""Settings that vLLM knows by the same names and takes as they are."""
_READ_HERE = ("flat_logprobs", "detokenize", "output_kind", "stream_interval")
_OURS = {
    **{name: f"sampling.{name}" for name in (*_SAME, "seed", "top_k", "stop")},
    **dict.fromkeys(_READ_HERE, "nothing: outputs are read here"),
    "n": "sampling.request_size",
    "logprobs": "sampling.top_logprobs",
    "prompt_logprobs": "nothing: prompts are not scored",
}
"""Fields of `SamplingParams` that `sampling.extra` may not touch -> where they are set."""
_REFUSALS = frozenset({"VLLMClientError", "VLLMValidationError"})
READING = frozenset({"skip_special_tokens", "spaces_between_special_tokens", "include_stop_str_in_output"})
"""Fields that decide how a text is read from tokens: with them vLLM reads it."""


def common_parameters(sampling: SamplingSettings) -> dict[str, Any]:
    """Return the keywords of `SamplingParams` that all requests of a cell share.

    Raises:
        SamplerError: `sampling.extra` names what is not there, or what vLLM refuses.
    """
    own = {name: getattr(sampling, name) for name in _SAME}
    own |= {"top_k": sampling.top_k or 0, "stop": list(sampling.stop)}
    return own | _checked(sampling.extra, own)


def is_refusal(error: Exception) -> bool:
    """Tell whether vLLM says by an error that it was asked for something wrong; its own classes differ between versions."""
    ours = isinstance(error, ValueError | TypeError)  # pydantic's and msgspec's errors are such, too
    return ours or any(kind.__name__ in _REFUSALS for kind in type(error).__mro__)


def _checked(extra: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    from vllm import SamplingParams

    known = {field.name for field in msgspec.structs.fields(SamplingParams) if not field.name.startswith("_")}
    for name in extra:
        if name in _OURS:
            raise SamplerError(f"sampling.extra names '{name}', which is set by {_OURS[name]}.")
        if name not in known:
            free = known - _OURS.keys()
            raise SamplerError(
                f"sampling.extra names '{name}', which vLLM's SamplingParams does not have."
                f"{did_you_mean(name, free)} It has: {listed(free)}."
            )
    try:
        made = {name: _value(name, value) for name, value in extra.items()}
        SamplingParams(**own, **made)
    except Exception as error:
        if not is_refusal(error):
            raise
        raise SamplerError(f"vLLM refuses sampling.extra {extra}: {one_line(error)}") from error
    return made


def _value(name: str, value: Any) -> Any:
    """Return a value as `SamplingParams` takes it: some fields are objects of their own."""
    if name == "structured_outputs":
        from vllm.sampling_params import StructuredOutputsParams

        return StructuredOutputsParams(**value)
    if name == "repetition_detection":
        from vllm.sampling_params import RepetitionDetectionParams

        return RepetitionDetectionParams(**value)
    if name == "logit_bias":
        return {int(token): float(bias) for token, bias in value.items()}
    return value
