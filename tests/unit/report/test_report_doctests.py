"""The examples in the docstrings of plots and report are true."""

import doctest
import importlib
import pkgutil

import pytest

import ttscale.plots
import ttscale.report

MODULES = sorted(
    f"{package.__name__}.{module.name}"
    for package in (ttscale.plots, ttscale.report)
    for module in pkgutil.iter_modules(package.__path__)
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_run_as_written(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
