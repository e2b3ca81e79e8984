"""Samples are seen only once the driver took them."""

from pathlib import Path

import pytest
from scripted import draw

from ttscale.errors import StoreError
from ttscale.pipeline.replicas.handover import Handover, hand_over, take_over
from ttscale.store.samples import scan_samples
from ttscale.types import Problem

PROBLEMS = [Problem(problem_id=f"p{i}", prompt=f"{i}+1=", answer=str(i + 1)) for i in range(7)]


@pytest.mark.parametrize("shared", [True, False])
def test_samples_are_seen_only_after_the_driver_took_them(shared: bool, tmp_path: Path) -> None:
    drawn = [draw(PROBLEMS[0], index, seed=index) for index in range(5)]
    handover = hand_over(drawn, "c", "s", tmp_path if shared else None)
    assert scan_samples(tmp_path).collect().height == 0
    take_over(handover, tmp_path / "s-000000.parquet", "s")
    assert scan_samples(tmp_path).collect()["sample_index"].to_list() == list(range(5))
    assert [path.name for path in tmp_path.iterdir()] == ["s-000000.parquet"]


def test_a_file_that_the_driver_does_not_see_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"execution\.shared: false"):
        take_over(Handover(path=tmp_path / "elsewhere.parquet"), tmp_path / "s.parquet", "s")
