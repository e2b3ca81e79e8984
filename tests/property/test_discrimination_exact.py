"""AUROC and agreement equal brute force in exact fractions, and their symmetries hold."""

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ttscale.stats.selectors.agreement import agreement
from ttscale.stats.verifiers.discrimination import auroc, within_problem_auroc


@st.composite
def judged(draw: st.DrawFn):
    size = draw(st.integers(2, 14))
    column = lambda element: draw(st.lists(element, min_size=size, max_size=size))  # noqa: E731
    number = np.unique(column(st.integers(0, 3)), return_inverse=True)[1]
    return number, np.array(column(st.integers(-3, 3)), float), np.array(column(st.booleans()))


def area(score: np.ndarray, correct: np.ndarray) -> Fraction | None:
    pairs = [(a, b) for a in score[correct] for b in score[~correct]]
    wins = sum(Fraction(1) if a > b else Fraction(1, 2) if a == b else Fraction(0) for a, b in pairs)
    return wins / len(pairs) if pairs else None


def agrees(value: float, exact: Fraction | None) -> bool:
    return np.isnan(value) if exact is None else abs(value - float(exact)) < 1e-12


@given(judged())
@settings(max_examples=200, deadline=None)
def test_auroc_is_the_share_of_pairs_in_the_right_order(data) -> None:
    problem, score, correct = data
    assert agrees(auroc(problem, score, correct).value, area(score, correct))
    within = [area(score[problem == i], correct[problem == i]) for i in range(problem.max() + 1)]
    known = [one for one in within if one is not None]
    expected = sum(known, Fraction(0)) / len(known) if known else None
    assert agrees(within_problem_auroc(problem, score, correct).value, expected)


@given(judged(), st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_auroc_ignores_order_and_monotone_scales_and_mirrors(data, seed) -> None:
    problem, score, correct = data
    plain = auroc(problem, score, correct)
    order = np.random.default_rng(seed).permutation(len(score))
    moved = auroc(problem[order], np.exp(score[order]), correct[order])
    mirrored = auroc(problem, -score, correct)
    np.testing.assert_allclose(
        [moved.value, moved.low, moved.high], [plain.value, plain.low, plain.high], atol=1e-12
    )
    np.testing.assert_allclose(mirrored.value, 1 - plain.value, atol=1e-12)
    if not np.isnan(plain.value):
        assert 0 <= plain.low <= plain.value <= plain.high <= 1
        np.testing.assert_allclose([mirrored.low, mirrored.high], [1 - plain.high, 1 - plain.low], atol=1e-9)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(-1, 2)), min_size=1, max_size=12))
def test_agreement_is_the_share_of_equal_others(rows) -> None:
    problem, answer = np.array(rows).T
    for j, share in enumerate(agreement(problem, answer)):
        others = [i for i in range(len(rows)) if i != j and problem[i] == problem[j]]
        equal = sum(answer[i] == answer[j] != -1 for i in others)
        assert share == (equal / len(others) if others else 0.0)
