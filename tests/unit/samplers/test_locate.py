"""A model's name becomes a folder or a hub id, or an error that says the fix."""

from pathlib import Path

import pytest

from ttscale.errors import SamplerError
from ttscale.samplers.locate import locate_model


def test_a_built_in_name_is_a_folder_in_the_package() -> None:
    assert (Path(locate_model("demo-arithmetic")) / "config.json").is_file()


def test_a_local_folder_with_a_config_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert locate_model(str(tmp_path)) == str(tmp_path)


@pytest.mark.parametrize("path", ["./no/such/model", "/no/such/model", "~/no-such-model", "a/b/c"])
def test_a_missing_folder_is_named(path: str) -> None:
    with pytest.raises(SamplerError, match=rf"Model folder '{path}' does not exist"):
        locate_model(path)


def test_a_folder_without_config_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(SamplerError, match=r"has no config\.json"):
        locate_model(str(tmp_path))


def test_a_file_is_no_model_folder(tmp_path: Path) -> None:
    weights = tmp_path / "model.safetensors"
    weights.write_text("")
    with pytest.raises(SamplerError, match="is a file"):
        locate_model(str(weights))


def test_offline_a_hub_id_must_be_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("huggingface_hub")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(SamplerError, match="HF_HUB_OFFLINE forbids downloading"):
        locate_model("ttscale-tests/no-such-model")


def test_online_a_hub_id_is_left_to_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    assert locate_model("owner/name") == "owner/name"
