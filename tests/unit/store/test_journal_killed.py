"""A kill, and a disk that fills, between steps of attempts and their journal: run again, all is as if nothing had happened."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from killing import KilledError, disk_is_full, killed_after

from ttscale.config.loading import check_config
from ttscale.errors import StoreError, TtscaleError
from ttscale.pipeline.checking import check_rows
from ttscale.pipeline.run import sample_run
from ttscale.store.inventory import all_gone
from ttscale.store.run import RunStore
from ttscale.store.writer import SegmentWriter

SCORED = {"verifier": "toy_sampler:CountsA"}
STRATEGIES: dict[str, dict[str, Any]] = {
    "first-accepted": {"attempts": 3, **SCORED},
    "rsa": {"population": 4, "subset": 2, "steps": 2},
    "particles": {"particles": 3, "step_tokens": 2, "step_stop": [], **SCORED},
}
STRIDE = 41
"""Steps between the moments that are tried: all of them take minutes."""
SAID = ["path", "kind", "role", "seed", "prefix", "text", "finish_reason", "completion_tokens", "outcome"]
KEY = ["problem_id", "sample_index"]


@pytest.fixture(autouse=True)
def _every_row_is_stored_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal's segment is due after half a second: these runs are over before."""
    begun = SegmentWriter.__init__
    monkeypatch.setattr(
        SegmentWriter,
        "__init__",
        lambda self, *given, **named: begun(self, *given, **named | {"flush_rows": 1}),
    )


def drawn(out: Path, strategy: str) -> RunStore:
    sample_run(
        check_config(
            {
                "name": "killed",
                "model": {"path": "none", "engine": "toy_sampler:ToySampler"},
                "task": {"name": "arithmetic", "problems": 2},
                "sampling": {"n": 2, "max_tokens": 6, "request_size": 2},
                "strategy": {"name": strategy, **STRATEGIES[strategy]},
                "verifiers": ["strategy_runs:StartsWithA"],
                "out": str(out),
            }
        )
    )
    return RunStore(out)


def content(store: RunStore) -> dict[str, Any]:
    (cell,) = store.cells()
    calls = store.calls(cell).select(*KEY, *SAID).collect()
    return {
        "samples": store.samples(cell).collect().sort(KEY).to_dicts(),
        "calls": sorted(map(repr, calls.fill_null("").rows())),
    }


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("error", [KilledError, disk_is_full], ids=["killed", "full"])
def test_run_again_no_attempt_and_no_call_is_lost_doubled_or_changed(
    tmp_path: Path, strategy: str, error: Callable[[], BaseException]
) -> None:
    expected = content(drawn(tmp_path / "undisturbed", strategy))
    assert len(expected["samples"]) == 4
    assert len(expected["calls"]) > 8
    kept: list[int] = []
    for steps in range(0, 5000, STRIDE):
        out = tmp_path / str(steps)
        hit = _disturbed(out, strategy, steps, error)
        kept.append(_calls(out))
        store = drawn(out, strategy)
        assert content(store) == expected, steps
        assert check_rows(store) == [], steps
        assert all_gone(store.path) == [], steps
        if not hit:
            break
    assert not hit
    assert sum(0 < calls < len(expected["calls"]) for calls in kept) > 3, (
        "nothing was resumed in the midst of attempts"
    )


def _disturbed(out: Path, strategy: str, steps: int, error: Callable[[], BaseException]) -> bool:
    """Disturb a run after so many steps; return whether it was. A full disk is told in one line."""
    with killed_after(steps, error) as hit:
        try:
            drawn(out, strategy)
        except TtscaleError as told:
            assert isinstance(told, StoreError), told
        except OSError as raw:
            raise AssertionError(f"after {steps} steps: {raw!r}") from raw
    return bool(hit)


def _calls(out: Path) -> int:
    store = RunStore(out)
    return sum(store.calls(cell).collect().height for cell in store.cells()) if store.exists else 0
