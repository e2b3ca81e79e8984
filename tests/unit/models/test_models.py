import json
import struct
from math import prod

import pytest

from ttscale.models import BUILT_IN_MODELS, built_in_model

each_model = pytest.mark.parametrize("name", BUILT_IN_MODELS)


@pytest.mark.parametrize(
    "name", ["", "demo", "HuggingFaceTB/SmolLM2-135M-Instruct", "../models/demo-arithmetic", "."]
)
def test_any_other_name_is_no_built_in_model(name: str) -> None:
    assert built_in_model(name) is None


@each_model
def test_a_built_in_model_is_an_ordinary_folder_with_a_card_of_at_most_8_megabytes(name: str) -> None:
    folder = built_in_model(name)
    assert folder is not None
    names = {file.name for file in folder.iterdir()}
    assert names == {
        "README.md",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert sum(file.stat().st_size for file in folder.iterdir()) < 8_000_000


def test_the_demo_model_is_a_llama_of_one_to_three_million_parameters() -> None:
    folder = built_in_model("demo-arithmetic")
    assert folder is not None
    assert json.loads((folder / "config.json").read_text())["architectures"] == ["LlamaForCausalLM"]
    weights = (folder / "model.safetensors").read_bytes()
    (header_size,) = struct.unpack("<Q", weights[:8])  # the format: header length, JSON header, tensors
    header = json.loads(weights[8 : 8 + header_size])
    shapes = [tensor["shape"] for key, tensor in header.items() if key != "__metadata__"]
    assert 1_000_000 < sum(prod(shape) for shape in shapes) < 3_000_000
