"""What verdicts of models cost, cells that are not verified yet, and budgets that are valued once."""

from collections import Counter
from pathlib import Path

import budget_runs
import numpy as np
import polars as pl
import pytest

from ttscale.analysis.budget.pricing import Pricing
from ttscale.analysis.budget.runs import price_runs
from ttscale.analysis.budget.view import BudgetSettings, budget_view
from ttscale.costs.amounts import parse_amount
from ttscale.costs.contract import Price
from ttscale.errors import InvalidInputError, StoreError
from ttscale.stats.selectors.voting import MajorityVote
from ttscale.store.inventory import delete
from ttscale.store.run import RunStore
from ttscale.store.verdicts import VERDICT_SCHEMA, VerdictSetInfo

READ, WROTE = 300, 20
SIZE = 1e9
BEST = {"selectors": ("best",), "verifiers": ("judge",)}


def keep_verdicts(store: RunStore, info: VerdictSetInfo, tokens: tuple[int | None, int | None]) -> None:
    """Let a verifier score every sample at its index, for so many tokens; of sample 0 they are unknown."""
    for cell in store.cells():
        keys = store.samples(cell).select("problem_id", "sample_index").collect()
        rows = [
            {"cell": cell, "problem_id": problem, "sample_index": index, "outcome": "scored", "score": float(index),
             "seconds": 0.5, **dict(zip(("prompt_tokens", "completion_tokens"), tokens if index else (None, None), strict=True))}
            for problem, index in keys.rows()
        ]  # fmt: skip
        store.verdict_set(info).write(cell, pl.DataFrame(rows, schema=VERDICT_SCHEMA), "v1")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = budget_runs.build_two_cells(tmp_path_factory.mktemp("judged") / "run")
    with store.writing():
        judge = VerdictSetInfo(verifier="judge", version="1", options={"model": "grader"}, sees_answer=False)
        keep_verdicts(store, judge, (READ, WROTE))
        reader = VerdictSetInfo(
            verifier="reward-model", version="1", options={"path": "reader"}, sees_answer=False
        )
        keep_verdicts(store, reader, (None, None))
    return store.path


def per_sample(run: Path, **asked) -> float:
    return budget_view([run], settings=BudgetSettings(**asked)).curves[0].line.per_sample


def test_a_judges_tokens_are_paid_with_every_sample_of_the_selector_that_needs_it(run):
    tokens = Pricing(cost="tokens")
    alone = per_sample(run, pricing=tokens)
    assert per_sample(run, pricing=tokens, **BEST) == pytest.approx(alone + READ + WROTE)
    assert per_sample(run, pricing=tokens, selectors=("majority",)) == pytest.approx(alone)
    first = {"selectors": ("first",), "verifiers": ("last-digit",)}  # a program reads no tokens
    assert per_sample(run, pricing=tokens, **first) == pytest.approx(alone)


def test_a_judges_flops_are_passes_of_its_own_model(run):
    alone = per_sample(run, pricing=Pricing(cost="flops", models={"demo-arithmetic": "1e6"}))
    sizes = Pricing(cost="flops", models={"judge": "1e9", "demo-arithmetic": "1e6"})
    assert per_sample(run, pricing=sizes, **BEST) == pytest.approx(alone + 2 * SIZE * (READ + WROTE))
    by_model = Pricing(cost="flops", models={"grader": "1e9", "demo-arithmetic": "1e6"})
    assert per_sample(run, pricing=by_model, **BEST) == per_sample(run, pricing=sizes, **BEST)


def test_a_judges_money_is_at_its_own_prices(run, tmp_path):
    prices = tmp_path / "prices.yaml"
    prices.write_text(
        "demo-arithmetic: {prompt: 1, completion: 2}\ngrader: {prompt: 10, cached_prompt: 1, completion: 50}\n"
    )
    money = Pricing(cost="money", prices_file=prices)
    verdict = (READ * 10 + WROTE * 50) / 1e6  # no verdict's prompt was sent before
    assert per_sample(run, pricing=money, **BEST) == pytest.approx(per_sample(run, pricing=money) + verdict)


def test_measured_seconds_already_hold_the_verdicts(run):
    seconds = Pricing(cost="seconds")
    votes = per_sample(run, pricing=seconds, selectors=("majority",))
    assert per_sample(run, pricing=seconds, **BEST) == pytest.approx(votes + 0.5)


def test_a_reward_model_without_recorded_tokens_reads_prompt_and_sample_and_it_is_said(run):
    asked = {"pricing": Pricing(cost="tokens"), "selectors": ("best",), "verifiers": ("reward-model",)}
    alone = per_sample(run, pricing=Pricing(cost="tokens"))
    assert per_sample(run, **asked) == pytest.approx(alone + budget_runs.PROMPT_TOKENS + alone)
    assert any(
        "as many as its samples have" in note
        for note in budget_view([run], settings=BudgetSettings(**asked)).notes
    )


def test_a_judge_of_unknown_size_or_price_is_named_with_the_fix(run):
    with pytest.raises(
        InvalidInputError, match=r"part of 'judge' .* size of its model: give --model 'judge=7e9'"
    ):
        per_sample(run, pricing=Pricing(cost="flops"), **BEST)
    one_price = Pricing(cost="money", price=Price(name="--price", prompt=1, completion=2))
    with pytest.raises(InvalidInputError, match=r"--prices that has an entry 'judge'"):
        per_sample(run, pricing=one_price, **BEST)
    assert budget_view([run], settings=BudgetSettings(**BEST)).cost_model == "tokens"  # FLOPs are not known


def test_cells_that_can_be_priced_are_and_the_others_are_named(tmp_path):
    store = budget_runs.build_two_cells(tmp_path / "half")
    first, second = store.cells()
    for verdicts in store.verdict_sets():
        delete([verdicts.folder / first])
    view = budget_view([store.path])
    assert [arm.label for arm in view.arms] == [second]
    assert any(f"Cell '{first}' is left out: No verdicts of an oracle" in note for note in view.notes)
    priced = price_runs([store.path])
    assert [arm.label for task in priced.tasks for arm in task.view.arms] == [second]
    assert any(first in note for note in priced.notes)
    for verdicts in store.verdict_sets():
        delete([verdicts.folder / second])
    with pytest.raises(StoreError, match="No verdicts of an oracle"):
        budget_view([store.path])


def test_no_budget_of_a_vote_is_counted_twice(run, monkeypatch):
    counted: Counter[int] = Counter()
    exact = MajorityVote.values

    def counting(self, pools, k, *, rng=None):
        counted.update(np.asarray(k).tolist())
        return exact(self, pools, k, rng=rng)

    monkeypatch.setattr(MajorityVote, "values", counting)
    asked = BudgetSettings(
        selectors=("majority",),
        targets=(0.2, 0.9),
        spends=(parse_amount("3000tokens"), parse_amount("1e4tokens")),
    )
    budget_view([run], settings=asked)
    assert max(counted.values()) == 2  # once for each of the two cells
