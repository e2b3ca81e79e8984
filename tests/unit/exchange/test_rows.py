"""Rows of an import: what no file can hold is replaced or left out, and nothing else is changed."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ttscale.exchange.contract import CellKey, ImportedSample
from ttscale.exchange.rows import (
    hash64,
    sample_row,
    storable,
    storable_problem,
    verdict_row,
    without_whole_text,
)
from ttscale.store.samples import SAMPLE_SCHEMA
from ttscale.store.verdicts import VERDICT_SCHEMA
from ttscale.types import Message, Outcome, Problem, Verdict


@settings(deadline=None)
@given(st.text(st.characters(), max_size=50))
def test_every_text_can_be_written_and_valid_ones_are_unchanged(text: str) -> None:
    kept = storable(text)
    assert kept is not None
    kept.encode()
    try:
        text.encode()
    except UnicodeEncodeError:
        assert kept != text
    else:
        assert kept == text


def test_a_pair_of_surrogates_becomes_what_it_means() -> None:
    assert storable("\ud83d\ude00") == "\U0001f600"
    assert storable("a\ud83db") == "a\ufffdb"
    assert storable(None) is None


def test_all_texts_of_a_problem_are_made_storable() -> None:
    problem = Problem(problem_id="p\ud800", messages=(Message("user", "q\ud800"),), answer="a\ud800")
    kept = storable_problem(problem)
    assert (kept.problem_id, kept.answer) == ("p\ufffd", "a\ufffd")
    assert kept.messages == (Message("user", "q\ufffd"),)


def sample(**known: object) -> ImportedSample:
    problem = Problem(problem_id="p", prompt="q")
    return ImportedSample(cell=CellKey("m", "t"), problem=problem, completion="x", **known)  # type: ignore[arg-type]


def row(**known: object) -> dict[str, object]:
    return dict(zip(SAMPLE_SCHEMA, sample_row("c", "p", 3, "x", sample(**known)), strict=True))


def test_a_sample_has_every_column_of_the_store() -> None:
    found = row(prompt_tokens=5, completion_tokens=7, seed=11)
    assert (found["cell"], found["problem_id"], found["sample_index"], found["completion"]) == (
        "c",
        "p",
        3,
        "x",
    )
    assert (found["prompt_tokens"], found["completion_tokens"], found["seed"]) == (5, 7, 11)


def test_numbers_that_no_column_holds_are_left_out() -> None:
    found = row(prompt_tokens=2**31, completion_tokens=-1, seed=2**63)
    assert (found["prompt_tokens"], found["completion_tokens"], found["seed"]) == (None, None, None)
    assert row(seed=-(2**63))["seed"] == -(2**63)


def test_a_verdict_has_every_column_of_the_store() -> None:
    verdict = Verdict(outcome=Outcome.CORRECT, score=0.5, answer="a\ud800", detail="d")
    found = dict(zip(VERDICT_SCHEMA, verdict_row("c", "p", 3, verdict), strict=True))
    assert (found["outcome"], found["score"], found["answer"], found["detail"]) == (
        "correct",
        0.5,
        "a\ufffd",
        "d",
    )


def test_a_whole_long_text_is_no_answer_and_a_short_one_may_be() -> None:
    for length, kept in ((200, True), (201, False)):
        text = "x" * length
        verdict = without_whole_text(Verdict(outcome=Outcome.CORRECT, answer=text, answer_class=text), text)
        assert (verdict.answer is not None) is kept
        assert (verdict.answer_class is not None) is kept
        assert verdict.outcome is Outcome.CORRECT


def test_hashes_are_the_same_everywhere() -> None:
    assert hash64(b"") == 0xE4A6A0577479B2B4  # BLAKE2b with a digest of eight bytes, of nothing
    assert hash64(b"a") != hash64(b"b")
