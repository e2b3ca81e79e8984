"""The journal of a cell: how many calls were made, whole, torn and absent."""

from pathlib import Path

import pytest
from strategy_runs import strategy_run

from ttscale.analysis.run.analyze import analyze_run
from ttscale.errors import TornSegmentWarning
from ttscale.store.calls import n_calls


def test_calls_are_counted_as_the_attempts_made_them(tmp_path: Path) -> None:
    strategies = {"plain": "independent", "refine": {"name": "refine", "turns": 2}}
    store = strategy_run(tmp_path / "run", strategies, n=3, problems=2)
    assert n_calls(store.calls_folder("plain")) is None
    made = n_calls(store.calls_folder("refine"))
    assert made == store.calls("refine").filter(kind="generate").collect().height
    assert made is not None
    assert made > 6  # a second turn costs a call
    told = {cell.cell: cell.totals for cell in analyze_run(store).cells}
    assert told["plain"].per_attempt is None
    assert told["refine"].calls == made
    assert (told["refine"].per_attempt or "").startswith(f"An attempt takes {made / 6:.3g} calls and ")


def test_a_torn_segment_counts_for_nothing(tmp_path: Path) -> None:
    store = strategy_run(tmp_path / "run", {"refine": {"name": "refine", "turns": 2}}, n=2, problems=2)
    folder = store.calls_folder("refine")
    for path in folder.glob("*.parquet"):
        path.write_bytes(path.read_bytes()[:50])
    with pytest.warns(TornSegmentWarning):
        assert n_calls(folder) is None
