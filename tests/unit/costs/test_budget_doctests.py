"""The examples in the docstrings of costs and budgets are true."""

import doctest
import importlib

import pytest

MODULES = (
    "ttscale.costs.amounts",
    "ttscale.costs.architecture",
    "ttscale.costs.contract",
    "ttscale.stats.decide.allocation",
    "ttscale.stats.decide.best_buy",
    "ttscale.stats.coverage.marginal",
    "ttscale.stats.forecast.outlook",
    "ttscale.stats.decide.pooled_selection",
    "ttscale.analysis.budget.choices",
    "ttscale.plots.cost",
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_are_true(name: str) -> None:
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted > 0
    assert not found.failed
