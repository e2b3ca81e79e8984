"""Budgets of a stored run of two cells against numbers worked out from its samples."""

import html
from itertools import pairwise
from pathlib import Path

import budget_runs
import numpy as np
import pytest

from ttscale.analysis.budget.allocation import allocate
from ttscale.analysis.budget.arms import as_pilot, at_token_limits, on_shared_problems
from ttscale.analysis.budget.choices import priced_choices
from ttscale.analysis.budget.pricing import Pricing, choose_cost_model, with_facts
from ttscale.analysis.budget.questions import Inference
from ttscale.analysis.budget.reading_arms import read_arms
from ttscale.analysis.budget.view import BudgetSettings, Target, budget_view
from ttscale.analysis.selecting import ways
from ttscale.costs.amounts import parse_amount
from ttscale.errors import InvalidInputError, StoreError
from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.selectors.accepting import expected_draws, first_accepted
from ttscale.stats.selectors.selection import best_of_k

TOKENS = Pricing(cost="tokens")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return budget_runs.build_two_cells(tmp_path_factory.mktemp("two") / "run").path


def view(source: Path, **asked):
    return budget_view([source], settings=BudgetSettings(**asked))


def test_a_cell_is_an_arm_with_its_tokens_time_and_verification(run):
    arm = read_arms([run])[0]
    samples = arm.samples
    assert arm.model == "demo-arithmetic"
    assert (len(arm.n), arm.max_tokens, arm.usage.request_size) == (12, 100, 8)
    assert arm.facts.seconds_per_token == pytest.approx(budget_runs.SECONDS_PER_TOKEN)
    assert arm.facts.verification_s == pytest.approx(budget_runs.VERIFYING_S)
    assert (arm.facts.batch, arm.facts.device) == (16, "cpu")
    assert arm.usage.prompt_tokens.tolist() == [10.0] * 12
    assert np.bincount(samples.problem, weights=samples.correct).tolist() == arm.c.tolist()


def test_cost_and_value_are_those_of_k_samples_of_every_problem(run):
    arm = read_arms([run])[1]
    curve = view(run, pricing=TOKENS).curves[1]
    tokens = np.bincount(arm.samples.problem, weights=arm.samples.completion_tokens) / 40
    assert curve.cost == pytest.approx(10 + curve.k * tokens.mean())
    assert curve.value == pytest.approx(pass_at_k(arm.n, arm.c, curve.k).mean(axis=0))
    assert (curve.low <= curve.value).all()
    assert curve.k[-1] == 40


def test_seconds_are_the_sessions_own_and_include_verification(run):
    arm = read_arms([run])[0]
    curve = view(run, pricing=Pricing(cost="seconds")).curves[0]
    per_sample = 0.02 * arm.samples.completion_tokens.mean() + 0.25
    assert curve.cost == pytest.approx(curve.k * per_sample)
    votes = view(run, pricing=Pricing(cost="seconds"), selectors=("majority",)).curves[0]
    assert votes.cost[0] == pytest.approx(per_sample - 0.25)  # a vote needs no verification


def test_a_sum_buys_the_same_number_of_samples_of_every_problem(run):
    (first, second) = view(run, spends=(parse_amount("3000tokens"),)).spends
    arm = read_arms([run])[0]
    per_sample = arm.samples.completion_tokens.mean()
    assert first.k == int((3000 / 12 - 10) / per_sample)
    assert first.spent == pytest.approx(12 * (10 + first.k * per_sample))
    assert first.spent <= 3000
    assert first.value == pytest.approx(pass_at_k(arm.n, arm.c, first.k).mean())
    assert [first.best, second.best].count(True) == 1


def test_a_target_costs_what_its_samples_cost_and_its_interval_what_their_ends_cost(run):
    one = view(run, targets=(0.5,), pricing=TOKENS, inference=Inference(largest=500)).targets[1]
    line = view(run, pricing=TOKENS).curves[1].line
    assert one.cost == pytest.approx(12 * line.cost(one.reached.k))
    assert one.low == pytest.approx(12 * line.cost(one.reached.low))
    assert one.low <= one.cost <= (one.high or np.inf)


def test_selectors_equal_their_estimators_and_first_accepted_stops_paying(run):
    arm = read_arms([run], verifiers=["last-digit"])[0]
    found = view(run, selectors=("best", "first"), verifiers=("last-digit",), pricing=TOKENS)
    best, first = found.curves[0], found.curves[2]
    columns = arm.samples.verifiers["last-digit"]
    values = best_of_k(arm.samples.problem, columns.score, arm.samples.correct, best.k)
    assert best.value == pytest.approx(values.mean(axis=0))
    accepted = np.bincount(arm.samples.problem, weights=columns.accepted).astype(int)
    right = np.bincount(arm.samples.problem, weights=columns.accepted & arm.samples.correct).astype(int)
    assert first.value == pytest.approx(first_accepted(arm.n, accepted, right, first.k).mean(axis=0))
    tokens = np.bincount(arm.samples.problem, weights=arm.samples.completion_tokens) / 40
    draws = expected_draws(arm.n, accepted, first.k)
    assert first.cost == pytest.approx(10 + (draws * tokens[:, None]).mean(axis=0))
    assert first.cost[-1] < best.cost[-1]


def test_a_false_positive_ceiling_forbids_a_target(run):
    found = view(run, selectors=("first",), verifiers=("last-digit",), targets=(0.97,), pricing=TOKENS)
    for one in found.targets:
        assert one.cost is None
        assert "false positives" in one.why_not
        assert "ceiling" in one.why_not


def test_an_unreachable_coverage_says_what_the_forecast_reaches(run):
    how = Inference(largest=60)
    one = view(run, targets=(1.0,), pricing=TOKENS, inference=how).targets[0]
    assert one.reached.k is None
    assert one.verdict == ("not reachable" if one.reached.low is None else "unknown")
    assert "the forecast reaches 9" in one.why_not
    assert one.reached.extrapolates


def test_a_target_is_asked_of_what_it_names(run):
    both = {"selectors": ("coverage", "majority"), "pricing": TOKENS}
    wanted = (Target(0.5, "coverage"), Target(0.2, "selected accuracy"))
    found = view(run, targets=wanted, **both).targets
    assert [(one.label.rpartition(", ")[2], one.reached.target) for one in found] == [
        *[("coverage", 0.5)] * 2,
        *[("majority vote", 0.2)] * 2,
    ]
    assert len(view(run, targets=(0.5,), **both).targets) == 4  # a bare share is asked of all
    with pytest.raises(
        InvalidInputError, match=r"accuracy=0\.5 is a target of what a selector picks: give --selector"
    ):
        view(run, targets=(Target(0.5, "selected accuracy"),))
    with pytest.raises(InvalidInputError, match=r"coverage=0\.5 .* add coverage to --selector"):
        view(run, targets=(Target(0.5, "coverage"),), selectors=("majority",))


def test_a_notebook_and_a_terminal_show_curves_answers_and_caveats(run):
    found = view(run, targets=(0.5,), spends=(parse_amount("3000tokens"),), pricing=TOKENS)
    page = found._repr_html_()
    assert "<svg" in page
    for words in (
        "What a target costs",
        "What a sum reaches",
        "The best buy",
        "cost per problem, in",
        *map(html.escape, found.notes),
    ):
        assert words in page
    assert "What a target costs" in str(found)
    assert "50%" in str(found)
    assert "What a sum reaches" in str(found)
    assert "The best buy" in str(view(run, pricing=TOKENS))


def test_coverage_and_selected_accuracy_are_compared_apart(run):
    found = view(run, selectors=("coverage", "majority", "best"), verifiers=("logprob",), pricing=TOKENS)
    assert [group.metric for group in found.comparisons] == ["coverage", "selected accuracy"]
    assert [group.choices for group in found.comparisons] == [(0, 1), (2, 3, 4, 5)]
    for row in found.to_rows():
        assert {"question", "n_problems", "method"} <= row.keys(), row


def test_the_pareto_front_rises_and_holds_no_beaten_point(run):
    found = view(run, pricing=TOKENS)
    rows = found.pareto_rows()
    assert all(a["cost"] < b["cost"] and a["value"] < b["value"] for a, b in pairwise(rows))
    for curve in found.curves:
        for cost, value in zip(curve.cost, curve.value, strict=True):
            assert any(row["cost"] <= cost * (1 + 1e-12) and row["value"] >= value - 1e-12 for row in rows)


def test_saturation_and_the_best_number_of_samples_use_the_samples_own_price(run):
    found = view(
        run,
        selectors=("coverage", "first"),
        verifiers=("last-digit",),
        worth=parse_amount("400tokens"),
        wrong=parse_amount("400tokens"),
    )
    label, one = found.saturations[0]
    assert one.threshold == pytest.approx(found.curves[0].line.per_sample / 400)
    assert label == found.curves[0].label
    decision = found.decisions[0][1]
    assert 0 <= decision.low <= decision.k <= decision.high <= 40


def test_a_token_limit_reads_the_shorter_samples_off_the_longer_ones(run):
    arm = read_arms([run], verifiers=["last-digit"])[1]
    (short, full), notes = at_token_limits([arm], [60, 100])
    complete = arm.samples.completion_tokens <= 60
    assert (
        short.c.tolist() == np.bincount(arm.samples.problem, weights=arm.samples.correct & complete).tolist()
    )
    assert short.usage.completion_tokens.max() == 60
    assert full.c.tolist() == short.c.tolist()  # what was cut off at 100 counts as unsolved, too
    assert not short.samples.verifiers["last-digit"].accepted[~complete].any()
    assert (short.samples.answer_class[~complete] == -1).all()
    lucky = int((arm.samples.correct & ~complete).sum())
    assert f"{lucky} samples that were cut off are correct" in notes[1]


def test_a_pilot_keeps_that_many_samples_of_each_problem(run):
    arm = read_arms([run])[0]
    small = as_pilot(arm, 7, np.random.default_rng(0))
    assert small.n.tolist() == [7] * 12
    assert (small.c <= arm.c).all()
    assert len(small.samples.correct) == 84
    found = view(run, pilot=7, ahead=True, spends=(parse_amount("9000tokens"),))
    assert found.curves[0].n_min == 7
    assert found.curves[0].extrapolates.tolist() == (found.curves[0].k > 7).tolist()
    assert found.curves[0].extrapolates.any()
    assert "7 random samples" in found.notes[0]


def test_prompts_are_paid_per_request_of_the_size_that_was_run(run):
    curve = view(run, pricing=Pricing(cost="tokens", options={"prompt": "request"})).curves[0]
    assert curve.line.request_size == 8
    assert curve.line.cost(9) == pytest.approx(2 * 10 + 9 * curve.line.per_sample)


def test_an_arm_tells_its_tokens_its_speed_and_its_model(run):
    found = view(run, pricing=Pricing(cost="budget_runs:TwiceTheTokens"))
    one, arm = found.arms[0], read_arms([run])[0]
    assert one.completion_tokens == pytest.approx(arm.samples.completion_tokens.mean())
    assert (one.n_min, one.prompt_tokens, one.verification_s) == (40, 10.0, 0.25)
    assert one.tokens_per_s == pytest.approx(1 / 0.02)
    assert one.parameters == 1_774_272
    assert found.curves[0].cost == pytest.approx(
        2 * found.curves[0].k * one.completion_tokens
    )  # a plugin's price


def test_an_allocation_over_cells_beats_each_alone_where_they_differ(run):
    found = allocate([run], parse_amount("2500tokens"), settings=BudgetSettings(pricing=TOKENS)).found
    assert (found.k > 0).all()
    assert found.cost * 12 <= 2500 * (1 + 1e-9)
    assert found.gain > 0


def test_an_allocation_for_the_best_score_is_valued_on_the_other_half(run):
    settings = BudgetSettings(selectors=("best",), verifiers=("last-digit",), pricing=TOKENS)
    seen = allocate([run], parse_amount("2500tokens"), settings=settings)
    assert seen.selector == "best by last-digit"
    assert 0 < seen.found.low <= seen.found.coverage <= seen.found.high <= 1
    assert (seen.found.k <= 20).all()
    assert [row["question"] for row in seen.to_rows()] == ["arm", "arm", "allocation"]


# ---- bad input ----------------------------------------------------------------------------------


def test_runs_on_different_problems_are_compared_on_the_shared_ones_and_it_is_said(run, tmp_path):
    other = budget_runs.build_two_cells(tmp_path / "fewer", problems=range(2, 9)).path
    arms = read_arms([run, other])
    assert [arm.label.split(": ")[0] for arm in arms] == ["run", "run", "fewer", "fewer"]
    shared, notes = on_shared_problems(arms)
    assert {arm.problem_ids for arm in shared} == {tuple(f"p{i}" for i in range(2, 9))}
    assert shared[0].c.tolist() == arms[0].c[2:9].tolist()
    assert shared[0].samples.problem.tolist() == np.repeat(np.arange(7), 40).tolist()
    assert "7 problems that all of them have" in notes[0] and "5 of 12" in notes[0]


def test_runs_without_a_common_problem_are_refused(tmp_path):
    first = budget_runs.build_two_cells(tmp_path / "first", problems=range(4)).path
    second = budget_runs.build_two_cells(tmp_path / "second", problems=range(4, 8)).path
    with pytest.raises(InvalidInputError, match="share no problem"):
        budget_view([first, second])


def test_a_verifier_missing_from_one_run_is_named_with_the_fix(run, tmp_path):
    other = budget_runs.build_two_cells(tmp_path / "unchecked", checked=False).path
    with pytest.raises(
        StoreError,
        match=r"unchecked holds no verdicts of 'last-digit'.*ttscale verify .*unchecked --verifier",
    ):
        budget_view([run, other], settings=BudgetSettings(selectors=("best",), verifiers=("last-digit",)))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"targets": (1.5,)}, r"above 0 and at most 1 \(0.9 for 90 %\), but is 1.5"),
        ({"targets": (0.0,)}, "but is 0"),
        ({"spends": (parse_amount("1usd"), parse_amount("1tokens"))}, "tokens and usd, which cannot be compared"),
        ({"spends": (parse_amount("1usd"),), "pricing": TOKENS}, r"amount is in usd, but the cost model 'tokens' counts tokens"),
        ({"pricing": Pricing(cost="money")}, r"No price of 'demo-arithmetic' is known.*--price"),
        ({"pricing": Pricing(cost="joules")}, r"without its joules.*--cost-option watts"),
        ({"pricing": Pricing(cost="flop")}, "Did you mean 'flops'"),
        ({"pricing": Pricing(cost="tokens", options={"promt": "request"})}, "promt"),
        ({"pricing": Pricing(models={"other": "7e9"})}, "names 'other', which is no arm"),
        ({"selectors": ("best",)}, "needs a verifier"),
        ({"verifiers": ("last-digit",)}, "used by no selector"),
        ({"selectors": ("majorty",)}, r"Unknown selector 'majorty'. Did you mean 'majority'\?"),
        ({"selectors": ("first",), "verifiers": ("logprob",)}, "rejects no sample"),
        ({"selectors": ("majority",), "inference": Inference(over="samples")}, "coverage alone"),
        ({"limits": (101,)}, "at most 100 tokens: nothing is known of a limit of 101"),
        ({"pilot": 0}, "at least 1 sample"),
        ({"within": 2.0}, "give --target"),
        ({"wrong": parse_amount("1tokens")}, "give --worth and --selector first"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_with_the_fix(run, asked, message):
    with pytest.raises((InvalidInputError, LookupError, ValueError), match=message):
        view(run, **asked)


def test_tables_have_no_samples_to_select_from_and_need_tokens_for_flops(tmp_path):
    table = tmp_path / "counts.csv"
    table.write_text(
        "model,problem_id,n,c\n" + "".join(f"{m},{i},8,{i}\n" for m in ("A 7B", "B") for i in range(5))
    )
    for asked in ({"selectors": ("majority",)}, {"limits": (5,)}):
        with pytest.raises(InvalidInputError, match="table of counts"):
            budget_view([table], by=["model"], settings=BudgetSettings(**asked))
    with pytest.raises(
        InvalidInputError,
        match=r"cannot price 'B' without its model's size: give --model 'B=PATH'.*",
    ):
        budget_view(
            [table], by=["model"], settings=BudgetSettings(pricing=Pricing(cost="flops", tokens=(1, 9)))
        )
    with pytest.raises(InvalidInputError, match="Only one arm"):
        allocate([table_of_one(tmp_path)], parse_amount("9samples"))


def table_of_one(folder: Path) -> Path:
    path = folder / "one.csv"
    path.write_text("problem_id,n,c\na,4,1\nb,4,2\n")
    return path


def test_a_free_model_is_refused(run):
    free = Pricing(cost="money", price=None, prices_file=None)
    arms = with_facts(read_arms([run]), free)
    name, model = choose_cost_model(arms, free, [])
    assert name == "money"
    from dataclasses import replace

    from ttscale.costs.contract import Price

    nothing = [
        replace(arm, facts=replace(arm.facts, price=Price(name="p", prompt=0, completion=0))) for arm in arms
    ]
    with pytest.raises(InvalidInputError, match="costs 0 usd"):
        priced_choices(nothing, ways(["coverage"], []), model, name)


def test_token_columns_of_a_table_are_used(tmp_path):
    table = tmp_path / "counts.csv"
    table.write_text("problem_id,n,c,prompt_tokens,completion_tokens\na,4,1,10,100\nb,4,2,30,50\n")
    curve = budget_view([table]).curves[0]
    assert curve.line.unit == "tokens"
    assert curve.cost == pytest.approx(20 + 75 * curve.k)
