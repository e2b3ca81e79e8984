"""Names from foreign files become names of folders inside the run, and stay apart."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ttscale.exchange.contract import CellKey
from ttscale.exchange.naming import cell_name, safe_name, short_hash


@settings(deadline=None)
@given(st.text(max_size=300))
def test_a_name_is_one_plain_component(text: str) -> None:
    name = safe_name(text)
    assert 0 < len(name) <= 100
    assert Path("run", name).resolve().parent == Path("run").resolve()
    assert name == safe_name(text)
    assert not name.startswith((".", "-"))


@pytest.mark.parametrize("text", ["..", ".", "", "/", "\x00", "///"])
def test_a_name_of_nothing_is_unnamed(text: str) -> None:
    assert safe_name(text) == "unnamed"


def test_long_names_that_begin_alike_stay_apart() -> None:
    assert safe_name("x" * 200 + "a") != safe_name("x" * 200 + "b")


def test_a_cell_is_named_after_its_model_task_and_settings() -> None:
    key = CellKey("/models/org/m@1", "gsm8k", (("sampling.temperature", 0.8), ("sampling.n", 4)))
    assert cell_name(key) == "m-1-gsm8k-temperature-0.8-n-4"


def test_half_a_surrogate_pair_can_be_hashed() -> None:
    assert len(short_hash("\ud800")) == 8
    assert short_hash("a") != short_hash("b")
