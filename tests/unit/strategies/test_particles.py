"""Particles whose weights are worked by hand."""

import math

import pytest
from driven import driven, said
from pydantic import ValidationError

from ttscale.strategies.particles import ParticleOptions

OPTIONS = {"verifier": "v", "particles": 2, "step_tokens": 1}


def test_one_step_estimates_the_mean_of_exp_score() -> None:
    attempt, _ = driven("particles", ["a", "b", math.log(2), math.log(4)], select="best", **OPTIONS)
    assert attempt.text == "b"
    assert attempt.notes["log_z"] == pytest.approx(math.log(3))


def test_a_temperature_divides_scores() -> None:
    scores = [2 * math.log(2), 2 * math.log(4)]
    attempt, _ = driven("particles", ["a", "b", *scores], temperature=2.0, **OPTIONS)
    assert attempt.notes["log_z"] == pytest.approx(math.log(3))


@pytest.mark.parametrize(("potential", "second"), [("ratio", math.log(3)), ("score", math.log(6))])
def test_ratios_telescope_and_scores_do_not(potential: str, second: float) -> None:
    # Both texts score ln 2, then ln 6: the second ratio is 3.
    steps = [said("a", "length", tokens=(1,)), said("b", "length", tokens=(2,))]
    answers = [*steps, math.log(2), math.log(2), "A", "B", math.log(6), math.log(6)]
    attempt, asked = driven("particles", answers, potential=potential, **OPTIONS)
    assert attempt.notes["log_z"] == pytest.approx(math.log(2) + second)
    # equal weights: nobody is drawn anew, each goes on from its own tokens
    assert [ask.prefix[0].ids for ask in asked[4:6]] == [(1,), (2,)]


def test_a_text_without_weight_dies_and_the_other_is_grown_twice() -> None:
    steps = [said("a", "length", tokens=(1,)), said("b", "length", tokens=(2,))]
    answers = [*steps, -1000.0, 0.0, "A", "B", 0.0, 0.0]
    _, asked = driven("particles", answers, **OPTIONS)
    assert [ask.prefix[0].ids for ask in asked[4:6]] == [(2,), (2,)]


def test_a_finished_text_is_not_asked_again_and_keeps_its_score() -> None:
    steps = ["a", said("b", "length", tokens=(2,))]
    attempt, asked = driven("particles", [*steps, 0.0, 0.0, "B", -1000.0], **OPTIONS)
    assert (attempt.text, len(asked)) == ("a", 6)
    # potentials 1 and 1, then 1 and 0
    assert attempt.notes["log_z"] == pytest.approx(math.log(0.5))


def test_a_second_sweep_keeps_a_text_of_the_first_as_its_first_particle() -> None:
    first, second = ["a", "b", 0.0, -1000.0], ["c", -1000.0]
    attempt, asked = driven("particles", [*first, *second], gibbs=2, **OPTIONS)
    assert (attempt.text, len(asked)) == ("a", 6)


@pytest.mark.parametrize(
    "wrong", [{"particles": 0}, {"temperature": 0.0}, {"gibbs": 0}, {"potential": "sum"}]
)
def test_what_makes_no_filter_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ParticleOptions.model_validate({"verifier": "v", **wrong})
