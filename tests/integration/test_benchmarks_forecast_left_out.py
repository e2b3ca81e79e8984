"""What is learnt for a benchmark that was left out is learnt without it."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
from tests_paths import ROOT


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        import forecast_left_out

        yield forecast_left_out
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))


def rows(script: ModuleType) -> list:
    """Three benchmarks of four prefixes; what members say of them is random, and so is what came."""
    from forecast_members import MODELS, View

    rng = np.random.default_rng(0)

    def view(s: int) -> View:
        solved = int(rng.integers(2, 10))
        chance = np.sort(rng.random((len(MODELS), 64)), axis=1)
        points = {law: float(rng.uniform(solved / 20, 1)) for law in script.LAWS}
        return View(s, float(solved), 20 - solved, 20, rng.normal(0, 3, len(MODELS)), chance, points)

    def row(name: str, s: int) -> object:
        one, nested = view(s), (view(s // 4), view(s // 2))
        said = dict.fromkeys((*script.LAWS, *script.MEANS), 0.5)
        return script.Row(
            name, "-", s, float(rng.uniform(0.5, 1)), one, nested, one.parts(one.weights()), said
        )

    return [row(name, s) for name in ("first", "second", "third") for s in (32, 32, 100, 100)]


def test_no_rule_sees_what_came_on_the_benchmark_it_is_scored_on(script: ModuleType) -> None:
    seen = rows(script)
    other = [replace(row, truth=1.0 - row.truth / 2) if row.benchmark == "second" else row for row in seen]
    for name, (teacher, rule) in script.RULES.items():
        before, after = script.left_out(rule, seen), script.left_out(rule, other)
        assert before["second"] == after["second"], name
        if teacher == "other benchmarks" and name != "parts chosen, then equal":
            assert before["first"] != after["first"], name


def test_benchmarks_count_alike_however_many_prefixes_they_have(script: ModuleType) -> None:
    seen = rows(script)
    weight = script._shares([*seen, *seen[:2]])
    assert weight.sum() == pytest.approx(1.0)
    assert [sum(w for w, r in zip(weight, [*seen, *seen[:2]], strict=True) if r.benchmark == name) for name in ("first", "second")] == pytest.approx([1 / 3, 1 / 3])  # fmt: skip
