"""An engine goes on with what another drew only where it draws more of the same."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scripted import ScriptedOptions, ScriptedSampler

from ttscale.config.models import Cell
from ttscale.errors import RunMismatchError
from ttscale.pipeline.continuing import refuse_other_model
from ttscale.pipeline.contract import CellWork
from ttscale.pipeline.engines import RunningEngine
from ttscale.pipeline.progress import Progress
from ttscale.pipeline.recording import Recorder
from ttscale.samplers.contract import EngineInfo
from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.store.run import RunStore
from ttscale.types import Problem, Sample

CELL = Cell.model_validate(
    {"name": "c", "model": "m", "task": "arithmetic", "sampling": {"n": 4, "max_tokens": 20}}
)


def info(**detail: Any) -> EngineInfo:
    sampler = ScriptedSampler(ModelSettings(path="m"), SamplingSettings(n=1), ScriptedOptions())
    return replace(sampler.start(), detail=detail)


def stored(folder: Path, finish_reason: str, tokens: int, **detail: Any) -> RunStore:
    """A run with one sample, drawn after a prompt of ten tokens."""
    store = RunStore(folder)
    sample = Sample(
        problem_id="p",
        sample_index=0,
        completion="x",
        finish_reason=finish_reason,
        prompt_tokens=10,
        completion_tokens=tokens,
    )
    with store.writing():
        recorder = Recorder(
            CellWork(store=store, cell=CELL, problems=[Problem(problem_id="p")], progress=Progress())
        )
        sampler = ScriptedSampler(ModelSettings(path="m"), SamplingSettings(n=1), ScriptedOptions())
        with recorder.session(RunningEngine(sampler, info(**detail), 0.0)):
            recorder.add([sample])
    return store


@pytest.mark.parametrize(
    ("finish_reason", "tokens", "was", "now"),
    [
        ("stop", 5, 32, 32),
        ("stop", 5, 32, 64),  # longer, and nothing had been cut
        ("length", 20, 32, 64),  # cut by max_tokens, not by the context
        ("stop", 5, 64, 30),  # shorter, and prompt and max_tokens still fit
        ("length", 6, 16, 16),
        ("stop", 5, 64, None),  # an engine that does not say
    ],
)
def test_a_context_that_makes_no_difference_ties_no_run(
    tmp_path: Path, finish_reason: str, tokens: int, was: int, now: int | None
) -> None:
    store = stored(tmp_path, finish_reason, tokens, max_model_len=was)
    refuse_other_model(store, CELL, info(max_model_len=now))


@pytest.mark.parametrize(
    ("finish_reason", "tokens", "was", "now"),
    [("length", 6, 16, 64), ("stop", 5, 64, 29)],
    ids=["it had cut", "it may cut now"],
)
def test_a_context_that_cuts_others_is_refused(
    tmp_path: Path, finish_reason: str, tokens: int, was: int, now: int
) -> None:
    store = stored(tmp_path, finish_reason, tokens, max_model_len=was)
    with pytest.raises(RunMismatchError, match=f"context of {was} tokens, but the engine's now is {now}"):
        refuse_other_model(store, CELL, info(max_model_len=now))


def test_another_commit_of_the_model_is_refused_with_the_first(tmp_path: Path) -> None:
    store = stored(tmp_path, "stop", 5, commit="aaa")
    refuse_other_model(store, CELL, info(commit="aaa"))
    refuse_other_model(store, CELL, info())
    with pytest.raises(
        RunMismatchError, match=r"at commit aaa, but the model now is at bbb\. Set model.revision"
    ):
        refuse_other_model(store, CELL, info(commit="bbb"))
