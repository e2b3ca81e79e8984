"""Rounds of a cell with a rule are large enough to keep an engine's places busy."""

from pathlib import Path

import pytest
from places import PLACES, PlacesSampler

from ttscale.config.loading import load_config
from ttscale.pipeline.run import sample_run


def busy(config: Path, out: Path, *settings: str) -> list[float]:
    """Return the share of places that worked each time the engine was asked for samples."""
    PlacesSampler.busy.clear()
    sample_run(load_config(config, ["model.engine=places:PlacesSampler", *settings], out=out))
    return list(PlacesSampler.busy)


@pytest.mark.parametrize(
    "rule",
    [
        "{quantity: coverage, k: 20, width: 0.035}",
        "{quantity: forecast, k: 3000, width: 0.01, first: 8, growth: 2}",
    ],
)
def test_every_round_but_the_last_keeps_twice_as_many_places_busy_as_one_filling_of_them(
    scripted_config: Path, tmp_path: Path, rule: str
) -> None:
    settings = ["task.problems=160", "sampling.n=120", "verifiers=[exact]", f"sampling.until={rule}"]
    rounds = busy(scripted_config, tmp_path / "rounds", *settings)
    (once,) = busy(scripted_config, tmp_path / "once", f"sampling.n={PLACES // 16}")
    assert once < 0.23
    assert len(rounds) > 3
    assert min(rounds[:-1]) > 2 * once
