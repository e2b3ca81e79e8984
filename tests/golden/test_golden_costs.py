"""Costs and sizes against published numbers."""

import numpy as np
import pytest

from ttscale.costs.architecture import architecture_from_config
from ttscale.costs.compute import EflopsCost, FlopsCost
from ttscale.costs.contract import CostLine, ModelFacts, usage
from ttscale.models import built_in_model

PYTHIA = {  # Biderman et al. 2023 (arXiv 2304.01373), table 1 and the models' configurations
    "70M": (512, 6, 8, 50304, 70_426_624, 18_915_328),
    "160M": (768, 12, 12, 50304, 162_322_944, 85_056_000),
    "410M": (1024, 24, 16, 50304, 405_334_016, 302_311_424),
    "1B": (2048, 16, 8, 50304, 1_011_781_632, 805_736_448),
    "2.8B": (2560, 32, 32, 50304, 2_775_208_960, 2_517_652_480),
    "6.9B": (4096, 32, 32, 50432, 6_857_302_016, 6_444_163_072),
    "12B": (5120, 36, 40, 50688, 11_846_072_320, 11_327_027_200),
}


@pytest.mark.parametrize("name", PYTHIA)
def test_pythias_parameters_are_counted_to_the_last_one(name: str) -> None:
    width, layers, heads, vocabulary, total, without_embeddings = PYTHIA[name]
    found = architecture_from_config(
        {
            "model_type": "gpt_neox",
            "hidden_size": width,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "intermediate_size": 4 * width,
            "vocab_size": vocabulary,
            "tie_word_embeddings": False,
        }
    )
    assert found.parameters == total
    assert (
        found.active_parameters == without_embeddings + vocabulary * width
    )  # with the head, which multiplies


OTHERS = {  # model cards: parameters as the hub counts them
    "Llama-3.1-8B": ("llama", 4096, 32, 32, 14336, 128256, False, {"num_key_value_heads": 8}, 8_030_261_248),
    "SmolLM2-135M": ("llama", 576, 30, 9, 1536, 49152, True, {"num_key_value_heads": 3}, 134_515_008),
    "Qwen2.5-0.5B": ("qwen2", 896, 24, 14, 4864, 151936, True, {"num_key_value_heads": 2}, 494_032_768),
    "Qwen2.5-7B": ("qwen2", 3584, 28, 28, 18944, 152064, False, {"num_key_value_heads": 4}, 7_615_616_512),
    "gemma-2-2b": ("gemma2", 2304, 26, 8, 9216, 256000, True, {"num_key_value_heads": 4, "head_dim": 256}, 2_614_341_888),
    "Mixtral-8x7B": ("mixtral", 4096, 32, 32, 14336, 32000, False,
                     {"num_key_value_heads": 8, "num_local_experts": 8, "num_experts_per_tok": 2}, 46_702_792_704),
    "Qwen3-30B-A3B": ("qwen3_moe", 2048, 48, 32, 6144, 151936, False,
                      {"num_key_value_heads": 4, "head_dim": 128, "num_experts": 128, "num_experts_per_tok": 8,
                       "moe_intermediate_size": 768}, 30_532_122_624),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_parameters_equal_those_on_the_model_card(name: str) -> None:
    model_type, width, layers, heads, inner, vocabulary, tied, more, total = OTHERS[name]
    config = {
        "model_type": model_type,
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": inner,
        "vocab_size": vocabulary,
        "tie_word_embeddings": tied,
        **more,
    }
    found = architecture_from_config(config)
    assert found.parameters == total
    if name == "Mixtral-8x7B":  # "uses 12.9B parameters per token", input embedding included
        assert found.active_parameters + vocabulary * width == pytest.approx(12.88e9, rel=1e-3)


def test_gpt2s_own_names_are_read() -> None:
    config = {
        "model_type": "gpt2",
        "n_embd": 768,
        "n_layer": 12,
        "n_head": 12,
        "n_positions": 1024,
        "vocab_size": 50257,
    }
    assert architecture_from_config(config).parameters == 124_439_808


def test_the_demo_model_has_the_parameters_of_its_weights() -> None:
    import json

    folder = built_in_model("demo-arithmetic")
    assert folder is not None
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert architecture_from_config(config).parameters == 1_774_272


def test_brown_et_al_price_swe_bench_by_attempts() -> None:
    """Brown et al. 2024, table 1, as third parties report it: cost per attempt, attempts, 300 problems -> US dollars."""
    for per_attempt, attempts, total in ((0.0072, 5, 10.8), (0.13, 1, 39.0), (0.17, 1, 51.0)):
        line = CostLine(unit="usd", once=0.0, per_request=0.0, per_sample=per_attempt)
        assert 300 * line.cost(attempts) == pytest.approx(total)


def test_brown_et_als_flops_formula_on_llama_3_8b() -> None:
    """As third parties report section 2.3: 2 (parameters + 2 layers width context) per token, prompt tokens once."""
    found = architecture_from_config(
        {
            "model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
            "num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 128256,
        }
    )  # fmt: skip
    context, prompt, decoded, completions = 1024, 700, 200, 100
    per_token = 2 * (found.active_parameters + 2 * 32 * 4096 * context)
    model = FlopsCost(FlopsCost.Options(context=context))
    charges = model.charges(usage(prompt, decoded), ModelFacts(architecture=found))
    assert charges.line().cost(completions) == pytest.approx(per_token * (prompt + decoded * completions))


def test_kinetics_eflops_equal_their_formula() -> None:
    """The authors' own code (`dense_cost`, github.com/Infini-AI-Lab/Kinetics) for N trials, on the sizes of Qwen3-8B."""
    layers, H, G, d, P = 36, 32, 8, 128, 8.0e9
    from ttscale.costs.architecture import Architecture

    network = Architecture(
        parameters=P, active_parameters=P, layers=layers, width=4096, heads=H, kv_heads=G, head_dim=d
    )
    N, L, L_in, I = 16, 8192, 512, 562.5  # noqa: E741 - the paper's letters
    D = d * layers  # the paper's d is the head size times the layers
    compute = N * (2 * P * L + 2 * (2 * L_in + L) * L * H * D)
    memory = 2 * (2 * L_in + L * N) * L * G * D * I
    charges = EflopsCost(EflopsCost.Options()).charges(usage(L_in, L), ModelFacts(architecture=network))
    assert charges.line().cost(N) == pytest.approx(compute + memory, rel=1e-12)
    assert np.isclose(I, 4.5e15 / 8e12)
