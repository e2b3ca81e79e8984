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
        evidence = rng.normal(0, 3, len(MODELS))
        return View(s, float(solved), 20 - solved, 20, evidence, chance, points, beta=float(rng.normal()))

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
        if name.startswith("network"):  # takes minutes to teach
            continue
        before, after = script.left_out(rule, seen), script.left_out(rule, other)
        assert before["second"] == after["second"], name
        if teacher == "other benchmarks" and name != "parts chosen, then equal":
            assert before["first"] != after["first"], name


def test_benchmarks_count_alike_however_many_prefixes_they_have(script: ModuleType) -> None:
    seen = rows(script)
    weight = script._shares([*seen, *seen[:2]])
    assert weight.sum() == pytest.approx(1.0)
    assert [sum(w for w, r in zip(weight, [*seen, *seen[:2]], strict=True) if r.benchmark == name) for name in ("first", "second")] == pytest.approx([1 / 3, 1 / 3])  # fmt: skip


def test_a_rule_is_chosen_without_the_benchmark_that_it_is_scored_on(script: ModuleType) -> None:
    import forecast_nested

    rng, names = np.random.default_rng(1), ("first", "second", "simulated")
    table = {rule: dict(zip(names, rng.random(3), strict=True)) for rule in forecast_nested.CANDIDATES}
    best = forecast_nested.chosen(table, "second")
    assert best == min(table, key=lambda rule: table[rule]["first"] + table[rule]["simulated"])
    other = {rule: errors | {"second": rng.random()} for rule, errors in table.items()}
    assert forecast_nested.chosen(other, "second") == best
    assert len(set(forecast_nested.CANDIDATES)) == len(forecast_nested.CANDIDATES) >= 12


def test_the_default_candidate_is_what_a_forecast_shows(script: ModuleType) -> None:
    import forecast_members
    from forecast_nested import DEFAULT, Candidate

    from ttscale.stats.counts.counts import counts
    from ttscale.stats.forecast.forecasting import forecast

    rng = np.random.default_rng(3)
    p = np.where(rng.random(100) < 0.5, rng.beta(8, 2, 100), rng.beta(0.3, 30.0, 100))
    drawn = counts(100, rng.binomial(100, p))
    view = forecast_members.View(**{
        name: np.array(value) if name in ("evidence", "chance") else value
        for name, value in forecast_members._view(drawn, 10_000).items()
    })  # fmt: skip
    row = forecast_members._row("one", "-", 0.9, view)
    shown = float(forecast(drawn.n, drawn.c, 10_000).curve.value[0])
    assert DEFAULT(row) == pytest.approx(shown, abs=0.004)  # fewer draws, in 64 quantiles
    assert abs(Candidate("in full", "nothing")(row) - shown) > 0.01


def test_the_chance_of_other_problems_is_that_of_a_share(script: ModuleType) -> None:
    """A forecast that says nothing more falls: its error is the share that falls, and varies as one."""
    from forecast_nested import bootstrapped

    from ttscale.stats.counts.counts import counts

    passed = np.repeat([1.0, 1.0, 0.0], [40, 40, 120])
    drawn = counts(10, np.repeat([3, 0], [40, 160]))
    row = replace(rows(script)[0], drawn=drawn, passed=passed, k=100, truth=float(passed.mean()))
    found = bootstrapped([row], [0.2])
    assert found[0] == pytest.approx(0.2)
    assert found[1:].std() == pytest.approx(np.sqrt(0.2 * 0.8 / 200), rel=0.15)


def test_the_network_sees_no_order_and_learns_what_falls(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    import forecast_network

    from ttscale.stats.counts.counts import counts

    rng = np.random.default_rng(0)
    n, c = np.full(60, 50), rng.binomial(50, rng.beta(0.4, 4.0, 60))
    mixed = rng.permutation(60)
    looks = forecast_network.features(n, c, 1000)
    assert forecast_network.features(n, c[mixed], 1000) == pytest.approx(looks)
    monkeypatch.setattr(forecast_network, "SIMULATED", 3000)
    forecast_network._taught.cache_clear()
    first = rows(script)[0]
    few, many = (
        replace(first, drawn=counts(50, solved), k=k, view=replace(first.view, known=float(np.sum(solved > 0)), n_open=int(np.sum(solved == 0)), n_problems=60))
        for solved, k in ((c, 100), (c, 10_000))
    )  # fmt: skip
    near, far = forecast_network.network(others=False)([], [few, many])
    assert np.mean(c > 0) < near < far < 1.0
