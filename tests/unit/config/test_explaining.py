"""A configuration that is wrong is told where, what is there, and what was probably meant."""

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from ttscale.config.explaining import explain, refuse_truth_for_numbers
from ttscale.errors import ConfigError


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    size: int = 1
    names: tuple[str, ...] = ()


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    path: str
    inner: Inner = Inner()
    many: tuple[Inner, ...] = ()


def told(given: object, prefix: str = "") -> str:
    with pytest.raises(ValidationError) as error:
        Outer.model_validate(given)
    return explain(error.value, Outer, prefix)


def test_a_typo_is_told_with_its_place_and_what_was_meant() -> None:
    words = told({"path": "p", "inner": {"szie": 2}})
    assert "unknown key 'inner.szie'. Did you mean 'size'?" in words
    assert "Known: names, size" in words


def test_the_names_of_a_list_are_those_of_its_members() -> None:
    assert "unknown key 'many.1.name'. Did you mean 'names'?" in told(
        {"path": "p", "many": [{}, {"name": []}]}
    )


def test_what_lacks_is_named_below_its_section() -> None:
    assert told({}, "model") == "'model.path' is missing."


def test_where_only_quotes_or_brackets_lack_they_are_shown() -> None:
    assert 'Quote it: path: "8"' in told({"path": 8})
    assert 'Quote it: path: "true"' in told({"path": True})
    assert 'Write a list: names: ["a"]' in told({"path": "p", "inner": {"names": "a"}})


def test_every_error_is_told_and_long_values_are_cut() -> None:
    words = told({"path": "p", "inner": {"size": "x" * 10_000}, "other": 1})
    assert "unknown key 'other'" in words
    assert len(words) < 1000


@pytest.mark.parametrize(
    ("given", "place"),
    [({"inner": {"size": True}}, "inner.size"), ({"many": [{}, {"size": False}]}, "many.1.size")],
)
def test_a_truth_is_no_number(given: dict[str, object], place: str) -> None:
    read = Outer.model_validate({"path": "p", **given})
    with pytest.raises(ConfigError, match=f"'{place}' is (true|false), but should be a number"):
        refuse_truth_for_numbers({"path": "p", **given}, read)
