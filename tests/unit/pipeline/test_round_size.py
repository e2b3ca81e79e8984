"""Rounds are as large as the engines that draw them, where nobody says how large."""

from pathlib import Path
from typing import Any

import pytest

from ttscale.pipeline.until import filling_engines
from ttscale.samplers.until import UntilSettings
from ttscale.store.run import RunStore, Session

RULE: dict[str, Any] = {"quantity": "coverage", "k": 8, "width": 0.1}


@pytest.mark.parametrize(
    ("details", "given", "expected"),
    [
        ([], None, 1024),
        ([{"max_num_seqs": 256}], None, 1024),
        ([{"max_num_seqs": 1024}], None, 4096),
        ([{"max_num_seqs": 1024, "replica": i} for i in (1, 2)], None, 8192),
        ([{"max_num_seqs": 256}, {"max_num_seqs": 1024}], None, 4096),  # the last start of the one engine
        ([{"batch_size": 64}], None, 1024),  # an engine that does not say
        ([{"max_num_seqs": 1024}], 200, 200),
    ],
)
def test_a_round_fills_the_engines_several_times(
    tmp_path: Path, details: list[dict[str, Any]], given: int | None, expected: int
) -> None:
    store = RunStore(tmp_path)
    for number, detail in enumerate(details):
        session = Session(
            session=f"s{number}", cell="c", started_at="", n_samples=5, engine={"detail": detail}
        )
        store.write_session(session)
    rule = UntilSettings(**RULE, round_size=given)
    assert filling_engines(rule, store, "c").round_size == expected
