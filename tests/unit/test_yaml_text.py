"""Files of named entries, and aliases that unfold: what the published cases (`tests/golden`) do not hold."""

from pathlib import Path

import pytest
import yaml

from ttscale.errors import ConfigError, InvalidInputError
from ttscale.options import Settings
from ttscale.yaml_text import MOST_NODES, read_entries, read_yaml, require_finite, write_yaml


class Entry(Settings):
    n: int


def entries(text: str, folder: Path) -> dict[str, Entry]:
    path = folder / "prices.yaml"
    path.write_text(text, encoding="utf-8")
    return read_entries(path, Entry, what="Price", fix="Give n")


def test_entries_are_read_by_name(tmp_path: Path) -> None:
    assert entries("a: {n: 1}\n'1': {n: 2}", tmp_path) == {"a": Entry(n=1), "1": Entry(n=2)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"Price file .* must map model names to entries\. Give n\."),
        ("[1]", "must map model names"),
        ("a: {n: x}", r"Price of 'a' in .*: n: .*Give n\."),
        ("a: {m: 1, n: 1}", r"Price of 'a' in .*: m: "),
        ("a: 3", r"Price of 'a' in .*: it: "),
        ("a: {n: 1}\na: {n: 2}", r"Price file .*:2:1: .*'a' stands here twice"),
    ],
)
def test_what_is_no_entry_is_named_with_its_file(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=said):
        entries(text, tmp_path)


def test_a_file_that_cannot_be_read_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"Price file .*none\.yaml cannot be read"):
        read_entries(tmp_path / "none.yaml", Entry, what="Price", fix="")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff")
    with pytest.raises(InvalidInputError, match=r"bytes\.yaml cannot be read"):
        read_entries(tmp_path / "bytes.yaml", Entry, what="Price", fix="")


def test_a_key_of_another_name_is_left_out_only_where_it_has_an_anchor() -> None:
    text = "base: &b {k: 1}\nother: 2\nmodel: *b"
    assert read_yaml(text, "here", known=["model"]) == {"other": 2, "model": {"k": 1}}
    assert read_yaml(text, "here") == {"base": {"k": 1}, "other": 2, "model": {"k": 1}}
    assert read_yaml("[&b 1, *b]", "here", known=["model"]) == [1, 1]


def test_an_empty_document_is_none_and_two_are_an_error() -> None:
    assert read_yaml("# nothing", "here") is None
    with pytest.raises(ConfigError, match="here:2:1: not valid YAML: but found another document"):
        read_yaml("a: 1\n---\nb: 2", "here")


def test_aliases_are_counted_as_often_as_they_unfold() -> None:
    def node(text: str) -> yaml.Node:
        found = yaml.compose(text)
        assert found is not None
        return found

    text = "a: &a [1, 2]\nb: [*a, *a]"  # 1 map, 2 keys, a is 3, b is 7
    require_finite(node(text), 13)
    with pytest.raises(InvalidInputError, match="line 1: aliases unfold it to more than 12 values"):
        require_finite(node(text), 12)
    laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{i + 1}: &a{i + 1} [{', '.join([f'*a{i}'] * 10)}]\n" for i in range(9)
    )
    with pytest.raises(InvalidInputError, match=f"more than {MOST_NODES:,} values"):
        require_finite(node(laughs))
    with pytest.raises(InvalidInputError, match="line 1: an alias refers to what it stands in"):
        require_finite(node("&a [*a]"))


def test_a_numbers_digits_and_a_texts_halves_are_refused_with_their_place() -> None:
    with pytest.raises(ConfigError, match="here:2:4: not valid YAML: a number of 401 digits"):
        read_yaml(f"a: 1\nb: {'9' * 401}", "here")
    with pytest.raises(ConfigError, match="half of a character"):
        read_yaml('a: "\\ud800"', "here")


@pytest.mark.parametrize("text", ["010", "yes", "1:30", "0o7", "1e5", "2001-01-01", "~", "<<", ".inf", ""])
def test_text_that_either_version_reads_as_something_else_comes_back_as_text(text: str) -> None:
    written = write_yaml({"t": text})
    assert read_yaml(written, "here") == {"t": text}
    assert yaml.safe_load(written) == {"t": text}
