"""Attempts driven through a sampler: nothing lost, nothing asked twice, and plain where the strategy is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import toy_sampler
import yaml
from toy_sampler import ToySampler

import ttscale
from ttscale.errors import ConfigError, RunMismatchError, SamplerError, StrategyError
from ttscale.store.run import RunStore

CELL = "none-arithmetic"
REJECTING = {"name": "first-accepted", "attempts": 3, "verifier": "toy_sampler:CountsA"}
MANY_CALLS = [
    REJECTING,
    {"name": "rsa", "population": 4, "subset": 2, "steps": 3},
    {
        "name": "particles",
        "particles": 3,
        "verifier": "toy_sampler:CountsA",
        "step_tokens": 2,
        "step_stop": [],
    },
    {"name": "power", "alpha": 2, "moves": 4, "positions": 4, "max_tokens": 8},
    {"name": "budget-forcing", "waits": 1, "wait": "b", "force": "c", "cap": 3},
]


def name_of(strategy: dict[str, Any] | None) -> str:
    return "none" if strategy is None else str(strategy["name"])


def run(out: Path, strategy: Any, *, n: int = 12, problems: int = 4, **engine: Any) -> RunStore:
    tree: dict[str, Any] = {
        "model": {"path": "none", "engine": "toy_sampler:ToySampler", "engine_options": engine},
        "task": {"name": "arithmetic", "problems": problems},
        "sampling": {"n": n, "max_tokens": 8, "request_size": 5},
        "verifiers": ["exact"],
    }
    if strategy is not None:
        tree["strategy"] = strategy
    path = out.parent / f"{out.name}.yaml"
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")
    return ttscale.sample_run(ttscale.load_config(path, overrides=[f"out={out}"]))


def rows(store: RunStore) -> pl.DataFrame:
    return store.samples(CELL).collect().sort("problem_id", "sample_index")


@pytest.fixture(autouse=True)
def _no_calls_yet() -> Iterator[None]:
    ToySampler.n_calls = 0
    yield


def test_independent_is_plain_sampling_to_the_byte_and_keeps_no_journal(tmp_path: Path) -> None:
    plain, independent = run(tmp_path / "a", None), run(tmp_path / "b", "independent")
    assert rows(plain).equals(rows(independent))
    assert not list(independent.path.glob("calls/*/*.parquet"))


@pytest.mark.parametrize("strategy", MANY_CALLS, ids=name_of)
def test_an_attempt_does_not_depend_on_how_the_work_was_cut(strategy: dict[str, Any], tmp_path: Path) -> None:
    whole = run(tmp_path / "a", strategy)
    one_by_one = run(tmp_path / "b", strategy, in_flight=1)
    assert rows(whole).equals(rows(one_by_one))


@pytest.mark.parametrize("strategy", MANY_CALLS, ids=name_of)
def test_a_broken_run_goes_on_and_asks_for_nothing_twice(strategy: dict[str, Any], tmp_path: Path) -> None:
    undisturbed = run(tmp_path / "a", strategy)
    needed = ToySampler.n_calls
    ToySampler.n_calls = 0
    breaks = 0
    for most in range(needed // 5, needed, needed // 5):
        with pytest.raises(SamplerError, match="toy failure"):
            run(tmp_path / "b", strategy, fail_after=most)
        breaks += 1
        ToySampler.n_calls -= 1  # the call that broke brought nothing
    resumed = run(tmp_path / "b", strategy)
    assert breaks >= 3
    assert rows(resumed).equals(rows(undisturbed))
    assert ToySampler.n_calls <= needed + 64 * breaks  # at most what was in the engine at each break
    assert not resumed.calls(CELL).filter(pl.col("kind") == "end").collect().is_duplicated().any()


def test_raising_n_extends_and_leaves_what_is_there(tmp_path: Path) -> None:
    few = rows(run(tmp_path / "a", REJECTING, n=5))
    more = rows(run(tmp_path / "a", REJECTING, n=9))
    assert more.filter(pl.col("sample_index") < 5).equals(few)
    assert more.height == 4 * 9


def test_every_call_is_in_the_journal_and_the_sample_counts_all_of_them(tmp_path: Path) -> None:
    store = run(tmp_path / "a", REJECTING)
    calls = store.calls(CELL).collect()
    generated = (
        calls.filter(kind="generate")
        .group_by("problem_id", "sample_index")
        .agg(pl.col("completion_tokens").sum(), calls=pl.len())
    )
    joined = rows(store).join(generated, on=["problem_id", "sample_index"], suffix="_of_calls")
    assert joined.height == 48
    assert joined["completion_tokens"].to_list() == joined["completion_tokens_of_calls"].to_list()
    assert calls.filter(kind="generate").height == ToySampler.n_calls
    assert calls.filter(kind="judge").height == calls.filter(kind="generate").height
    assert calls.filter(kind="end").height == 48


def test_first_calls_have_the_seeds_of_plain_samples(tmp_path: Path) -> None:
    plain = rows(run(tmp_path / "a", None))
    first = run(tmp_path / "b", REJECTING).calls(CELL).filter(kind="generate", path="0").collect()
    assert first.sort("problem_id", "sample_index")["text"].to_list() == plain["completion"].to_list()


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("error", "it fails on that"),
        ("raise", "ZeroDivisionError: it fails on that"),
        ("nan", "score is NaN"),
        ("short", "0 verdicts for 1 candidates"),
    ],
)
def test_an_attempt_whose_verifier_fails_is_not_stored_and_made_again(
    how: str, says: str, tmp_path: Path
) -> None:
    failing = {**REJECTING, "verifier": {"name": "toy_sampler:CountsA", "fail_on": "bb", "how": how}}
    with pytest.raises(StrategyError, match=rf"failed inside .* attempts .*times: .*{says}"):
        run(tmp_path / "a", failing)
    kept = rows(RunStore(tmp_path / "a"))
    assert 0 < kept.height < 48
    before = ToySampler.n_calls
    with pytest.raises(StrategyError, match="failed inside"):
        run(tmp_path / "a", failing)
    assert ToySampler.n_calls - before < before  # what is recorded is not drawn again
    assert rows(RunStore(tmp_path / "a")).equals(kept)


REVISING = {"name": "refine", "turns": 3, "template": "{problem}{previous}{previous};"}


def test_a_call_beyond_the_context_ends_its_attempt_and_no_other(tmp_path: Path) -> None:
    whole = run(tmp_path / "a", REVISING)
    longest = {
        row[:2]: row[2]
        for row in whole.calls(CELL)
        .filter(kind="generate")
        .group_by("problem_id", "sample_index")
        .agg(pl.col("text").str.len_chars().sort_by("path").head(3).max())
        .collect()
        .iter_rows()
    }
    with pytest.raises(
        StrategyError, match=r"refused a call inside .* attempts of strategy 'refine'.*longer than 20"
    ):
        run(tmp_path / "b", REVISING, context=20)
    prompts = {problem.problem_id: len(problem.prompt or "") for problem in whole.problems(CELL)}
    fitting = {key for key, n in longest.items() if prompts[key[0]] + 2 * n + 1 <= 20}
    kept = rows(RunStore(tmp_path / "b"))
    assert {row[:2] for row in kept.select("problem_id", "sample_index").iter_rows()} == fitting
    assert 0 < kept.height < 48
    assert kept.equals(rows(whole).join(kept, on=["problem_id", "sample_index"], how="semi"))


class Endless:
    Options = toy_sampler.LetterOptions
    needs = frozenset()

    def __init__(self, options: Any) -> None:
        pass

    def attempt(self, problem, rng):
        from ttscale.strategies.contract import Generate

        while True:
            yield Generate()


class Raising(Endless):
    def attempt(self, problem, rng):
        from ttscale.strategies.contract import Generate

        yield Generate()
        raise ZeroDivisionError("a bug")


class Empty(Endless):
    def attempt(self, problem, rng):
        from ttscale.strategies.contract import Generate

        yield Generate(prompt="")


class Speechless(Endless):
    def attempt(self, problem, rng):
        from ttscale.strategies.contract import Generate

        yield Generate(messages=())


class Stingy(Endless):
    def attempt(self, problem, rng):
        from ttscale.strategies.contract import Generate

        yield [Generate(), Generate(max_tokens=0)]


class Aimless(Endless):
    def attempt(self, problem, rng):
        from ttscale.strategies.contract import Generate

        completion = yield Generate()
        return completion.text


@pytest.mark.parametrize(
    ("strategy", "says"),
    [
        ({"name": f"{__name__}:Endless", "most_calls": 50}, "more than 50 things"),
        (f"{__name__}:Raising", "broke at problem '0.*ZeroDivisionError: a bug"),
        (f"{__name__}:Empty", "empty prompt"),
        (f"{__name__}:Speechless", "empty prompt"),
        (f"{__name__}:Stingy", "at most 0 tokens at problem"),
        (f"{__name__}:Aimless", "returned str instead of an Attempt"),
    ],
)
def test_a_strategy_that_misbehaves_ends_in_one_clear_error(strategy: Any, says: str, tmp_path: Path) -> None:
    with pytest.raises(StrategyError, match=says):
        run(tmp_path / "a", strategy)


def test_an_oracle_inside_an_attempt_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"strategy\.verifier is 'numeric', which sees the answer key"):
        run(tmp_path / "a", {**REJECTING, "verifier": "numeric"})
    assert not list(tmp_path.glob("a/samples/*/*"))


def test_an_engine_that_serves_no_calls_is_refused_before_anything_is_drawn(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="draws whole samples only"):
        run_scripted(tmp_path / "a", REJECTING)


def run_scripted(out: Path, strategy: Any) -> None:
    path = out.parent / "scripted.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "model": {"path": "none", "engine": "scripted:ScriptedSampler"},
                "task": {"name": "arithmetic", "problems": 2},
                "sampling": {"n": 2},
                "strategy": strategy,
            }
        ),
        encoding="utf-8",
    )
    ttscale.sample_run(ttscale.load_config(path, overrides=[f"out={out}"]))


def test_another_option_in_the_same_directory_is_refused_with_its_key(tmp_path: Path) -> None:
    run(tmp_path / "a", REJECTING)
    with pytest.raises(RunMismatchError, match=r"strategy\.attempts: 3 stored, the default asked"):
        run(tmp_path / "a", {**REJECTING, "attempts": 4})


def test_a_torn_journal_is_set_aside_and_costs_its_calls_alone(tmp_path: Path) -> None:
    undisturbed = rows(run(tmp_path / "a", REJECTING))
    with pytest.raises(SamplerError):
        run(tmp_path / "b", REJECTING, fail_after=ToySampler.n_calls + 30)
    (segment, *_) = (tmp_path / "b").glob("calls/*/*.parquet")
    segment.write_bytes(segment.read_bytes()[:-20])
    assert rows(run(tmp_path / "b", REJECTING)).equals(undisturbed)
    assert list((tmp_path / "b" / "torn").iterdir())


def test_a_need_that_nothing_serves_is_said_with_what_would(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r".* needs another model: strategy\.target"):
        run(tmp_path / "a", f"{__name__}:Needy")
    assert not list(tmp_path.glob("a/samples/*/*"))


class Needy(Endless):
    needs = frozenset({"second-model"})
