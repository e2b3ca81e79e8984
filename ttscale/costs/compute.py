"""Costs in floating-point operations: FLOPs, and the eFLOPs of Kinetics, which price memory traffic too.

Notation: A active parameters, L_in prompt and L generated tokens, D = layers x query heads x head size,
G = layers x key-value heads x head size.
"""

from typing import ClassVar

import numpy as np
from pydantic import Field

from ttscale.arrays import FloatArray
from ttscale.costs.architecture import Architecture
from ttscale.costs.contract import Charges, ModelFacts, Need, PromptReuse, Usage, split_prompt
from ttscale.options import Settings

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

    class Options(Settings):
        """How prompts and attention count."""

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
            attended = _attended(usage, own_prompt)
        else:
            attended_in, attended = prompt_length * context, usage.completion_tokens * context
        reading = _passes(network, prompt_length, attended_in)
        passes = _passes(network, usage.completion_tokens, attended)
        if usage.later is not None:
            read, reuse = usage.later.read(self._options.prompt), self._options.prompt
            seen = usage.later.attended(reuse) if context is None else read * context
            passes = passes + _passes(network, read, seen)
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
    Reading the prompt is left out as in the paper; `prefill` adds its FLOPs. An attempt of several calls costs what each of its
    calls costs; later calls share no prompt.

    Worked example: A = 1e9, D = 1e4, G = 2e3, L_in = 100, L = 10, N = 2, I = 562.5 and no parameter reads: computing
    2 * (2e10 + 2 * 210 * 10 * 1e4) = 4.0084e10, the cache 2 * (200 + 20) * 10 * 2e3 * 562.5 = 4.95e9; together
    4.5034e10 eFLOPs.

    The formula and the intensity are those of the authors' own code (function ``dense_cost`` in ``cost_model/utils.py`` of
    https://github.com/Infini-AI-Lab/Kinetics), which counts the parameters of the input embedding, too; here they are
    looked up for nothing.

    References:
        Sadhukhan et al. 2025 (Kinetics), arXiv 2506.05333
    """

    class Options(Settings):
        """The hardware and the batch."""

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
        length = usage.completion_tokens
        first, squared, crossed = _lengths(usage)
        computing = (
            2 * network.active_parameters * length
            + 2 * (2 * (own_prompt * first + crossed) + squared) * network.attention_width
        )
        byte = o.bytes_per_value * o.intensity
        # The cache of a later call's prompt is read for that call alone.
        cache = byte * (squared + 2 * crossed) * network.cache_width
        batch = o.batch or facts.batch
        weights = byte * network.parameters * length / batch if batch else np.zeros_like(length)
        shared = byte * 2 * prompt * usage.mean_per_problem(first) * network.cache_width
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


def _lengths(usage: Usage) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return each sample's tokens of the first call, Σ l² of all calls, and Σ p l of the later ones, all (S,)."""
    if usage.later is None:
        tokens = usage.completion_tokens
        return tokens, tokens**2, np.zeros_like(tokens)
    return usage.later.first_tokens, usage.later.squared_tokens, usage.later.crossed_tokens


def _known(facts: ModelFacts) -> Architecture:
    assert facts.architecture is not None  # `needs` says so, and the caller has checked it
    return facts.architecture


def _passes(network: Architecture, tokens: FloatArray, attended: FloatArray) -> FloatArray:
    """Return the FLOPs of passing tokens that attend to so many others in all."""
    return 2.0 * network.active_parameters * tokens + 4.0 * network.attention_width * attended


def _attended(usage: Usage, prompt: FloatArray) -> FloatArray:
    """Sum p + 1 .. p + l over the calls of each sample, whose first has the prompt of length `prompt`."""
    first, squared, crossed = _lengths(usage)
    return prompt * first + crossed + (squared + usage.completion_tokens) / 2


def _attention_note(network: Architecture) -> tuple[str, ...]:
    if network.attention_width:
        return ()
    return ("Attention is left out where of a model only the number of parameters is known.",)
