"""The verifier `confidence`: a sample's own log-probabilities as its score."""

import math
from typing import Any

import numpy as np
import pytest
from judging import candidate
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy.stats import entropy

from ttscale.registry import load_plugin
from ttscale.types import Outcome, Verdict


def confidence(options: dict[str, Any] | None = None, **sample: Any) -> Verdict:
    verifier = load_plugin("verifiers", "confidence")
    (verdict,) = verifier(verifier.Options(**(options or {}))).verify([candidate("x", None, **sample)])
    assert isinstance(verdict, Verdict)
    return verdict


@pytest.mark.parametrize(("statistic", "score"), [("mean", -1.5), ("sum", -6.0)])
def test_confidence_is_the_samples_log_probability(statistic: str, score: float) -> None:
    verdict = confidence({"statistic": statistic}, cumulative_logprob=-6.0, completion_tokens=4)
    assert (verdict.outcome, verdict.score) == (Outcome.SCORED, score)


@pytest.mark.parametrize(
    ("statistic", "window", "score"),
    [
        ("lowest-group", 2, -4.0),  # the means of two in a row are -2, -4, -3
        ("lowest-group", 1, -5.0),
        ("lowest-group", 100, -2.5),
        ("bottom-groups", 2, -4.0),  # the lowest of three
        ("bottom-groups", 1, -5.0),
        ("tail", 2, -3.0),
        ("tail", 3, -3.0),
        ("tail", 100, -2.5),
    ],
)
def test_confidence_of_groups_of_tokens(statistic: str, window: int, score: float) -> None:
    tokens = (-1.0, -3.0, -5.0, -1.0)
    options = {"statistic": statistic, "window": window}
    verdict = confidence(options, token_logprobs=tokens, completion_tokens=4)
    assert verdict.score == pytest.approx(score)
    lacking = confidence(options, cumulative_logprob=-10.0, completion_tokens=4)
    assert lacking.outcome is Outcome.ERROR
    assert "token_logprobs" in (lacking.detail or "")


def test_the_bottom_share_of_groups_is_averaged() -> None:
    tokens = tuple(-float(number % 7) for number in range(30))
    options = {"statistic": "bottom-groups", "window": 1, "share": 0.1}
    assert (
        confidence(options, token_logprobs=tokens, completion_tokens=30).score == -6.0
    )  # 4 of 30 tokens are
    options["share"] = 0.2
    assert confidence(options, token_logprobs=tokens, completion_tokens=30).score == pytest.approx(
        -(4 * 6 + 2 * 5) / 6
    )


def test_confidence_accepts_from_its_threshold_on() -> None:
    outcomes = [
        confidence({"threshold": -1.0}, cumulative_logprob=logprob).outcome for logprob in (-0.5, -1.0, -1.5)
    ]
    assert outcomes == [Outcome.CORRECT, Outcome.CORRECT, Outcome.INCORRECT]


@pytest.mark.parametrize("logprob", [None, math.nan, -math.inf])
def test_confidence_without_a_finite_log_probability_is_an_error(logprob: float | None) -> None:
    verdict = confidence(cumulative_logprob=logprob)
    assert (verdict.outcome, verdict.score) == (Outcome.ERROR, None)
    assert "log-probabilit" in (verdict.detail or "")


def test_confidence_never_scores_nothing_at_all_best() -> None:
    assert confidence(cumulative_logprob=0.0, completion_tokens=0).outcome is Outcome.NO_ANSWER


def test_confidence_scores_every_sample_on_its_own() -> None:
    verifier = load_plugin("verifiers", "confidence")
    assert not verifier.deterministic
    assert not verifier.sees_answer


def distributions(tokens: int, vocabulary: int) -> NDArray[np.float32]:
    """Return sorted log-probabilities of random distributions over a whole vocabulary, shape (T, V)."""
    chance = np.random.default_rng(8).dirichlet(np.full(vocabulary, 0.3), size=tokens) + 1e-6
    logprobs = np.log(chance / chance.sum(axis=1, keepdims=True))
    return np.sort(logprobs, axis=1)[:, ::-1].astype(np.float32)


def test_self_certainty_over_a_whole_vocabulary_is_the_divergence_from_uniform() -> None:
    top = distributions(tokens=6, vocabulary=9)
    uniform = np.full(9, 1 / 9)
    expected = np.mean([entropy(uniform, np.exp(row)) for row in top.astype(float)])
    verdict = confidence({"token": "self-certainty"}, top_logprobs=top, completion_tokens=6)
    assert verdict.score == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("token", ["top-k", "self-certainty"])
def test_token_confidence_is_averaged_over_groups_as_in_deepconf(token: str) -> None:
    """The lowest group is the window in which the model hesitated, the tail the last window."""
    sure, unsure = np.log([0.98, 0.015, 0.005]), np.log([0.4, 0.35, 0.25])
    top = np.array([sure, sure, unsure, unsure, sure, sure], dtype=np.float32)
    sure_alone, unsure_alone = (
        confidence({"token": token}, top_logprobs=np.array([row], dtype=np.float32)).score
        for row in (sure, unsure)
    )
    assert sure_alone is not None and unsure_alone is not None and sure_alone > unsure_alone
    if token == "top-k":
        assert unsure_alone == pytest.approx(-np.log([0.4, 0.35, 0.25]).mean(), rel=1e-6)
    for statistic, expected in [
        ("lowest-group", unsure_alone),
        ("tail", sure_alone),
        ("mean", (2 * sure_alone + unsure_alone) / 3),
    ]:
        options = {"token": token, "statistic": statistic, "window": 2}
        assert confidence(options, top_logprobs=top, completion_tokens=6).score == pytest.approx(
            expected, rel=1e-6
        )


def test_tokens_that_a_server_did_not_list_do_not_count() -> None:
    whole = np.log(np.array([[0.6, 0.3]], dtype=np.float32))
    gap = np.array([[*whole[0], np.nan]], dtype=np.float32)
    for token in ("top-k", "self-certainty"):
        scores = [confidence({"token": token}, top_logprobs=top).score for top in (whole, gap)]
        assert scores[0] == pytest.approx(scores[1])


def test_confidence_says_which_sampling_option_is_missing() -> None:
    verdict = confidence({"token": "top-k"}, cumulative_logprob=-1.0, token_logprobs=(-1.0,))
    assert verdict.outcome is Outcome.ERROR
    assert "sampling.top_logprobs: 20" in str(verdict.detail)
    with pytest.raises(ValidationError, match="take 'mean'"):
        confidence({"token": "top-k", "statistic": "sum"})


def test_confidence_asks_for_the_largest_column_only_where_it_reads_it() -> None:
    verifier = load_plugin("verifiers", "confidence")
    asks = [
        verifier(verifier.Options(token=token)).reads_top_logprobs
        for token in ("logprob", "top-k", "self-certainty")
    ]
    assert asks == [False, True, True]
