"""Caps on spending: never passed, spent as far as they reach, evenly over problems and cells, and counted across sessions."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from drawing import Notes
from hypothesis import given, settings
from hypothesis import strategies as st

from ttscale.config.cells import cells
from ttscale.config.loading import load_config
from ttscale.errors import ConfigError
from ttscale.pipeline.run import run, sample_run
from ttscale.pipeline.spending import Cap, _largest, caps_of, raised_evenly
from ttscale.store.run import RunStore, Session

CONFIG = """
model: {path: none, engine: "scripted:ScriptedSampler"}
task: {name: arithmetic, problems: 8}
sampling: {n: 100, max_tokens: 40, request_size: 4}
verifiers: [exact]
"""
PRICE = {"prompt_usd_per_million": 1.0, "completion_usd_per_million": 4.0}


@contextmanager
def written(folder: Path, text: str = CONFIG) -> Iterator[Path]:
    path = folder / "config.yaml"
    path.write_text(text)
    yield path


def drawn(folder: Path, *overrides: str, text: str = CONFIG) -> tuple[RunStore, list[str]]:
    with written(folder, text) as path:
        progress = Notes()
        store = sample_run(load_config(path, overrides, out=folder / "run"), progress)
    return store, progress.lines


def tokens(store: RunStore) -> int:
    return sum(session.completion_tokens for session in store.sessions())


@pytest.mark.parametrize("cap", [400, 1000, 1999])
def test_a_cap_on_tokens_is_nearly_reached_and_never_passed(tmp_path: Path, cap: int) -> None:
    store, notes = drawn(tmp_path, f"sampling.most_tokens={cap}")
    (cell,) = store.cells()
    spent = tokens(store)
    assert 0.8 * cap <= spent <= cap
    counts = store.counts(cell)
    assert max(counts.values()) - min(counts.values()) <= 1  # as many of every problem, but for the remainder
    assert f"took {spent:,} of {cap:,} tokens. Raise it" in notes[-1]
    assert len(store.sessions()) <= 6  # parts are few, or the engine would run empty again and again


def test_a_cap_that_is_not_reached_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    free, _ = drawn(tmp_path / "a")
    capped, notes = drawn(tmp_path / "b", "sampling.most_tokens=1000000", "sampling.most_seconds=3600")
    order = ["problem_id", "sample_index"]
    (cell,) = free.cells()
    both = [
        store.samples(cell).drop("session", strict=False).collect().sort(order) for store in (free, capped)
    ]
    assert both[0].equals(both[1])
    assert not [line for line in notes if "ends it" in line]


def test_a_raised_cap_goes_on_and_counts_what_was_spent(tmp_path: Path) -> None:
    store, _ = drawn(tmp_path, "sampling.most_tokens=500")
    first = tokens(store)
    again, _ = drawn(tmp_path, "sampling.most_tokens=500")
    assert tokens(again) == first
    further, _ = drawn(tmp_path, "sampling.most_tokens=900")
    assert first < tokens(further) <= 900
    whole, _ = drawn(tmp_path)
    (cell,) = whole.cells()
    assert set(whole.counts(cell).values()) == {100}


def test_the_cells_of_a_sweep_share_a_cap(tmp_path: Path) -> None:
    sweep = CONFIG + "sweep: {axes: {sampling.temperature: [0.5, 1.0, 1.5]}}\n"
    store, _ = drawn(tmp_path, "sampling.most_tokens=3000", text=sweep)
    sums = [sum(store.counts(cell).values()) for cell in store.cells()]
    assert len(sums) == 3
    assert max(sums) < 1.15 * min(sums)
    assert 0.85 * 3000 <= tokens(store) <= 3000


def test_what_a_finished_cell_leaves_goes_to_the_others(tmp_path: Path) -> None:
    sweep = CONFIG + "sweep: {axes: {sampling.n: [2, 100]}}\n"
    store, _ = drawn(tmp_path, "sampling.most_tokens=1500", text=sweep)
    small, large = sorted(sum(store.counts(cell).values()) for cell in store.cells())
    assert small == 16
    assert tokens(store) >= 0.85 * 1500
    assert large > 15 * small


def test_dollars_count_prompts_and_completions_at_the_servers_price(tmp_path: Path) -> None:
    priced = CONFIG.replace(
        'scripted:ScriptedSampler"', f'scripted:ScriptedSampler", engine_options: {{price: {PRICE}}}'
    )
    with written(tmp_path, priced) as path:
        config = load_config(path, ["sampling.most_usd=0.002"])
    (cap,) = caps_of(cells(config))
    session = Session(session="s", cell=cells(config)[0].name, started_at="", completion_tokens=300)
    assert cap.spent([session]) == pytest.approx(300 * 4e-6)
    billed = Session(session="s", cell="any", started_at="", completion_tokens=300, usage={"usd": 0.5})
    assert cap.spent([session, billed]) == pytest.approx(0.5 + 300 * 4e-6)


def test_dollars_are_capped_by_a_price_list_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text("none: {prompt: 0, completion: 1000}\n")
    monkeypatch.setenv("TTSCALE_PRICES", str(prices))
    store, notes = drawn(tmp_path, "sampling.most_usd=1.5")  # 1,500 tokens
    assert 0.8 * 1500 <= tokens(store) <= 1500
    assert "of 1.5 US dollars" in notes[-1]


def test_dollars_without_a_price_are_refused_before_anything_is_drawn(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"sampling.most_usd needs the price of 'none'.*TTSCALE_PRICES"):
        drawn(tmp_path, "sampling.most_usd=1")
    assert not (tmp_path / "run" / "samples").exists()


def test_time_ends_a_run(tmp_path: Path) -> None:
    slow = CONFIG.replace(
        'scripted:ScriptedSampler"', 'scripted:ScriptedSampler", engine_options: {seconds_per_request: 0.02}'
    )
    store, notes = drawn(tmp_path, "sampling.most_seconds=1.2", "sampling.n=10000", text=slow)
    spent = sum(session.seconds + session.start_s for session in store.sessions())
    assert 0.5 <= spent <= 2.5  # parts are as long as the last one's speed makes them
    assert "sampling.most_seconds ends it" in notes[-1]


def test_a_rule_that_stops_early_meets_a_cap_and_the_run_is_verified(tmp_path: Path) -> None:
    with written(tmp_path) as path:
        overrides = ["sampling.until={quantity: coverage, k: 4, width: 0.001}", "sampling.most_tokens=400"]
        store = run(load_config(path, overrides, out=tmp_path / "run"))
    (cell,) = store.cells()
    assert 0 < tokens(store) <= 400
    assert store.verdict_sets()[0].count(cell) == sum(store.counts(cell).values())


def test_processes_that_share_a_run_cannot_watch_a_cap(tmp_path: Path) -> None:
    with written(tmp_path) as path, pytest.raises(ConfigError, match="without --share"):
        sample_run(load_config(path, ["sampling.most_tokens=5"], out=tmp_path / "run"), share=True)


def test_cells_that_disagree_on_a_cap_are_refused(tmp_path: Path) -> None:
    sweep = CONFIG + "sweep: {axes: {sampling.most_tokens: [5, 500]}}\n"
    with (
        written(tmp_path, sweep) as path,
        pytest.raises(ConfigError, match=r"holds for the whole run.*5, 500"),
    ):
        caps_of(cells(load_config(path)))


@given(room=st.floats(0, 1e9), mean=st.floats(0.01, 1e5), caution=st.floats(0, 1e6))
@settings(max_examples=200)
def test_the_largest_part_fits_and_one_more_does_not(room: float, mean: float, caution: float) -> None:
    def cost(n: int) -> float:
        return n * mean + caution * n**0.5

    n = _largest(room, mean, caution)
    assert n == 0 or cost(n) <= room * (1 + 1e-9) + 1e-9
    assert cost(n + 1) >= room * (1 - 1e-9) - 1e-9


@pytest.mark.parametrize("room", [1, 7, 8, 9, 100, 799, 800, 5000])
def test_problems_are_raised_evenly_to_exactly_the_room(tmp_path: Path, room: int) -> None:
    store = RunStore(tmp_path)
    targets: dict[str, Any] = {f"p{i}": 100 for i in range(8)}
    part = raised_evenly(store, "c", targets, room)
    assert sum(part.values()) == min(room, 800)
    assert max(part.values()) - min(part.values()) <= 1


def test_what_a_cap_says_of_itself() -> None:
    assert Cap("most_tokens", 10_000, {}).told(9_950) == "9,950 of 10,000 tokens"
    assert Cap("most_usd", 5, {}).told(1.25) == "1.25 of 5 US dollars"
    assert Cap("most_seconds", 60, {}).told(30.02) == "30.02 of 60 seconds"


def test_a_budget_uses_the_servers_own_price(tmp_path: Path) -> None:
    from ttscale.analysis.budget.pricing import Pricing, with_facts
    from ttscale.analysis.budget.reading_arms import read_arms

    priced = CONFIG.replace(
        'scripted:ScriptedSampler"', f'scripted:ScriptedSampler", engine_options: {{price: {PRICE}}}'
    )
    with written(tmp_path, priced) as path:
        run(load_config(path, ["sampling.n=8"], out=tmp_path / "run"))
    (arm,) = with_facts(read_arms([tmp_path / "run"]), Pricing())
    assert arm.facts.price is not None
    assert (arm.facts.price.prompt, arm.facts.price.completion) == (1.0, 4.0)
