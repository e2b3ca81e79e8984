"""A judge over the stored samples of a run: each distinct candidate asked once, and an outage resumed."""

import re
from pathlib import Path
from typing import Any

import pytest
from loopback_server import Answer, chat, serve

from ttscale.config.loading import load_config
from ttscale.config.models import PluginSettings
from ttscale.errors import VerifierError
from ttscale.pipeline.building import build_verifier
from ttscale.pipeline.run import sample_run, verify_run


def test_an_outage_stops_the_stage_and_the_same_call_completes_it(
    scripted_config: Path, tmp_path: Path
) -> None:
    store = sample_run(
        load_config(scripted_config, ["task.problems=4", "sampling.n=40"], out=tmp_path / "run")
    )
    (cell,) = store.cells()
    is_out = True

    def answer(body: dict[str, Any], attempt: int) -> Answer:
        if is_out and len(server.seen) > 20:
            return Answer({"error": "key revoked"}, 401)
        nonce = re.search(r"\[ANSWER (\w+) BEGINS\]", body["messages"][0]["content"])
        assert nonce is not None
        return chat(f"Verdict {nonce[1]}: {'correct' if int(nonce[1], 16) % 2 else 'incorrect'}")

    with serve(answer) as server:
        settings = {"name": "judge", "base_url": server.url, "model": "m", "max_concurrent": 2}
        judge = build_verifier(PluginSettings.model_validate(settings))
        assert not judge.info.sees_answer
        with pytest.raises(VerifierError, match="refuses access"):
            verify_run(store, [judge])
        is_out = False
        verify_run(store, [judge])
        asked = len(server.seen)
        assert verify_run(store, [judge]) == {judge.info.label: 0}
        assert len(server.seen) == asked
    found = store.verdict_set(judge.info).scan(cell).collect()
    assert found.select("problem_id", "sample_index").is_duplicated().any() is False
    assert found.height == 160
    assert set(found["outcome"]) == {"correct", "incorrect"}
    distinct = store.samples(cell).select("problem_id", "completion").unique().collect().height
    assert asked <= distinct + 30
