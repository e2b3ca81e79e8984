"""Verifiers of others in a process of their own: what they do costs the candidate that made them do it."""

import os
import select
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hostile_verifiers import HostileOptions, InProcessVerifier

from ttscale.config.models import PluginSettings
from ttscale.errors import ConfigError, VerifierError
from ttscale.pipeline.building import build_verifier
from ttscale.pipeline.verifying import problems_for, verify_batch, verify_in_batches
from ttscale.store.samples import samples_frame
from ttscale.types import Message, Problem, Sample
from ttscale.verifiers.contract import Candidate
from ttscale.verifiers.isolation import IsolatedVerifier

PROBLEM = Problem(
    problem_id="a", messages=(Message("user", "1+1="),), answer="2", metadata={"level": 1, "tests": ["x"]}
)
COMPLETIONS = ["2", "bad", "3", "2 ", "\x00\x1b[2J\n", ""]
LIMITS = {"time_limit_s": 60.0, "memory_limit_mb": 512}
"""No slow machine runs into the time limit."""
SOON = LIMITS | {"time_limit_s": 1.5}
"""For those that hang."""


def rows(completions: list[str]) -> pl.DataFrame:
    count = len(completions)
    return pl.DataFrame(
        {
            "problem_id": [PROBLEM.problem_id] * count,
            "sample_index": range(count),
            "completion": completions,
            "finish_reason": ["stop"] * count,
            "prompt_tokens": [1] * count,
            "completion_tokens": [1] * count,
            "cumulative_logprob": [-0.5] * count,
            "token_logprobs": [[-0.25, -0.25]] * count,
            "seed": [None] * count,
        }
    )


def sample(completion: str) -> Sample:
    return Sample(
        problem_id="a",
        sample_index=0,
        completion=completion,
        finish_reason="stop",
        prompt_tokens=1,
        completion_tokens=1,
    )


def settings(
    deed: str, isolation: object = LIMITS, name: str = "HostileVerifier", **options: str
) -> PluginSettings:
    given = {"name": f"hostile_verifiers:{name}", "deed": deed, "isolation": isolation, **options}
    return PluginSettings.model_validate({key: value for key, value in given.items() if value is not None})


def verdicts(plugin: PluginSettings, completions: list[str] = COMPLETIONS) -> pl.DataFrame:
    verifier = build_verifier(plugin).verifier
    found = pl.concat(
        list(verify_in_batches(verifier, problems_for(verifier, [PROBLEM]), rows(completions)))
    ).sort("sample_index")
    if isinstance(verifier, IsolatedVerifier):
        verifier.close()
    return found


def has_ended(pid: int) -> bool:
    """Wait for a process that is not our child; false if it lives on for 20 seconds."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    with os.fdopen(handle):
        return bool(select.select([handle], [], [], 20.0)[0])


@pytest.mark.parametrize(
    ("deed", "detail"),
    [
        ("raise", "RuntimeError: no good"),
        ("hang", "no verdict within 1.5 s"),
        ("read standard input", "no verdict within 1.5 s"),
        ("eat memory", "out of memory at 512 MiB"),
        ("be killed", "signal 9"),
        ("leave", "SystemExit: 0"),
        ("fewer", "returned 0 verdicts for 1 candidate"),
        ("more", "returned 2 verdicts for 1 candidate"),
        ("nothing", "TypeError"),
        ("NaN", "score is NaN"),
        ("no verdict", "AttributeError"),
        ("no outcome", "'perfect' is not a valid Outcome"),
    ],
)
def test_what_a_verifier_does_on_one_candidate_costs_that_candidate_alone(deed: str, detail: str) -> None:
    hangs = deed in ("hang", "read standard input")
    found = verdicts(settings(deed, SOON if hangs else LIMITS))
    assert found["outcome"].to_list() == ["correct", "error", *["incorrect"] * 4]
    assert detail in found["detail"][1]


def test_the_most_probable_tokens_log_probabilities_reach_the_process() -> None:
    stored = [
        replace(
            sample("2"), sample_index=0, top_logprobs=np.array([[-0.5, -1.0], [-0.25, np.nan]], np.float32)
        ),
        replace(sample("3"), sample_index=1, top_logprobs=np.empty((0, 0), np.float32)),
        replace(sample("4"), sample_index=2),
    ]
    verifier = build_verifier(settings("", name="ReadsTopLogprobs")).verifier
    assert isinstance(verifier, IsolatedVerifier)
    assert verifier.reads_top_logprobs
    with closing(verifier):
        frames = verify_in_batches(verifier, {PROBLEM.problem_id: PROBLEM}, samples_frame(stored, "c"))
        found = pl.concat(list(frames)).sort("sample_index")
    assert found["detail"].to_list() == ["(2, 2) float32 -1.75", "(0, 0) float32 0.0", "None"]


def test_few_calls_find_the_bad_ones_of_many() -> None:
    class Counting(InProcessVerifier):
        calls = 0

        def verify(self, batch: Sequence[Candidate]) -> Sequence[Any]:
            Counting.calls += 1
            return super().verify(batch)

    completions = [str(number) for number in range(4096)]
    completions[1000] = completions[3000] = "bad"
    verifier = Counting(HostileOptions(deed="raise"))
    problems = problems_for(verifier, [PROBLEM])
    batch = [Candidate(problems["a"], sample(text)) for text in completions]
    found = [verdict.outcome for verdict in verify_batch(verifier, batch)]
    assert [place for place, outcome in enumerate(found) if outcome == "error"] == [1000, 3000]
    assert found[2] == "correct"
    assert Counting.calls <= 1 + 16 + 2 * 16 * 2


def test_a_killed_verifier_takes_its_children_along(tmp_path: Path) -> None:
    note = tmp_path / "pids"
    found = verdicts(settings("hang with a child", SOON, note=str(note)), ["2", "bad"])
    assert found["outcome"].to_list() == ["correct", "error"]
    pids = [int(line) for line in note.read_text().split()]
    assert pids
    assert all(has_ended(pid) for pid in pids)


def test_an_isolated_verifier_that_cannot_run_at_all_stops_the_stage() -> None:
    with pytest.raises(VerifierError, match=r"^No server\. Start one\.$"):
        verdicts(settings("cannot run"))


def test_equal_verdicts_in_the_process_and_isolated() -> None:
    alone, here = (verdicts(settings("none", isolation)) for isolation in (True, False))
    assert alone.drop("detail").equals(here.drop("detail"))
    assert set(here["detail"]) == {str(os.getpid())}
    assert set(alone["detail"]).isdisjoint(here["detail"])
    assert alone["detail"].n_unique() == 1  # one worker, used again


def test_long_completions_are_handed_over_in_parts() -> None:
    long = [f"{number}{'x' * (3 << 20)}" for number in range(7)]
    found = verdicts(settings("none"), [*long, "2"])
    assert found["outcome"].to_list() == ["incorrect"] * 7 + ["correct"]


@pytest.mark.parametrize(
    ("name", "isolation", "is_isolated"),
    [
        ("HostileVerifier", None, True),
        ("HostileVerifier", False, False),
        ("HostileVerifier", {"memory_limit_mb": None}, True),
        ("InProcessVerifier", None, False),
        ("InProcessVerifier", True, True),
    ],
)
def test_the_user_decides_before_the_plugin_and_foreign_plugins_are_isolated_by_default(
    name: str, isolation: object, is_isolated: bool
) -> None:
    named = build_verifier(settings("none", isolation, name))
    assert isinstance(named.verifier, IsolatedVerifier) == is_isolated


def test_built_in_verifiers_run_in_the_process_unless_asked() -> None:
    assert not isinstance(build_verifier(PluginSettings(name="exact")).verifier, IsolatedVerifier)
    asked = PluginSettings.model_validate({"name": "exact", "isolation": True})
    assert verdicts(asked)["outcome"].to_list()[:3] == ["correct", "incorrect", "incorrect"]


def test_isolation_is_no_part_of_a_verdict_sets_identity() -> None:
    labels = {build_verifier(settings("none", isolation)).info.label for isolation in (None, False, LIMITS)}
    assert len(labels) == 1


@pytest.mark.parametrize(
    ("isolation", "message"),
    [
        ("yes", "is 'yes', but should be true, false or limits"),
        ({"time_limit": 3}, "Did you mean 'time_limit_s'"),
    ],
)
def test_wrong_limits_are_one_clear_error(isolation: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_verifier(settings("none", isolation))
