"""Where answers are announced, and where none is."""

import pytest

from ttscale.verifiers.cues import CUES, cue_ends


def announced(text: str) -> list[str]:
    return [text[end:] for end in cue_ends(text)]


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("The final answer is 5", "5"),
        ("**Answer**: 5", "5"),
        ("ANSWER = 5", "5"),
        ("Answer - 5", "5"),
        ("the answer to the first question would be: 5", "5"),
        ("La respuesta correcta es 5", "5"),
        ("Die Antwort lautet: 5", "5"),
        ("答案是5", "5"),
        ("正解は5", "5"),
        ("故选C", "C"),
        ("Ответ: 5", "5"),
        ("उत्तर 5 है", "5 है"),
    ],
)
def test_an_announcement_ends_where_the_answer_begins(text: str, rest: str) -> None:
    assert announced(text) == [rest]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "It is 5",
        "unanswered: 5",
        "an answer-5",  # no dash that stands alone
        "The answer\nis 5",
        "The answer. It is 5",
        "Die Antworten sind 5",
    ],
)
def test_what_announces_nothing(text: str) -> None:
    assert announced(text) == []


def test_announcements_stand_in_the_texts_order_in_whatever_language() -> None:
    assert announced("答案是1。 The answer is 2. Réponse : 3") == [
        "1。 The answer is 2. Réponse : 3",
        "2. Réponse : 3",
        "3",
    ]


def test_a_language_is_looked_for_where_its_word_is_there_though_the_text_is_ascii() -> None:
    assert announced("De respuesta nada; Antwoord: 7") == ["7"]


@pytest.mark.parametrize("language", CUES)
def test_every_language_announces_with_a_colon(language: str) -> None:
    for noun in CUES[language][0].removesuffix("s?").split("|"):
        assert announced(f"{noun}: 42")[-1:] == ["42"], noun
