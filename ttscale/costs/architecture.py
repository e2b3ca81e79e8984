"""Sizes of a transformer, from its ``config.json`` or given by hand: what FLOPs and memory traffic depend on.

Only the configuration is read, never the weights. Parameters are counted exactly for the families in `_FAMILIES`;
for others the caller gives the numbers.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from ttscale.errors import InvalidInputError, listed
from ttscale.options import Settings
from ttscale.yaml_text import read_entries

_SIZE_IN_NAME = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)\s*([MB])(?![A-Za-z])", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """A decoder-only transformer.

    Attributes:
        parameters: All stored parameters.
        active_parameters: Parameters that multiply each token: without the input embedding, which is looked up, and of a
            mixture of experts only those a token is sent to.
        layers: Transformer blocks; 0 where unknown, and then attention costs nothing.
        width: Hidden size.
        heads: Query heads.
        kv_heads: Key-value heads.
        head_dim: Size of one head.
        source: Where the numbers come from.
    """

    parameters: float
    active_parameters: float
    layers: int = 0
    width: int = 0
    heads: int = 0
    kv_heads: int = 0
    head_dim: int = 0
    source: str = "given"

    @property
    def attention_width(self) -> int:
        """Return layers x query heads x head size: what a token's query spans over all layers."""
        return self.layers * self.heads * self.head_dim

    @property
    def cache_width(self) -> int:
        """Return layers x key-value heads x head size: half of what a token leaves in the key-value cache."""
        return self.layers * self.kv_heads * self.head_dim


@dataclass(frozen=True, slots=True)
class _Family:
    """How a family of models departs from: gated feed-forward layers, no biases, two RMS norms per layer."""

    gated: bool = True
    qkv_bias: bool = False
    out_bias: bool = False
    mlp_bias: bool = False
    norm_vectors: int = 1  # LayerNorm has a bias, RMSNorm has none
    norms_per_layer: int = 2
    qk_norm: bool = False
    final_norm: bool = True
    tied: bool = False  # what a missing tie_word_embeddings means


_FAMILIES: Mapping[str, _Family] = {
    "llama": _Family(),
    "mistral": _Family(),
    "mixtral": _Family(),
    "phi3": _Family(),
    "qwen2": _Family(qkv_bias=True),
    "qwen2_moe": _Family(qkv_bias=True),
    "qwen3": _Family(qk_norm=True),
    "qwen3_moe": _Family(qk_norm=True),
    "gemma": _Family(tied=True),
    "gemma2": _Family(norms_per_layer=4, tied=True),
    "gemma3_text": _Family(norms_per_layer=4, qk_norm=True, tied=True),
    "smollm3": _Family(tied=True),
    "gpt_neox": _Family(gated=False, qkv_bias=True, out_bias=True, mlp_bias=True, norm_vectors=2),
    "gpt2": _Family(gated=False, qkv_bias=True, out_bias=True, mlp_bias=True, norm_vectors=2, tied=True),
}
"""``model_type`` -> its family. Counts are checked against published ones and against the models built from
their configurations without weights."""

_OTHER_NAMES = {
    "hidden_size": "n_embd",
    "num_hidden_layers": "n_layer",
    "num_attention_heads": "n_head",
    "intermediate_size": "n_inner",
}
"""GPT-2's names of the same sizes."""


def architecture_from_config(config: Mapping[str, Any], *, source: str = "config.json") -> Architecture:
    """Count parameters and read sizes from a Hugging Face model configuration.

    Args:
        config: The content of ``config.json``; of a model with several modalities the text part is used.
        source: What a message calls it.

    Raises:
        InvalidInputError: An unknown family, or a size is missing.

    >>> tiny = {"model_type": "llama", "hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 2,
    ...         "intermediate_size": 8, "vocab_size": 10}
    >>> architecture_from_config(tiny).parameters
    252
    """
    config = config.get("text_config", config)
    model_type = str(config.get("model_type", "missing"))
    family = _FAMILIES.get(model_type)
    if family is None:
        raise InvalidInputError(
            f"{source} describes a model of type '{model_type}', whose parameters ttscale cannot count. Known: "
            f"{listed(_FAMILIES)}. Give its number of parameters instead, such as --model NAME=7e9."
        )
    return _counted(config, family, source)


def read_architecture(path: Path) -> Architecture:
    """Read a model's ``config.json``; `path` is that file or the model's folder.

    Raises:
        InvalidInputError: It cannot be read, or `architecture_from_config` refuses it.
    """
    file = path / "config.json" if path.is_dir() else path
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            f"{file} cannot be read as a model's configuration: {error}. Give a model folder, its config.json, or a "
            "number of parameters such as 7e9."
        ) from error
    return architecture_from_config(config, source=str(file))


class _ModelRow(Settings):
    parameters: float = Field(gt=0)
    active_parameters: float | None = Field(default=None, gt=0)
    layers: int = Field(default=0, ge=0)
    width: int = Field(default=0, ge=0)
    heads: int = Field(default=0, ge=0)
    kv_heads: int = Field(default=0, ge=0)
    head_dim: int = Field(default=0, ge=0)
    source: str = "given"


def read_models(path: Path) -> dict[str, Architecture]:
    """Read a file of architectures: YAML, model name -> parameters, active_parameters, layers, width, heads, ...

    Raises:
        InvalidInputError: It cannot be read, or a size is missing or not above 0.
    """
    rows = read_entries(path, _ModelRow, what="Model", fix=f"Known sizes: {listed(_ModelRow.model_fields)}")
    return {
        name: Architecture(
            **{**row.model_dump(), "active_parameters": row.active_parameters or row.parameters}
        )
        for name, row in rows.items()
    }


def architecture_of_size(parameters: float, *, source: str = "given") -> Architecture:
    """Return an architecture of which only the number of parameters is known; attention then costs nothing.

    Raises:
        InvalidInputError: Not a number above 0.
    """
    if not 0 < parameters < float("inf"):
        raise InvalidInputError(f"A model has more than 0 parameters, not {parameters:g}.")
    return Architecture(parameters=parameters, active_parameters=parameters, source=source)


def architecture_in_name(name: str) -> Architecture | None:
    """Read a number of parameters out of a model's name; None where there is none or more than one.

    >>> architecture_in_name("Pythia 6.9B").parameters
    6900000000.0
    >>> architecture_in_name("gpt-4o") is None
    True
    """
    found = _SIZE_IN_NAME.findall(name.replace("-", " ").replace("_", " "))
    if len(found) != 1:
        return None
    number, unit = found[0]
    scale = {"m": 1e6, "b": 1e9}[unit.lower()]
    return architecture_of_size(float(number) * scale, source="the name")


def _counted(config: Mapping[str, Any], family: _Family, source: str) -> Architecture:
    width = _size(config, "hidden_size", source)
    layers = _size(config, "num_hidden_layers", source)
    heads = _size(config, "num_attention_heads", source)
    vocabulary = _size(config, "vocab_size", source)
    kv_heads = int(config.get("num_key_value_heads") or heads)
    head_dim = int(config.get("head_dim") or width // heads)
    attention = _attention(config, family, width, heads * head_dim, kv_heads * head_dim)
    attention += 2 * head_dim if family.qk_norm else 0
    norms = family.norms_per_layer * family.norm_vectors * width
    stored, active = _feed_forward(config, family, width, source)
    once = family.norm_vectors * width + _positions(config, width)
    embedding = vocabulary * width
    tied = bool(config.get("tie_word_embeddings", family.tied))
    return Architecture(
        parameters=layers * (attention + norms + stored) + once + embedding * (1 if tied else 2),
        active_parameters=layers * (attention + norms + active) + family.norm_vectors * width + embedding,
        layers=layers,
        width=width,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        source=source,
    )


def _attention(config: Mapping[str, Any], family: _Family, width: int, query: int, cache: int) -> int:
    """Count the four projections of one layer."""
    bias = bool(config.get("attention_bias", False)) and not (family.qkv_bias or family.out_bias)
    count = width * (2 * query + 2 * cache)
    count += query + 2 * cache if family.qkv_bias or bias else 0
    count += width if family.out_bias or bias else 0
    return count


def _feed_forward(config: Mapping[str, Any], family: _Family, width: int, source: str) -> tuple[int, int]:
    """Count one layer's feed-forward parameters: (stored, active)."""
    experts = config.get("num_local_experts") or config.get("num_experts")
    if not experts:
        one = _block(config, family, width, _inner(config, width, source))
        return one, one
    if config.get("mlp_only_layers") or int(config.get("decoder_sparse_step", 1)) != 1:
        raise InvalidInputError(
            f"{source} mixes dense layers with layers of experts, which ttscale does not count. Give its parameters, all "
            "and active, with --models FILE."
        )
    chosen = _size(config, "num_experts_per_tok", source)
    inner = int(config.get("moe_intermediate_size") or _inner(config, width, source))
    one = _block(config, family, width, inner)
    shared = config.get("shared_expert_intermediate_size")
    always = width * int(experts)  # the router
    always += _block(config, family, width, int(shared)) + width if shared else 0  # and its gate
    return int(experts) * one + always, chosen * one + always


def _block(config: Mapping[str, Any], family: _Family, width: int, inner: int) -> int:
    """Count one feed-forward block."""
    matrices = 3 if family.gated else 2
    count = matrices * width * inner
    if family.mlp_bias or config.get("mlp_bias"):
        count += inner * (matrices - 1) + width
    return count


def _inner(config: Mapping[str, Any], width: int, source: str) -> int:
    if "n_embd" in config:  # GPT-2 leaves the usual factor out
        return int(config.get("n_inner") or 4 * width)
    return _size(config, "intermediate_size", source)


def _positions(config: Mapping[str, Any], width: int) -> int:
    """Count GPT-2's learned positions, looked up as embeddings are."""
    return int(config["n_positions"]) * width if "n_positions" in config else 0


def _size(config: Mapping[str, Any], key: str, source: str) -> int:
    value = config.get(key, config.get(_OTHER_NAMES.get(key, key)))
    if not isinstance(value, int) or value < 1:
        raise InvalidInputError(f"{source} has no '{key}' of at least 1, but {value!r}.")
    return value
