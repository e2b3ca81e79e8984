"""Costs in floating-point operations: FLOPs, and the eFLOPs of Kinetics, which price memory traffic too.

Notation: A active parameters, L_in prompt and L generated tokens, D = layers x query heads x head size,
G = layers x key-value heads x head size.
"""

from typing import ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ttscale.costs.architecture import Architecture
from ttscale.costs.contract import (
    Charges,
    FloatArray,
    LaterCalls,
    ModelFacts,
    Need,
    PromptReuse,
    Usage,
    split_prompt,
)

B200_INTENSITY = 562.5
"""FLOPs per byte of an NVIDIA B200: 4.5e15 FLOP/s (FP8, dense) over 8e12 byte/s, as Kinetics has it."""


class FlopsCost:
    """FLOPs of the forward passes: 2 per active parameter and token, and attention to the tokens before.

    A token that attends to t tokens (itself included) costs 2 A + 4 D t FLOPs: a multiplication and an addition per
    weight, and as many per element of queries times keys and of weights times values. With the context set to a
    constant T this is 2 (parameters + 2 layers width T) per token, the formula of Brown et al. 2024 (section 2.3,
    arXiv 2407.21787) as third parties report it. By default t is exact: the prompt's tokens attend to 1..L_in, generated ones to L_in + 1..L_in + L.

    Of a mixture of experts the active parameters count. Not counted: softmax, norms and the sampler (below one
    percent beside the rest), sliding windows (attention is then too dear), and that the last generated token need not be
    read again.

    Worked example: A = 1e9, 10 layers of width 1000, T = 100: a token costs 2 (1e9 + 2 * 10 * 1000 * 100) = 2.004e9;
    a prompt of 50 tokens and 3 samples of 20 cost (50 + 60) * 2.004e9 = 2.2044e11 FLOPs.
    """

    class Options(BaseModel):
        """How prompts and attention count."""

        model_config = ConfigDict(extra="forbid", frozen=True)

        prompt: PromptReuse = "problem"
        context: int | None = Field(default=None, ge=0)
        """Tokens that every token attends to; by default the tokens before it."""

    unit: ClassVar[str] = "flops"
    needs: ClassVar[frozenset[Need]] = frozenset({"tokens", "architecture"})

    def __init__(self, options: Options) -> None:
        self._options = options

    def charges(self, usage: Usage, facts: ModelFacts) -> Charges:
        """Charge the passes over the prompt and over every generated token."""
        network = _known(facts)
        prompt_length = usage.prompt_tokens
        own_prompt = prompt_length[usage.problem]  # (S,)
        context = self._options.context
        if context is None:
            attended_in = prompt_length * (prompt_length + 1) / 2
            attended = _attended(own_prompt, usage.completion_tokens)
        else:
            attended_in, attended = prompt_length * context, usage.completion_tokens * context
        reading = _passes(network, prompt_length, attended_in)
        passes = _passes(network, usage.completion_tokens, attended)
        if usage.later is not None:
            passes = passes + _reading_later(network, usage.later, self._options.prompt, context)
        writing = usage.mean_per_problem(passes)
        once, request, sample = split_prompt(reading, self._options.prompt, writing)
        return Charges(
            unit=self.unit,
            per_sample=sample,
            once=once,
            per_request=request,
            request_size=usage.request_size,
            notes=_attention_note(network),
        )


class EflopsCost:
    """eFLOPs of Kinetics: FLOPs of generation plus bytes moved times the hardware's FLOPs per byte.

    N samples of L tokens cost N [2 A L + 2 (2 L_in + L) L D] for computing, and 2 (2 L_in + N L) L G I for reading the
    key-value cache (2 bytes a value; the prompt's part is read once for all N), I being the intensity in FLOPs per
    byte. Reading the parameters, 2 bytes each for every step of a batch of B sequences, adds N * 2 parameters L I / B; the
    paper leaves it out, as for large batches it may be. B is what the engine ran, or the option.
    Reading the prompt is left out as in the paper; `prefill` adds its FLOPs. An attempt of m calls costs what its calls
    cost, each taken as L / m tokens behind the mean prompt; later calls share no prompt.

    Worked example: A = 1e9, D = 1e4, G = 2e3, L_in = 100, L = 10, N = 2, I = 562.5 and no parameter reads: computing
    2 * (2e10 + 2 * 210 * 10 * 1e4) = 4.0084e10, the cache 2 * (200 + 20) * 10 * 2e3 * 562.5 = 4.95e9; together
    4.5034e10 eFLOPs.

    The formula and the intensity are those of the authors' own code (function ``dense_cost`` in ``cost_model/utils.py`` of
    https://github.com/Infini-AI-Lab/Kinetics), which counts the parameters of the input embedding, too; here they are
    looked up for nothing.

    References:
        Sadhukhan et al. 2025 (Kinetics), arXiv 2506.05333
    """

    class Options(BaseModel):
        """The hardware and the batch."""

        model_config = ConfigDict(extra="forbid", frozen=True)

        intensity: float = Field(default=B200_INTENSITY, gt=0.0)
        """FLOPs that the hardware can do per byte it can move."""
        bytes_per_value: float = Field(default=2.0, gt=0.0)
        batch: int | None = Field(default=None, ge=1)
        """Sequences side by side; by default what the engine ran, or endlessly many where that is unknown."""
        prefill: bool = False
        """Whether to add the FLOPs of reading the prompt once per problem."""

    unit: ClassVar[str] = "eflops"
    needs: ClassVar[frozenset[Need]] = frozenset({"tokens", "architecture"})

    def __init__(self, options: Options) -> None:
        self._options = options

    def charges(self, usage: Usage, facts: ModelFacts) -> Charges:
        """Charge computing and memory traffic."""
        network, o = _known(facts), self._options
        prompt, own_prompt = usage.prompt_tokens, usage.prompt_tokens[usage.problem]
        calls, later_prompt = _calls(usage)
        length = usage.completion_tokens / calls  # of a call, (S,)
        mean_prompt = (own_prompt + later_prompt) / calls
        computing = calls * (
            2 * network.active_parameters * length
            + 2 * (2 * mean_prompt + length) * length * network.attention_width
        )
        byte = o.bytes_per_value * o.intensity
        # The cache of a later call's prompt is read for that call alone.
        cache = byte * (calls * length**2 + 2 * later_prompt * length) * network.cache_width
        batch = o.batch or facts.batch
        weights = byte * network.parameters * length * calls / batch if batch else np.zeros_like(length)
        shared = byte * 2 * prompt * usage.mean_per_problem(length) * network.cache_width
        if o.prefill:
            shared = shared + _passes(network, prompt, prompt * (prompt + 1) / 2)
        reads = f"parameters are read once for {batch} sequences" if batch else "parameter reads are left out"
        return Charges(
            unit=self.unit,
            per_sample=usage.mean_per_problem(computing + cache + weights),
            once=shared,
            per_request=np.zeros_like(shared),
            request_size=usage.request_size,
            notes=(*_attention_note(network), f"eFLOPs at {o.intensity:g} FLOPs per byte; {reads}."),
        )


def _calls(usage: Usage) -> tuple[FloatArray, FloatArray]:
    """Return each sample's calls and the prompt tokens of the later ones, both (S,)."""
    if usage.later is None:
        return np.ones_like(usage.completion_tokens), np.zeros_like(usage.completion_tokens)
    return usage.later.calls + 1, usage.later.prompt_tokens


def _known(facts: ModelFacts) -> Architecture:
    assert facts.architecture is not None  # `needs` says so, and the caller has checked it
    return facts.architecture


def _passes(network: Architecture, tokens: FloatArray, attended: FloatArray) -> FloatArray:
    """Return the FLOPs of passing tokens that attend to so many others in all."""
    return 2.0 * network.active_parameters * tokens + 4.0 * network.attention_width * attended


def _attended(prompt: FloatArray, generated: FloatArray) -> FloatArray:
    """Sum L_in + 1 .. L_in + L."""
    return generated * prompt + generated * (generated + 1) / 2


def _reading_later(
    network: Architecture, later: LaterCalls, reuse: PromptReuse, context: int | None
) -> FloatArray:
    """Return the FLOPs of reading the prompts of later calls, (S,): their tokens attend to half a mean prompt at least.

    What is read stands behind what was cached, so u of p tokens attend to p - u/2 others on average.
    """
    read = later.read(reuse)
    calls = np.maximum(later.calls, 1)
    attended = (later.prompt_tokens - read / 2) / calls if context is None else np.full_like(read, context)
    return _passes(network, read, read * attended)


def _attention_note(network: Architecture) -> tuple[str, ...]:
    if network.attention_width:
        return ()
    return ("Attention is left out where of a model only the number of parameters is known.",)
