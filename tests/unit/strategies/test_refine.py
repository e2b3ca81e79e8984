"""Answers that are revised, with a word on them or without."""

from driven import accepted, driven

TEMPLATE = "{problem}|{previous}|{feedback}"


def test_every_turn_sees_the_latest_answer() -> None:
    attempt, asked = driven("refine", ["one", "two", "three"], template=TEMPLATE)
    assert attempt.text == "three"
    assert [ask.prompt for ask in asked] == [None, "What?|one|", "What?|two|"]
    assert [(ask.role, ask.parents) for ask in asked] == [
        ("turn 0", ()),
        ("turn 1", ("0",)),
        ("turn 2", ("1",)),
    ]


def test_an_accepted_answer_ends_the_turns() -> None:
    attempt, asked = driven("refine", ["one", accepted()], verifier="v")
    assert (attempt.text, len(asked)) == ("one", 2)


def test_what_a_check_says_is_shown_its_outcome_where_it_says_nothing() -> None:
    answers = ["one", accepted(by=False, detail="off by one"), "two", accepted(by=False), "three"]
    attempt, asked = driven("refine", answers, verifier="v", template=TEMPLATE)
    assert attempt.text == "three"
    assert [ask.prompt for ask in (asked[2], asked[4])] == [
        "What?|one|A check says: off by one.\n",
        "What?|two|A check says: incorrect.\n",
    ]
