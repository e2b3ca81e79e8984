from pathlib import Path

import pytest

from ttscale.config.loading import load_config
from ttscale.errors import ConfigError

ASKING = {
    "trust_remote_code": "model: {path: m, engine_options: {trust_remote_code: true}}",
    "deep": "model: {path: m, engine_options: {speculative_config: {model: n, trust_remote_code: 1}}}",
    "in a sweep": "model: m\nsweep: {grid: {model.engine_options.trust_remote_code: [false, true]}}",
    "in a cell": "model: m\nsweep: {include: [{cell: a, model.engine_options.trust_remote_code: true}]}",
    "another model": "model: m\nstrategy: {name: cascade, strong: {path: n, engine_options: {trust_remote_code: true}}}",
    "pickles": "model: {path: m, engine: transformers, engine_options: {weights_only: false}}",
    "kernels": "model: {path: m, engine: transformers, engine_options: {attn_implementation: kernels-community/x}}",
    "generation": "model: {path: m, engine: transformers, engine_options: {custom_generate: some/repo}}",
}
REST = "\ntask: {name: arithmetic, problems: 3}\nsampling: {n: 2}\nverifiers: [exact]\n"


@pytest.mark.parametrize("name", sorted(ASKING))
def test_a_file_that_asks_for_a_models_own_code_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(ASKING[name] + REST, encoding="utf-8")
    with pytest.raises(
        ConfigError, match=r"If you trust the model, say so yourself: --set model\.engine_options\."
    ):
        load_config(path)
    if "model: {path" in ASKING[name]:  # something else that is said beside it does not help
        with pytest.raises(ConfigError, match="outside of any sandbox"):
            load_config(path, ["sampling.n=3", "model.engine_options.trust_remote_code=false"])


def test_whoever_says_so_beside_the_file_gets_it(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(ASKING["trust_remote_code"] + REST, encoding="utf-8")
    said = ["model.engine_options.trust_remote_code=true"]
    assert load_config(path, said).model.engine_options == {"trust_remote_code": True}
    path.write_text("model: m" + REST, encoding="utf-8")
    assert load_config(path, said).model.engine_options == {"trust_remote_code": True}
    whole = ["model={path: m, engine_options: {trust_remote_code: true}}"]
    assert load_config(path, whole).model.engine_options == {"trust_remote_code": True}


def test_what_turns_it_off_is_no_matter(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    off = "{trust_remote_code: false, weights_only: true, attn_implementation: sdpa}"
    path.write_text(f"model: {{path: m, engine_options: {off}}}" + REST, encoding="utf-8")
    assert not load_config(path).model.engine_options["trust_remote_code"]
