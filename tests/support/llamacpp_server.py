"""llama.cpp's own server, in its C++ and with the demo model, as a child process on this machine; the package xllamacpp carries it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ttscale.models import built_in_model

_NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
"""Names of Llama's tensors in Hugging Face's folders -> in GGUF files."""
_NORMAL, _CONTROL = 1, 3
_PATTERN_OF_LLAMA_3 = "llama-bpe"


@contextmanager
def llamacpp_server(folder: Path, *, slots: int = 4, **defaults: Any) -> Iterator[str]:
    """Serve the demo model, under the name "demo", with a server's own sampling defaults; yield the base URL.

    Args:
        folder: Takes the model's file and the server's log.
        slots: Samples at a time.
        defaults: Fields of llama.cpp's sampling parameters.
    """
    model = folder / "demo-arithmetic.gguf"
    if not model.exists():
        write_gguf(model)
    settings = json.dumps({"model": str(model), "slots": slots, "defaults": defaults})
    with (folder / "log.txt").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, __file__, settings],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        with server:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            if not url:
                pytest.fail(f"the server did not start:\n{(folder / 'log.txt').read_text()[-3000:]}")
            try:
                yield f"{url}/v1"
            finally:
                server.kill()


def write_gguf(path: Path) -> None:
    """Write the demo model as llama.cpp reads it, in float32."""
    import gguf
    from safetensors.numpy import load_file

    source = built_in_model("demo-arithmetic")
    assert source is not None
    config = json.loads((source / "config.json").read_text())
    heads, head = config["num_attention_heads"], config["head_dim"]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_rope_dimension_count(head)
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    _add_tokenizer(writer, config, json.loads((source / "tokenizer.json").read_text())["model"]["vocab"])
    for name, values in load_file(source / "model.safetensors").items():
        if "q_proj" in name or "k_proj" in name:  # GGUF interleaves the halves that rotate together
            halves = values.reshape(heads, 2, head // 2, -1)
            writer.add_tensor(_gguf_name(name), _float32(halves.swapaxes(1, 2).reshape(values.shape)))
        else:
            writer.add_tensor(_gguf_name(name), _float32(values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _float32(values: Any) -> Any:
    return np.ascontiguousarray(values, np.float32)


def _add_tokenizer(writer: Any, config: dict[str, Any], vocabulary: dict[str, int]) -> None:
    tokens = sorted(vocabulary, key=lambda token: vocabulary[token])
    writer.add_tokenizer_model("gpt2")  # byte pairs, of which there are none
    writer.add_tokenizer_pre(_PATTERN_OF_LLAMA_3)
    writer.add_token_list(tokens)
    writer.add_token_types([_CONTROL if token.startswith("<") else _NORMAL for token in tokens])
    writer.add_token_merges(["0 0"])
    writer.add_bos_token_id(config["bos_token_id"])
    writer.add_eos_token_id(config["eos_token_id"])
    writer.add_pad_token_id(config["pad_token_id"])
    writer.add_add_bos_token(True)


def _gguf_name(name: str) -> str:
    stem = name.removesuffix(".weight")
    if not stem.startswith("model.layers."):
        return f"{_NAMES[stem]}.weight"
    _, _, block, kind = stem.split(".", 3)
    return f"blk.{block}.{_NAMES[kind]}.weight"


def _serve(model: str, slots: int, defaults: dict[str, Any]) -> None:
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path, parameters.model_alias = model, {"demo"}
    parameters.hostnames, parameters.port = ["127.0.0.1"], 0
    parameters.n_parallel, parameters.n_ctx = slots, 32 * slots
    parameters.cpuparams.n_threads = 1
    for name, value in defaults.items():
        setattr(parameters.sampling, name, value)
    server = xllamacpp.Server(parameters)
    print(server.listening_address, flush=True)
    sys.stdin.read()  # as long as the test holds it open


if __name__ == "__main__":
    _serve(**json.loads(sys.argv[1]))
