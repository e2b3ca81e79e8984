"""Beams and trees on hand-scored texts."""

import pytest
from driven import driven, said
from pydantic import ValidationError

from ttscale.strategies.beam import BeamOptions
from ttscale.strategies.contract import Generate, Judge

STEPPED = {"verifier": "v", "step_tokens": 1, "width": 4, "expand": 2}
FIRST = [said(text, "length", tokens=(ord(text),)) for text in "abcd"]
"""First steps: a and b of the first tree, c and d of the second."""
SECOND = ["A", "B", "C", "D"]


def test_a_beam_keeps_the_best_of_all_and_trees_keep_the_best_of_each() -> None:
    scores, ends = [0.9, 0.8, 0.1, 0.2], [0.5, 0.4, 0.7, 0.6]
    beam, asked = driven("beam", [*FIRST, *scores, *SECOND, *ends], **STEPPED)
    trees, others = driven("dvts", [*FIRST, *scores, *SECOND, *ends], **STEPPED)
    # texts a and b are grown by the beam, a and d by the trees
    grown = [
        [ask.prefix[0].ids for ask in asks[8:12] if isinstance(ask, Generate)] for asks in (asked, others)
    ]
    assert grown == [[(97,), (97,), (98,), (98,)], [(97,), (97,), (100,), (100,)]]
    assert (beam.text, trees.text) == ("C", "C")
    assert [type(ask) for ask in asked] == [*[Generate] * 4, *[Judge] * 4] * 2


def test_a_finished_text_stays_and_competes_without_being_asked_again() -> None:
    firsts = ["done", *FIRST[1:]]
    attempt, asked = driven("beam", [*firsts, 0.9, 0.8, 0.1, 0.2, "x", "y", 0.3, 0.95], **STEPPED)
    assert attempt.text == "y"
    assert len(asked) == 12
    attempt, _ = driven("beam", [*firsts, 0.9, 0.8, 0.1, 0.2, "x", "y", 0.3, 0.85], **STEPPED)
    assert attempt.text == "done"


def test_steps_end_the_search() -> None:
    attempt, asked = driven("beam", [*FIRST, 0.1, 0.2, 0.4, 0.3], steps=1, **STEPPED)
    assert (attempt.text, len(asked)) == ("c", 8)
    assert attempt.last is not None
    assert attempt.last.is_truncated


def test_the_first_of_equals_is_kept() -> None:
    attempt, _ = driven("beam", ["a", "b", 0.5, 0.5], verifier="v", width=2, expand=1)
    assert attempt.text == "a"


def test_a_width_that_cannot_be_shared_out_is_an_error() -> None:
    with pytest.raises(ValidationError, match="width is 6, not a multiple of expand, 4"):
        BeamOptions(verifier="v", width=6)
