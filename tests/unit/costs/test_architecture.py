"""Reading a network's sizes from its configuration, against the network itself and on bad input."""

import json

import pytest

from ttscale.costs.architecture import (
    _FAMILIES,
    architecture_from_config,
    architecture_in_name,
    architecture_of_size,
    read_architecture,
)
from ttscale.errors import InvalidInputError
from ttscale.execution.masking import mask_broken

SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "vocab_size": 96,
}
MORE = {
    "mixtral": {"num_local_experts": 4, "num_experts_per_tok": 2, "num_key_value_heads": 2},
    "qwen2_moe": {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16,
                  "shared_expert_intermediate_size": 24, "decoder_sparse_step": 1},
    "qwen3_moe": {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16, "head_dim": 8,
                  "num_key_value_heads": 2, "mlp_only_layers": []},
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64},
    "gemma": {"head_dim": 16}, "gemma2": {"head_dim": 16}, "gemma3_text": {"head_dim": 16},
    "phi3": {"pad_token_id": 0}, "smollm3": {"pad_token_id": 0},
}  # fmt: skip


@pytest.mark.parametrize("model_type", sorted(_FAMILIES))
def test_counts_equal_the_network_built_without_weights(model_type):
    torch = pytest.importorskip("torch")
    mask_broken()
    transformers = pytest.importorskip("transformers")
    sizes = {**SMALL, **MORE.get(model_type, {})}
    config = transformers.AutoConfig.for_model(model_type, **sizes)
    with torch.device("meta"):
        network = transformers.AutoModelForCausalLM.from_config(config)
    stored = {id(weight): weight.numel() for weight in network.parameters()}  # a tied head is one tensor
    written = json.loads(config.to_json_string(use_diff=False))
    assert architecture_from_config(written).parameters == sum(stored.values())


def test_a_folder_and_its_config_are_read_alike(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama", **SMALL}))
    assert read_architecture(tmp_path).parameters == read_architecture(tmp_path / "config.json").parameters
    assert read_architecture(tmp_path).attention_width == 2 * 4 * 8


def test_the_text_part_of_a_model_with_images_is_used():
    inner = {"model_type": "llama", **SMALL}
    assert architecture_from_config({"model_type": "x", "text_config": inner}).layers == 2


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"model_type": "mamba", **SMALL}, r"type 'mamba'.*Known: .*llama.*--model NAME=7e9"),
        ({"model_type": "llama", "hidden_size": 32}, "no 'num_hidden_layers'"),
        (
            {"model_type": "llama", **SMALL, "hidden_size": "wide"},
            "no 'hidden_size' of at least 1, but 'wide'",
        ),
        (
            {"model_type": "qwen2_moe", **SMALL, **MORE["qwen2_moe"], "decoder_sparse_step": 2},
            "--models FILE",
        ),
    ],
)
def test_a_network_that_cannot_be_counted_is_refused(config, message):
    with pytest.raises(InvalidInputError, match=message):
        architecture_from_config(config)


def test_a_missing_file_names_the_ways_out(tmp_path):
    with pytest.raises(InvalidInputError, match=r"Give a model folder, its config.json, or a number"):
        read_architecture(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("name", "size"),
    [("Pythia 12B", 12e9), ("pythia-160m", 160e6), ("Qwen2.5-7B-Instruct", 7e9), ("SmolLM2-135M", 135e6),
     ("gpt-4o", None), ("o3", None), ("8x7B", None), ("Qwen3-30B-A3B", 30e9)],
)  # fmt: skip
def test_sizes_are_read_from_names_only_where_they_are_plain(name, size):
    found = architecture_in_name(name)
    assert (found and found.parameters) == size


def test_a_model_without_parameters_is_refused():
    with pytest.raises(InvalidInputError, match="more than 0 parameters"):
        architecture_of_size(0)
