"""The examples in the docstrings of costs and budgets are true."""

import doctest
import importlib

import pytest

MODULES = (
    "ttscale.costs.amounts",
    "ttscale.costs.architecture",
    "ttscale.costs.contract",
    "ttscale.stats.allocation",
    "ttscale.stats.best_buy",
    "ttscale.stats.marginal",
    "ttscale.stats.outlook",
    "ttscale.stats.pooled_selection",
    "ttscale.analysis.budget_choices",
    "ttscale.plots.cost",
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_are_true(name: str) -> None:
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted > 0
    assert not found.failed
