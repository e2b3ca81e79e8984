"""The examples in docstrings are true."""

import doctest
import importlib
import warnings
from pathlib import Path

import pytest

import ttscale.errors

PACKAGE = Path(ttscale.__file__).parent
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_are_true(name: str) -> None:
    module = importlib.import_module(name)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", ttscale.errors.TtscaleWarning
        )  # what an example warns of is its reader's
        found = doctest.testmod(module)
    assert found.attempted > 0
    assert not found.failed
