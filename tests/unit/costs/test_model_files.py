"""A file of model sizes: every mistake is told with its file, its entry and what to give."""

from pathlib import Path

import pytest

from ttscale.costs.architecture import read_models
from ttscale.errors import InvalidInputError


def written(folder: Path, text: str) -> Path:
    path = folder / "models.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_sizes_are_read_and_all_parameters_are_active_where_nothing_else_is_said(tmp_path: Path) -> None:
    text = "small: {parameters: 7e9}\nexperts: {parameters: 47e9, active_parameters: 13e9, layers: 32}\n"
    found = read_models(written(tmp_path, text))
    assert found["small"].active_parameters == 7e9
    assert (found["experts"].active_parameters, found["experts"].layers) == (13e9, 32)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("m: {layers: 3}\n", r"Model of 'm' in .*models.yaml: parameters: Field required"),
        ("m: {parameters: 0}\n", r"'m'.*greater than 0"),
        ("m: {parameters: 7e9, depth: 3}\n", r"'m'.*depth: Extra inputs.*Known sizes: .*layers"),
        ("m: seven\n", r"'m' in .*: it: "),
        ("- 7e9\n", "must map model names to entries"),
        ("m: {parameters: 1, parameters: 2}\n", "stands here twice"),
    ],
)
def test_a_wrong_file_is_explained(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        read_models(written(tmp_path, text))


def test_a_file_that_is_not_there_or_no_text_is_explained(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"Model file .*none\.yaml cannot be read"):
        read_models(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInputError, match=r"binary\.yaml cannot be read"):
        read_models(tmp_path / "binary.yaml")
