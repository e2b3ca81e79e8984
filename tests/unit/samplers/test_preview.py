"""The first prompt before an engine is loaded: what the engine's own tokenizer makes of it, to the letter."""

import json
from pathlib import Path

import pytest

from ttscale.errors import SamplerError
from ttscale.execution.masking import mask_broken
from ttscale.samplers.preview import preview
from ttscale.samplers.settings import ModelSettings
from ttscale.types import Message, Problem

CHATML = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nBe kind<|im_end|>\n' }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
INDENTED = """
{%- if not enable_thinking is defined %}{% set enable_thinking = true %}{% endif %}
{{- bos_token }}
{% for message in messages %}
    {% if message.role == "tool" %}
        {% continue %}
    {% endif %}
    [{{ message.role | upper }}] {{ message.content | trim | tojson }}
{% endfor %}
{% generation %}{{ "think" if enable_thinking else "answer" }}{% endgeneration %}{{ eos_token }}
"""
TEMPLATES = {"chatml": CHATML, "indented": INDENTED}
TURNS = (
    Message("system", 'Only <answers> & "quotes"'),
    Message("tool", "x"),
    Message("user", " What is 1+1? é "),
)


@pytest.fixture(autouse=True, scope="module")
def _without_broken_media() -> None:
    mask_broken()  # before transformers is imported: it remembers what it found


def folder_of(tmp_path: Path, template: str | None) -> Path:
    """Write a model folder with a tokenizer of single characters."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordLevel({"<s>": 0, "</s>": 1, "?": 2}, unk_token="?")),
        bos_token="<s>",
        eos_token="</s>",
        unk_token="?",
    )
    if template is not None:
        tokenizer.chat_template = template
    tokenizer.save_pretrained(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    return tmp_path


@pytest.mark.parametrize("options", [{}, {"enable_thinking": False}])
@pytest.mark.parametrize(
    "problem", [Problem(problem_id="p", prompt="1+1=", answer="2"), Problem(problem_id="p", messages=TURNS)]
)
@pytest.mark.parametrize("name", list(TEMPLATES))
def test_templates_are_rendered_as_the_tokenizer_renders_them(
    tmp_path: Path, name: str, problem: Problem, options: dict[str, bool]
) -> None:
    from transformers import PreTrainedTokenizerFast

    folder = folder_of(tmp_path, TEMPLATES[name])
    turns = problem.messages or (Message("user", problem.prompt or ""),)
    expected = PreTrainedTokenizerFast.from_pretrained(str(folder)).apply_chat_template(
        [{"role": turn.role, "content": turn.content} for turn in turns],
        tokenize=False,
        add_generation_prompt=True,
        **options,
    )
    model = ModelSettings(path=str(folder), chat_template_options=options)
    shown = preview(model, problem, engine="vllm")
    assert shown.text == expected
    assert shown.how == "with the model's chat template"


def test_a_template_in_the_tokenizers_configuration_is_found(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    named = [
        {"name": "tool_use", "template": "no"},
        {"name": "default", "template": "{{ bos_token }}{{ messages[0].content }}!"},
    ]
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({"chat_template": named, "bos_token": {"content": "<b>"}})
    )
    assert (
        preview(ModelSettings(path=str(tmp_path)), Problem(problem_id="p", prompt="hi"), engine="vllm").text
        == "<b>hi!"
    )


def test_without_a_template_the_prompt_goes_as_it_is(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, None)
    assert (
        preview(ModelSettings(path=str(folder)), Problem(problem_id="p", prompt="1+1="), engine="vllm").text
        == "1+1="
    )
    off = ModelSettings(path=str(folder_of(tmp_path, CHATML)), chat_template=False)
    assert (
        preview(off, Problem(problem_id="p", prompt="1+1="), engine="vllm").how
        == "as it is: model.chat_template is false"
    )


def test_servers_and_hub_models_write_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    conversation = Problem(problem_id="p", messages=TURNS)
    for engine, says in (
        ("openai", "the server writes it"),
        ("vllm", "a hub model"),
        ("mine:Sampler", "its sampler writes it"),
    ):
        shown = preview(ModelSettings(path="org/model"), conversation, engine=engine)
        assert shown.text.startswith("[system] Only <answers>")
        assert shown.how.startswith(says)


@pytest.mark.parametrize(
    "template", ["{{ raise_exception('no system turn') }}", "{% if %}", "{{ messages[9].content.x }}"]
)
def test_a_template_that_fails_is_said_before_anything_is_drawn(tmp_path: Path, template: str) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "chat_template.jinja").write_text(template)
    with pytest.raises(SamplerError, match="cannot be rendered"):
        preview(ModelSettings(path=str(tmp_path)), Problem(problem_id="p", prompt="hi"), engine="vllm")


def test_templates_reach_nothing_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "chat_template.jinja").write_text("{{ ''.__class__.__mro__[1].__subclasses__() }}")
    with pytest.raises(SamplerError, match="cannot be rendered"):
        preview(ModelSettings(path=str(tmp_path)), Problem(problem_id="p", prompt="hi"), engine="vllm")


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(SamplerError, match="does not exist"):
        preview(
            ModelSettings(path=str(tmp_path / "none")), Problem(problem_id="p", prompt="hi"), engine="vllm"
        )
