"""Drafts that stand and drafts that do not."""

import math
from types import MappingProxyType

import pytest
from driven import accepted, driven, said
from pydantic import ValidationError

from ttscale.strategies.cascade import Cascade, CascadeOptions, mean_logprob

SURE = said("draft", logprobs=(-0.1, -0.3))
"""Its mean log-probability is -0.2."""


@pytest.mark.parametrize(("threshold", "stands"), [(-0.1, False), (-0.21, True)])
def test_a_draft_stands_from_the_threshold_on(threshold: float, stands: bool) -> None:
    answers = [SURE] if stands else [SURE, "strong"]
    attempt, asked = driven("cascade", answers, target="t", threshold=threshold)
    assert attempt.text == ("draft" if stands else "strong")
    assert attempt.notes == MappingProxyType({"score": pytest.approx(-0.2), "rejected": float(not stands)})
    assert [(ask.model, ask.logprobs) for ask in asked] == [(None, True), ("target", False)][: len(answers)]
    if not stands:
        assert asked[1].parents == ("0",)


def test_a_verifier_scores_or_accepts() -> None:
    attempt, asked = driven("cascade", ["draft", 0.5], target="t", threshold=0.5, verifier="v")
    assert (attempt.text, asked[0].logprobs) == ("draft", False)
    attempt, _ = driven("cascade", ["draft", accepted()], target="t", threshold=1.0, verifier="v")
    assert attempt.text == "draft"
    attempt, _ = driven(
        "cascade", ["draft", accepted(by=False), "x"], target="t", threshold=1.0, verifier="v"
    )
    assert attempt.text == "x"


def test_a_quantile_of_one_asks_the_target_alone_and_of_nought_the_draft_model() -> None:
    attempt, asked = driven("cascade", ["strong"], target="t", quantile=1.0)
    assert (attempt.text, asked[0].model, attempt.notes) == ("strong", "target", {"rejected": 1.0})
    attempt, _ = driven("cascade", [said("draft")], target="t", quantile=0.0)
    assert (attempt.text, attempt.notes["rejected"]) == ("draft", 0.0)


def test_a_draft_without_tokens_is_worth_nothing() -> None:
    assert mean_logprob(said("")) == -math.inf


def test_needs_follow_from_who_scores() -> None:
    assert Cascade(CascadeOptions(target="t", threshold=0)).needs == {"second-model", "logprobs"}
    assert Cascade(CascadeOptions(target="t", threshold=0, verifier="v")).needs == {
        "second-model",
        "verifier",
    }


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({}, "give either threshold or quantile"),
        ({"threshold": 0.0, "quantile": 0.5}, "give either threshold or quantile"),
        ({"quantile": 0.5}, "quantile needs calibration"),
        (
            {"quantile": 0.5, "verifier": "v", "calibration": {"run": "r"}},
            "calibration is by log-probabilities",
        ),
    ],
)
def test_rules_that_contradict_are_refused(options: dict[str, object], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        CascadeOptions.model_validate({"target": "t", **options})
