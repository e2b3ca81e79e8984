"""Problems become prompt tokens the same way for every engine."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ttscale.errors import SamplerError
from ttscale.execution.masking import mask_broken
from ttscale.samplers.prompts import PromptEncoder, StreamDecoder
from ttscale.samplers.settings import ModelSettings
from ttscale.samplers.templates import written
from ttscale.types import Message, Problem


class CharacterTokenizer:
    """One token per character, a start token 0 before plain text, and an optional template."""

    def __init__(self, chat_template: str | None = None) -> None:
        self.chat_template = chat_template

    def __call__(self, text: str, add_special_tokens: bool = True) -> SimpleNamespace:
        return SimpleNamespace(input_ids=[0] * add_special_tokens + [ord(character) for character in text])

    def apply_chat_template(self, turns: list[dict[str, str]], **options: Any) -> str:
        assert options.pop("tokenize") is False
        assert options.pop("add_generation_prompt") is True
        tail = "".join(f"{key}={value};" for key, value in options.items())
        return "".join(f"<{turn['role'][0]}>{turn['content']}" for turn in turns) + "<a>" + tail


def _encoder(*, template: bool, limit: int = 100, **settings: Any) -> PromptEncoder:
    tokenizer = CharacterTokenizer("a template" if template else None)
    return PromptEncoder(tokenizer, ModelSettings(path="m", **settings), limit)


def _text(tokens: list[int]) -> str:
    return "".join(chr(token) if token else "^" for token in tokens)


PLAIN = Problem(problem_id="p", prompt="1+1=")
CHAT = Problem(problem_id="c", messages=(Message("system", "S"), Message("user", "U")))


def test_a_plain_prompt_gets_the_tokenizers_special_tokens() -> None:
    assert _text(_encoder(template=False).encode(PLAIN)) == "^1+1="


def test_with_a_template_a_plain_prompt_is_a_users_turn_without_extra_special_tokens() -> None:
    assert _text(_encoder(template=True).encode(PLAIN)) == "<u>1+1=<a>"


def test_the_template_can_be_turned_off() -> None:
    encoder = _encoder(template=True, chat_template=False)
    assert not encoder.uses_chat_template
    assert _text(encoder.encode(PLAIN)) == "^1+1="


def test_a_conversation_goes_through_the_template_with_its_options() -> None:
    encoder = _encoder(template=True, chat_template_options={"enable_thinking": False})
    assert _text(encoder.encode(CHAT)) == "<s>S<u>U<a>enable_thinking=False;"


def test_a_system_prompt_goes_before_every_conversation_that_has_none() -> None:
    plain = Problem(problem_id="p", prompt="U")
    asked = Problem(problem_id="q", messages=(Message("user", "U"),))
    encoder = _encoder(template=True, system_prompt="S")
    with_turn = _text(_encoder(template=True).encode(CHAT))  # system S, user U
    assert _text(encoder.encode(plain)) == _text(encoder.encode(asked)) == with_turn
    own = Problem(problem_id="r", messages=(Message("system", "mine"), Message("user", "U")))
    assert _text(encoder.encode(own)) == _text(_encoder(template=True).encode(own))


def test_a_system_prompt_needs_a_template() -> None:
    with pytest.raises(
        SamplerError, match=r"model.system_prompt is given, but the tokenizer has no chat template"
    ):
        _encoder(template=False, system_prompt="S").encode(Problem(problem_id="p", prompt="U"))


def test_demanding_an_absent_template_is_an_error() -> None:
    with pytest.raises(SamplerError, match="has no chat template"):
        _encoder(template=False, chat_template=True)


@pytest.mark.parametrize(
    ("template", "setting", "why"),
    [(False, "auto", "tokenizer has no chat template"), (True, False, "chat_template is false")],
)
def test_a_conversation_without_a_template_is_an_error(template: bool, setting: Any, why: str) -> None:
    with pytest.raises(SamplerError, match=f"'c' is a conversation.*{why}"):
        _encoder(template=template, chat_template=setting).encode(CHAT)


def test_a_prompt_that_leaves_no_room_names_problem_tokens_and_limit() -> None:
    assert len(_encoder(template=False, limit=6).encode(PLAIN)) == 5
    with pytest.raises(SamplerError, match=r"'p' has 5 tokens, but the engine's context is 5"):
        _encoder(template=False, limit=5).encode(PLAIN)


def test_an_empty_prompt_is_an_error() -> None:
    encoder = PromptEncoder(lambda text: SimpleNamespace(input_ids=[]), ModelSettings(path="m"), 10)
    with pytest.raises(SamplerError, match="'p' is empty"):
        encoder.encode(Problem(problem_id="p", prompt=""))


def test_completions_are_decoded_in_the_context_of_the_prompt() -> None:
    tokenizers = pytest.importorskip("tokenizers")
    words = {"<s>": 0, "▁Hello": 1, "▁world": 2, "!": 3}
    backend = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<s>"))
    backend.decoder = tokenizers.decoders.Metaspace()
    backend.add_special_tokens(["<s>"])
    tokenizer = SimpleNamespace(is_fast=True, backend_tokenizer=backend)
    assert StreamDecoder.supports(tokenizer)
    assert backend.decode([2, 3]) == "world!"  # alone, the leading space is lost
    assert StreamDecoder(tokenizer).decode([1], [2, 3]) == " world!"


def test_a_tokenizer_without_a_fast_backend_is_not_supported() -> None:
    assert not StreamDecoder.supports(CharacterTokenizer())


@pytest.mark.parametrize(
    "file", ["tekken_240911.json", "mistral_instruct_tokenizer_240323.model.v3", "tokenizer.model.v1"]
)
@pytest.mark.parametrize("wrapped", [True, False], ids=["as vLLM has it", "as transformers has it"])
def test_mistrals_own_tokenizers_write_conversations(file: str, wrapped: bool) -> None:
    """They have no chat template, but [INST] must not be missing: compared with Mistral's own encoding of a request."""
    mask_broken()
    common = pytest.importorskip("mistral_common")
    transformers = pytest.importorskip("transformers")
    from mistral_common.protocol.instruct.messages import UserMessage
    from mistral_common.protocol.instruct.request import ChatCompletionRequest
    from mistral_common.protocol.instruct.validator import ValidationMode
    from mistral_common.tokens.tokenizers.mistral import MistralTokenizer

    path = str(Path(common.__file__).parent / "data" / file)
    backend = transformers.MistralCommonBackend(path, mode=ValidationMode.test)
    expected = MistralTokenizer.from_file(path).encode_chat_completion(
        ChatCompletionRequest(messages=[UserMessage(content="1+1=")])
    )
    tokenizer = LikeVllms(backend) if wrapped else backend
    encoder = PromptEncoder(tokenizer, ModelSettings(path="m"), 100)
    assert encoder.uses_chat_template
    assert encoder.encode(PLAIN) == expected.tokens
    raw = PromptEncoder(tokenizer, ModelSettings(path="m", chat_template=False), 100).encode(PLAIN)
    assert len(raw) < len(expected.tokens)


class LikeVllms:
    """As much of vLLM's wrapper of Mistral's tokenizers as is looked at."""

    IS_MISTRAL_TOKENIZER = True

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def __call__(self, text: str, add_special_tokens: bool = True) -> Any:
        return self._backend(text, add_special_tokens=add_special_tokens)

    def apply_chat_template(self, messages: Any, tools: Any = None, **options: Any) -> Any:
        options.pop("add_generation_prompt")
        return self._backend.apply_chat_template(messages, tools=tools, return_dict=False, **options)


def test_a_template_that_expects_parts_is_given_parts() -> None:
    """As those of models that also see pictures do; a text would be passed over in silence."""
    transformers = pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    backend = tokenizers.Tokenizer(tokenizers.models.WordLevel({"?": 0}, unk_token="?"))
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=backend)
    tokenizer.chat_template = (
        "{% for m in messages %}<{{ m.role }}>{% for part in m.content %}{% if part.type == 'text' %}"
        "{{ part.text }}{% endif %}{% endfor %}{% endfor %}<a>"
    )
    encoder = PromptEncoder(tokenizer, ModelSettings(path="m"), 100)
    assert written(encoder._render, CHAT.messages or ()) == "<system>S<user>U<a>"


@pytest.mark.parametrize(
    ("written", "cut", "text"),
    [
        (["<|channel|>", "final", "<|message|>", "4"], False, "4"),
        (
            ["<|channel|>", "analysis", "<|message|>", "think", "<|end|>", "<|start|>", "assistant"]
            + ["<|channel|>", "final", "<|message|>", "4"],
            False,
            "<think>\nthink\n</think>\n\n4",
        ),
        (["<|channel|>", "analysis", "<|message|>", "think"], True, "<think>\nthink"),
        (["think"], True, "think"),
    ],
)
def test_channels_become_a_reasoning_and_an_answer(written: list[str], cut: bool, text: str) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    special = ["<|channel|>", "<|message|>", "<|end|>", "<|start|>", "<|return|>"]
    words = ["?", "prompt", "analysis", "final", "assistant", "think", "4"]
    vocabulary = {word: i for i, word in enumerate([*special, *words])}
    backend = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="?"))
    backend.decoder = tokenizers.decoders.Fuse()
    backend.add_special_tokens(special)
    decoder = StreamDecoder(SimpleNamespace(is_fast=True, backend_tokenizer=backend))
    tokens = [vocabulary[word] for word in written]
    assert decoder.decode([vocabulary["prompt"]], tokens, is_cut=cut) == text
