"""The rank of a LoRA adapter, or one sentence on what is wrong with its folder."""

from pathlib import Path

import pytest

from ttscale.errors import SamplerError
from ttscale.samplers.adapters import adapter_rank


def test_the_rank_is_read(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"r": 16, "lora_alpha": 32}')
    assert adapter_rank(tmp_path) == 16


@pytest.mark.parametrize("content", [None, "{", "{}", "[]", '{"r": "many"}', '{"r": null}'])
def test_a_folder_without_an_adapter_is_refused_with_the_fix(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "adapter_config.json").write_text(content)
    with pytest.raises(SamplerError, match=r"gives no rank 'r'.*save_pretrained"):
        adapter_rank(tmp_path)
