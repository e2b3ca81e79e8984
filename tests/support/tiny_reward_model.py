"""Reward models of a few thousand random weights, in folders as real ones come."""

from pathlib import Path
from typing import Any

from ttscale.execution.masking import mask_broken

CHAT_TEMPLATE = "{% for m in messages %}[{{ m.role }}]{{ m.content }}<end>{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}"


def make_tokenizer(*, padding: bool, chat: bool) -> Any:
    """One token per byte; `<end>` ends a text and pads it unless there is a token for padding alone."""
    mask_broken()
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: number for number, letter in enumerate([*letters, "<end>", "<pad>"])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<end>",
        pad_token="<pad>" if padding else "<end>",
        chat_template=CHAT_TEMPLATE if chat else None,
    )


def make_llama(
    folder: Path, *, labels: int = 1, padding: bool = True, chat: bool = True, per_token: bool = False
) -> Path:
    tokenizer = make_tokenizer(padding=padding, chat=chat)
    import torch
    from transformers import LlamaConfig, LlamaForSequenceClassification, LlamaForTokenClassification

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,  # vLLM has CPU kernels for heads of 32 and more
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=512,
        num_labels=labels,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    model = (LlamaForTokenClassification if per_token else LlamaForSequenceClassification)(config)
    for weights in model.parameters():
        weights.data.normal_(0.0, 0.3)
    return _saved(model, tokenizer, folder)


def make_bert(folder: Path) -> Path:
    tokenizer = make_tokenizer(padding=True, chat=False)
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=512,
        num_labels=2,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = BertForSequenceClassification(config)
    for weights in model.parameters():
        weights.data.normal_(0.0, 0.3)
    return _saved(model, tokenizer, folder)


def _saved(model: Any, tokenizer: Any, folder: Path) -> Path:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
