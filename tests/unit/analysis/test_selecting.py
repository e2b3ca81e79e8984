"""Selectors by name, each with its verifier, and where every analysis shows one that is asked for."""

from pathlib import Path

import pytest
from stored_runs import make_run

from ttscale.analysis.budget.allocation import allocate
from ttscale.analysis.budget.pricing import Pricing
from ttscale.analysis.budget.view import BudgetSettings, budget_view
from ttscale.analysis.comparison.compare import ComparisonSettings, compare_verifiers
from ttscale.analysis.models.compare import ModelComparisonSettings, compare_models
from ttscale.analysis.reading.cell import RunReader, stored_config
from ttscale.analysis.reading.verified import seen_by, verifier_scores
from ttscale.analysis.run.analyze import analyze_run
from ttscale.analysis.selecting import named_selector, ways
from ttscale.config.models import AnalysisSettings
from ttscale.costs.amounts import parse_amount
from ttscale.errors import InvalidInputError
from ttscale.registry import BUILT_IN
from ttscale.stats.intervals.intervals import IntervalOptions
from ttscale.stats.selectors.averaging import curve
from ttscale.stats.selectors.ensemble import Ensemble
from ttscale.stats.selectors.voting import WeightedVote
from ttscale.store.run import RunStore


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    return make_run(tmp_path_factory.mktemp("selecting") / "run", n=8, n_problems=6)


def test_ways_stand_in_the_usual_order_each_with_every_verifier() -> None:
    found = ways(["first", "majority", "best", "best"], ["a", "b"])
    assert [way.label for way in found] == [
        "majority vote",
        "best by a",
        "best by b",
        "first accepted by a",
        "first accepted by b",
    ]
    assert [way.is_coverage for way in ways(list(BUILT_IN["selectors"]), ["a"])] == [True] + [False] * 5


@pytest.mark.parametrize("name", BUILT_IN["selectors"])
def test_a_selector_asks_for_a_verifier_exactly_where_it_goes_by_one(name: str) -> None:
    if named_selector(name).label("v") == named_selector(name).label():
        with pytest.raises(InvalidInputError, match="used by no selector"):
            ways([name], ["v"])
    else:
        with pytest.raises(InvalidInputError, match=f"'{name}' needs a verifier"):
            ways([name], [])


def test_one_selector_collects_the_same_in_the_run_the_comparison_and_the_budget(store: RunStore) -> None:
    more = AnalysisSettings.model_validate({"selectors": ["weighted", "first", "coverage"]})
    (cell,) = analyze_run(store, stored_config(store).model_copy(update={"analysis": more})).cells
    assert "first accepted by logprob" not in cell.selectors  # it accepts and rejects nothing
    judged = RunReader(store).cell(cell.cell, verifiers=["last-digit"]).verified()
    view = seen_by(judged.pools(), [verifier_scores(judged.frame, "last-digit")])
    (compared,) = compare_verifiers(store.path, ["last-digit"], settings=ComparisonSettings(k=(1, 4, 8)))
    picked = {one.name: one.curve for one in compared.verifiers[0].selections}
    for name, alone in (("weighted", "weighted vote"), ("first", "first accepted")):
        selector = named_selector(name)
        expected = curve(selector, view, [1, 4, 8], interval=IntervalOptions(rng=0))
        asked = BudgetSettings(
            selectors=(name,), verifiers=("last-digit",), spends=(parse_amount("24samples"),)
        )
        (spent,) = budget_view([store.path], settings=asked).spends
        assert spent.k == (8 if selector.stops_early else 4)  # what is not drawn is not paid
        of_run = cell.selectors[selector.label("last-digit")]
        for k, value in zip(expected.k, expected.value, strict=True):
            assert of_run.value[of_run.k == k] == pytest.approx(value, abs=1e-9)
            assert picked[alone].value[picked[alone].k == k] == pytest.approx(value, abs=1e-9)
        assert spent.value == pytest.approx(expected.value[expected.k == spent.k][0], abs=1e-9)
    assert cell.selectors["coverage"].value == pytest.approx(cell.coverage.value, abs=1e-12)


def test_a_selector_itself_will_do_in_place_of_its_name(store: RunStore) -> None:
    asked = {"verifiers": ("last-digit",), "spends": (parse_amount("24samples"),)}
    by_name = budget_view([store.path], settings=BudgetSettings(selectors=("majority", "weighted"), **asked))
    itself = budget_view(
        [store.path], settings=BudgetSettings(selectors=("majority", WeightedVote()), **asked)
    )
    assert [one.value for one in itself.spends] == [one.value for one in by_name.spends]
    rank = WeightedVote(scheme="rank")
    (compared,) = compare_verifiers(
        store.path, ["last-digit"], settings=ComparisonSettings(selectors=(rank,))
    )
    assert [one.name for one in compared.verifiers[0].selections] == [
        "best of k",
        "weighted vote",
        "first accepted",
    ]
    with pytest.raises(InvalidInputError, match="'weighted vote' needs a verifier"):
        ways([rank], [])


def test_a_simulated_vote_says_so_in_a_budget(tmp_path: Path) -> None:
    store = make_run(tmp_path / "run", n=20, n_problems=4)
    asked = BudgetSettings(
        selectors=("weighted",), verifiers=("logprob",), spends=(parse_amount("28samples"),)
    )
    first, again = (budget_view([store.path], settings=asked).spends[0] for _ in range(2))
    assert first.k == 7
    assert first.method.startswith("mean over random orders")
    assert first.value == again.value
    judged = RunReader(store).cell(store.cells()[0]).verified()
    assert isinstance(named_selector("weighted"), WeightedVote)
    assert (judged.logprob < 0).any()  # so that its sigmoid votes


def test_an_ensemble_is_one_way_with_all_verifiers_together() -> None:
    assert [one.label for one in ways(["ensemble", "best"], ["a", "b"])] == [
        "best by a",
        "best by b",
        "best by ensemble of a + b",
    ]


def test_an_ensemble_collects_the_same_in_the_run_the_comparison_and_the_budget(store: RunStore) -> None:
    more = AnalysisSettings.model_validate({"selectors": ["ensemble"]})
    (cell,) = analyze_run(store, stored_config(store).model_copy(update={"analysis": more})).cells
    label = "best by ensemble of logprob + last-digit"
    names = ("logprob", "last-digit")
    asked = BudgetSettings(selectors=("ensemble",), verifiers=names, spends=(parse_amount("24samples"),))
    view = budget_view([store.path], settings=asked)
    (spent,) = view.spends
    assert view.curves[0].selector == label
    of_run = cell.selectors[label]
    assert spent.value == pytest.approx(of_run.value[of_run.k == spent.k][0], abs=1e-9)
    assert any("needs problems with an answer key" in note for note in view.notes)
    how = ComparisonSettings(selectors=("ensemble",), k=(1, 4))
    (compared,) = compare_verifiers(store.path, ["last-digit"], settings=how)
    assert [one.name for one in compared.verifiers] == ["last-digit", "ensemble"]


def test_an_ensemble_is_priced_with_the_verdicts_of_all_its_verifiers(tmp_path: Path) -> None:
    store = make_run(tmp_path / "run", n=8, n_problems=6)
    seconds = {"exact": 0.5, "last-digit": 0.25}
    asked = {
        name: BudgetSettings(
            selectors=("best" if name != "both" else "ensemble",),
            verifiers=(name,) if name != "both" else tuple(seconds),
            pricing=Pricing(cost="seconds"),
        )
        for name in (*seconds, "both")
    }
    verification = {
        name: budget_view([store.path], settings=one).curves[0].verification_s for name, one in asked.items()
    }
    known = [verification[name] for name in seconds]
    assert verification["both"] == (sum(known) if None not in known else None)


def test_a_selector_that_cannot_tell_leaves_its_own_curve_out_and_says_why(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise InvalidInputError("Learning needs at least 2 problems.")

    monkeypatch.setattr(Ensemble, "values", refuse)
    more = AnalysisSettings.model_validate({"selectors": ["ensemble"]})
    (cell,) = analyze_run(store, stored_config(store).model_copy(update={"analysis": more})).cells
    assert list(cell.selectors) == ["majority vote", "best by logprob", "best by last-digit"]
    assert cell.skipped == (
        "'best by ensemble of logprob + last-digit' has no curve: Learning needs at least 2 problems.",
    )
    with pytest.raises(InvalidInputError, match="at least 2 problems"):
        budget_view([store.path], settings=BudgetSettings(selectors=("ensemble",), verifiers=("last-digit",)))


def test_an_ensemble_needs_verifiers() -> None:
    with pytest.raises(InvalidInputError, match="'ensemble' needs a verifier"):
        ways(["ensemble"], [])


def test_an_ensemble_can_be_allocated_for_and_models_compared_by_it(tmp_path: Path) -> None:
    store = make_run(
        tmp_path / "run",
        n=16,
        n_problems=12,
        cells={"one": {"sampling.seed": 1}, "two": {"sampling.seed": 2}},
    )
    names = ("logprob", "last-digit")
    settings = BudgetSettings(selectors=("ensemble",), verifiers=names)
    found = allocate([store.path], parse_amount("60samples"), settings=settings)
    assert found.selector == "best by ensemble of logprob + last-digit"
    assert 0 <= found.found.low <= found.found.coverage <= found.found.high <= 1
    (compared,) = compare_models(
        [store.path], settings=ModelComparisonSettings(selectors=("ensemble",), verifiers=names, k=(4,))
    )
    assert compared.ways[0].name == found.selector
    assert compared.ways[0].value.shape == (2, 1)
