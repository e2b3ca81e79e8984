"""Decoding a completion at once says what an engine says that streams it token by token, for the usual kinds of tokenizers."""

from functools import cache
from itertools import chain
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ttscale.samplers.prompts import StreamDecoder

tokenizers = pytest.importorskip("tokenizers")

TEXT = [
    "Let x = 3. Then  2x + 1 = 7, so the answer is $\\boxed{7}$.\n\ndef f(a, b):\n    return a*b",
    "Grüße, naïve café: 数学の問題です。Ответ: 42 — “quoted” 🙂🙃 e\u0301",
    "   leading spaces\tand tabs ... don't it's we're [INST] x [/INST]",
]
SPECIAL = ["<s>", "</s>", "<|user|>", "<|assistant|>"]


@cache
def tokenizer(kind: str) -> Any:
    """A small tokenizer of a kind, trained here."""
    models, decoders, pre = tokenizers.models, tokenizers.decoders, tokenizers.pre_tokenizers
    trainers = tokenizers.trainers
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    if kind == "byte-level":  # GPT-2, Qwen, Llama 3
        made = tokenizers.Tokenizer(models.BPE())
        made.pre_tokenizer, made.decoder = pre.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
        alphabet = pre.ByteLevel.alphabet()
        made.train_from_iterator(TEXT, trainers.BpeTrainer(vocab_size=420, initial_alphabet=alphabet))
    elif kind == "byte-fallback":  # Llama 2, Mistral, Gemma
        trained = tokenizers.Tokenizer(models.BPE())
        trained.pre_tokenizer = pre.Metaspace()
        trained.train_from_iterator(TEXT[:1], trainers.BpeTrainer(vocab_size=150))
        vocabulary = {token: i for i, token in enumerate([*bytes_, *trained.get_vocab()])}
        made = tokenizers.Tokenizer(models.BPE(vocabulary, [], byte_fallback=True))
        made.decoder = decoders.Sequence(
            [
                decoders.Replace("▁", " "),
                decoders.ByteFallback(),
                decoders.Fuse(),
                decoders.Strip(" ", 1, 0),
            ]
        )
    else:  # BERT
        made = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
        made.pre_tokenizer, made.decoder = pre.BertPreTokenizer(), decoders.WordPiece()
        made.train_from_iterator(TEXT, trainers.WordPieceTrainer(vocab_size=300, special_tokens=["[UNK]"]))
    made.add_special_tokens(SPECIAL)
    return made


def streamed(backend: Any, prompt: list[int], tokens: list[int]) -> str:
    """What vLLM's detokenizer says at the end: the library's own stream fed with the whole prompt, anew when it is lost."""
    stream = tokenizers.decoders.DecodeStream(ids=prompt, skip_special_tokens=True)
    said = ""
    for token in tokens:
        try:
            piece = stream.step(backend, token)
        except Exception as error:
            assert "Invalid prefix" in str(error)
            stream = tokenizers.decoders.DecodeStream(skip_special_tokens=True)
            piece = stream.step(backend, token)
        said += piece or ""
    return said


@pytest.mark.parametrize("kind", ["byte-level", "byte-fallback", "word-piece"])
@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_whatever_tokens_follow_whatever_prompt(kind: str, data: st.DataObject) -> None:
    backend = tokenizer(kind)
    token = st.integers(0, backend.get_vocab_size() - 1)
    special = st.sampled_from([backend.token_to_id(name) for name in SPECIAL])
    written = st.sampled_from(TEXT).flatmap(
        lambda text: st.integers(0, len(text)).map(lambda cut: backend.encode(text[cut:]).ids)
    )
    piece = st.one_of(written, st.lists(token, max_size=6), st.lists(special, max_size=12))
    pieces = st.lists(piece, min_size=1, max_size=3).map(lambda drawn: list(chain.from_iterable(drawn)))
    prompt = data.draw(pieces) or [backend.token_to_id("<s>")]
    tokens = data.draw(pieces)
    decoder = StreamDecoder(SimpleNamespace(is_fast=True, backend_tokenizer=backend))
    assert decoder.decode(prompt, tokens) == streamed(backend, prompt, tokens)


def test_a_byte_that_is_no_character_spoils_all_bytes_behind_it() -> None:
    backend = tokenizer("byte-fallback")
    prompt = [128, *[0] * 8]  # found by the property above: the last eight alone are text
    decoder = StreamDecoder(SimpleNamespace(is_fast=True, backend_tokenizer=backend))
    for text in TEXT:
        tokens = backend.encode(text).ids
        assert decoder.decode(prompt, tokens) == streamed(backend, prompt, tokens)
