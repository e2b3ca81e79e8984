"""A fitted law in words: typeset, plain, at the edge of a range, and not at all where the search found no numbers."""

from dataclasses import replace

import numpy as np
import pytest

from ttscale.report.laws import law_formula, law_parameters, law_sentence, listed_parameters, usable_law
from ttscale.stats.counts.counts import counts
from ttscale.stats.laws.fitting import LawFit, fit_law


@pytest.fixture(scope="module")
def fit() -> LawFit:
    data = counts([32] * 30, np.resize([0, 1, 2, 4, 9, 20, 32], 30))
    return fit_law("log-log", data.n, data.c)


class Cell:
    """What is looked at of a cell."""

    def __init__(self, law: LawFit | None) -> None:
        self.law = law


def test_a_law_with_a_short_formula_is_written_out_and_others_by_name(fit: LawFit) -> None:
    assert law_formula(fit) == "exp(−a k⁻ᵇ)"
    assert law_formula(fit, typeset=False) == "exp(-a k^-b)"
    assert law_formula(replace(fit, law="kumaraswamy")) == "kumaraswamy"


def test_every_parameter_has_its_interval_and_says_where_it_lies_at_an_edge(fit: LawFit) -> None:
    assert [name for name, _ in law_parameters(fit)] == ["a", "b"]
    text = str(listed_parameters(fit))
    assert text.startswith("a = ") and ", b = " in text and text.count("[") == 2
    edge = replace(fit, params={"a": replace(fit.params["a"], at_bound=True)})
    assert str(listed_parameters(edge)).endswith(" (at the edge of its range)")


def test_a_fit_that_did_not_converge_says_so_in_its_sentence(fit: LawFit) -> None:
    assert law_sentence(fit).startswith("coverage(k) ~ exp(-a k^-b), a = ")
    failed = replace(fit, converged=False, status="it ran out of steps")
    assert law_sentence(failed).endswith("(did not converge: it ran out of steps)")


def test_a_law_without_numbers_is_none(fit: LawFit) -> None:
    assert usable_law(Cell(fit)) is fit  # type: ignore[arg-type]
    assert usable_law(Cell(None)) is None  # type: ignore[arg-type]
    lost = replace(fit, params={"a": replace(fit.params["a"], value=float("nan"))})
    assert usable_law(Cell(lost)) is None  # type: ignore[arg-type]
