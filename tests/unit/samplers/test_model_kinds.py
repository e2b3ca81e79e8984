"""Models of every kind as folders on a disk: what a prompt becomes, and what is read of the answer. No weights are needed."""

import json
from pathlib import Path
from typing import Any

import pytest

from ttscale.execution.masking import mask_broken
from ttscale.samplers.preview import preview
from ttscale.samplers.prompts import PromptEncoder, StreamDecoder
from ttscale.samplers.settings import ModelSettings
from ttscale.types import Message, Problem
from ttscale.verifiers.reasoning import answer_part

PROBLEM = Problem(problem_id="p", prompt="1+1?")
TURNS = Problem(problem_id="t", messages=(Message("system", "Be brief"), Message("user", "1+1?")))
SPECIAL = ["<s>", "</s>", "<|start|>", "<|message|>", "<|channel|>", "<|end|>", "<|return|>"]  # fmt: skip
HARMONY = (
    "<|start|>system<|message|>You are ChatGPT.\nReasoning: {{ reasoning_effort | default('medium') }}<|end|>"
    "{% for m in messages %}<|start|>{{ 'developer' if m.role == 'system' else m.role }}<|message|>{{ m.content }}<|end|>"
    "{% endfor %}{% if add_generation_prompt %}<|start|>assistant{% endif %}"
)
THINKING = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<assistant>"
    "{% if enable_thinking is defined and not enable_thinking %}<think></think>{% else %}<think>{% endif %}{% endif %}"
)
PARTS = (
    "{% for m in messages %}<{{ m.role }}>{% for part in m.content %}{% if part.type == 'image' %}<image>"
    "{% elif part.type == 'text' %}{{ part.text }}{% endif %}{% endfor %}{% endfor %}<assistant>"
)


@pytest.fixture(autouse=True, scope="module")
def _without_broken_media() -> None:
    mask_broken()


def folder_of(path: Path, template: str | None = None, *, file: str | None = None, **config: Any) -> Path:
    """Write a tokenizer of single characters and a configuration; a template lies in the tokenizer's files or another."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = [*(SPECIAL if template == HARMONY else SPECIAL[:2]), *sorted(pre_tokenizers.ByteLevel.alphabet())]
    backend = Tokenizer(models.BPE({word: i for i, word in enumerate(words)}, []))
    backend.pre_tokenizer, backend.decoder = (
        pre_tokenizers.ByteLevel(add_prefix_space=False),
        decoders.ByteLevel(),
    )
    special = SPECIAL[2:] if template == HARMONY else []
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", extra_special_tokens=special
    )
    tokenizer.add_tokens(["<think>", "</think>"])
    if file is None:
        tokenizer.chat_template = template
    tokenizer.save_pretrained(str(path))
    if file is not None:
        (path / file).write_text(json.dumps({"chat_template": template}))
    (path / "config.json").write_text(json.dumps({"model_type": "llama", **config}))
    return path


def opened(folder: Path, **settings: Any) -> tuple[PromptEncoder, Any]:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    return PromptEncoder(tokenizer, ModelSettings(path=str(folder), **settings), 1000), tokenizer


def read(folder: Path, problem: Problem, **settings: Any) -> str:
    """Return the prompt as its tokens spell it; the preview promises the same."""
    encoder, tokenizer = opened(folder, **settings)
    text = tokenizer.decode(encoder.encode(problem), skip_special_tokens=False)
    shown = preview(ModelSettings(path=str(folder), **settings), problem, engine="vllm")
    assert shown.text == text
    return str(text)


def test_gpt_oss_is_asked_in_its_channels_with_the_effort_that_is_set(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, HARMONY)
    text = read(folder, TURNS, chat_template_options={"reasoning_effort": "high"})
    assert text == (
        "<|start|>system<|message|>You are ChatGPT.\nReasoning: high<|end|><|start|>developer<|message|>Be brief<|end|>"
        "<|start|>user<|message|>1+1?<|end|><|start|>assistant"
    )
    encoder, tokenizer = opened(folder)
    tokens = encoder.encode(TURNS)
    assert tokens.count(tokenizer.convert_tokens_to_ids("<|start|>")) == 4  # one token each, not its letters


def test_what_gpt_oss_says_becomes_a_reasoning_and_an_answer(tmp_path: Path) -> None:
    encoder, tokenizer = opened(folder_of(tmp_path, HARMONY))
    said = "<|channel|>analysis<|message|>One and one.<|end|><|start|>assistant<|channel|>final<|message|>2<|return|>"
    tokens = tokenizer(said, add_special_tokens=False).input_ids
    text = StreamDecoder(tokenizer).decode(encoder.encode(TURNS), tokens)
    assert text == "<think>\nOne and one.\n</think>\n\n2"
    assert answer_part(text) == "\n\n2"


@pytest.mark.parametrize(
    ("options", "end"),
    [({}, "<assistant><think>"), ({"enable_thinking": False}, "<assistant><think></think>")],
)
def test_a_thinking_model_thinks_unless_its_template_is_told_not_to(
    tmp_path: Path, options: dict[str, Any], end: str
) -> None:
    text = read(folder_of(tmp_path, THINKING), PROBLEM, chat_template_options=options)
    assert text == "<user>1+1?" + end


def test_a_thought_that_the_prompt_opened_is_no_answer(tmp_path: Path) -> None:
    """The completion has the closing tag alone."""
    encoder, tokenizer = opened(folder_of(tmp_path, THINKING))
    tokens = tokenizer("One and one.</think>2</s>", add_special_tokens=False).input_ids
    text = StreamDecoder(tokenizer).decode(encoder.encode(PROBLEM), tokens)
    assert answer_part(text) == "2"


@pytest.mark.parametrize("file", [None, "chat_template.json"])
def test_a_model_that_also_sees_pictures_is_asked_with_text_alone(tmp_path: Path, file: str | None) -> None:
    """Its template may lie with its processor, where a tokenizer does not look."""
    folder = folder_of(tmp_path, PARTS, file=file, model_type="llava", text_config={"model_type": "llama"})
    assert opened(folder)[0].uses_chat_template
    assert read(folder, TURNS) == "<system>Be brief<user>1+1?<assistant>"
    assert read(folder, PROBLEM, chat_template=False) == "1+1?"


def test_a_base_model_is_given_the_prompt_alone(tmp_path: Path) -> None:
    assert read(folder_of(tmp_path), PROBLEM) == "1+1?"
