"""``engine: auto`` takes what is importable, and says why."""

import importlib.util
from importlib.machinery import ModuleSpec

import pytest

from ttscale.errors import MissingExtraError
from ttscale.samplers.resolve import choose_engine, require_transformers, require_vllm


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The packages that appear installed; empty at first."""
    names: set[str] = set()

    def find_spec(name: str) -> ModuleSpec | None:
        return ModuleSpec(name, None) if name in names else None

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    return names


def test_vllm_comes_first(installed: set[str]) -> None:
    installed |= {"vllm", "transformers", "torch"}
    assert choose_engine("auto") == ("vllm", "vLLM is installed")


def test_without_vllm_transformers_is_used_and_the_reason_names_the_extras(installed: set[str]) -> None:
    installed |= {"transformers", "torch"}
    name, reason = choose_engine("auto")
    assert name == "transformers"
    assert "vLLM is not installed" in reason
    assert "ttscale[cpu]" in reason
    assert "ttscale[vllm]" in reason


@pytest.mark.parametrize("present", [set(), {"transformers"}, {"torch"}])
def test_with_no_engine_the_extras_are_named(installed: set[str], present: set[str]) -> None:
    installed |= present
    with pytest.raises(MissingExtraError, match=r"ttscale\[cpu\].*ttscale\[vllm\]"):
        choose_engine("auto")


def test_an_engine_asked_for_by_name_is_not_second_guessed(installed: set[str]) -> None:
    assert choose_engine("my_module:MySampler")[0] == "my_module:MySampler"


def test_each_sampler_names_its_extra_when_absent(installed: set[str]) -> None:
    with pytest.raises(MissingExtraError, match=r"ttscale\[cpu\]"):
        require_vllm()
    with pytest.raises(MissingExtraError, match=r"ttscale\[transformers\]"):
        require_transformers()
