"""Outputs agree as in EvalPlus."""

import math

import pytest

from ttscale.verifiers.code.inside.given import agrees


@pytest.mark.parametrize(
    ("output", "expected", "atol", "right"),
    [
        (1, 1, 0, True), (1, 2, 0, False), (1.0 + 5e-7, 1.0, 0, True), (1.0 + 5e-6, 1.0, 0, False), (1.00001, 1.0, 1e-4, True),
        ([1.0, 2.0 + 1e-7], [1.0, 2.0], 0, True), ([1.0], [1.0, 2.0], 0, False), ((1.0 + 1e-8,), [1.0], 0, False), (None, 1.0, 0, False),
        ("a", "a", 0, True), (math.nan, math.nan, 0, True), (math.nan, 1.0, 0, False), (1, 1.0, 0, True), (math.inf, math.inf, 0, True),
    ],
)  # fmt: skip
def test_outputs_agree_as_in_evalplus(output: object, expected: object, atol: float, right: bool) -> None:
    assert agrees(output, expected, atol) is right
