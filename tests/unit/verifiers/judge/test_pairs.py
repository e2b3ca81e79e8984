"""Pairs of answers before a judge, against a server on this machine."""

import itertools
import re
from collections.abc import Callable
from typing import Any

import pytest
from loopback_server import Answer, Loopback, chat, serve

from ttscale.types import Problem, Sample, Verdict
from ttscale.verifiers import endpoint
from ttscale.verifiers.contract import Candidate
from ttscale.verifiers.judge import JudgePairsOptions, JudgePairsVerifier
from ttscale.verifiers.judge.pairs import read_choice


def candidate(completion: str, problem_id: str = "p") -> Candidate:
    sample = Sample(
        problem_id=problem_id,
        sample_index=0,
        completion=completion,
        finish_reason="stop",
        prompt_tokens=1,
        completion_tokens=1,
    )
    return Candidate(Problem(problem_id=problem_id, prompt="Which number is larger?"), sample)


def shown(body: dict[str, Any]) -> tuple[str, str, str]:
    """Return the marker and both answers of a prompt."""
    text = body["messages"][0]["content"]
    found = {
        name: re.search(rf"\[ANSWER {name} (\w+) BEGINS\]\n(.*?)\n\[ANSWER {name} \1 ENDS\]", text, re.DOTALL)
        for name in "AB"
    }
    assert found["A"] is not None and found["B"] is not None
    return found["A"][1], found["A"][2], found["B"][2]


def larger_wins(body: dict[str, Any], attempt: int) -> Answer:
    nonce, a, b = shown(body)
    choice = "tie" if int(a) == int(b) else "A" if int(a) > int(b) else "B"
    reply = chat(f"They differ.\nBetter {nonce}: {choice}")
    reply.body["usage"] = {"prompt_tokens": 100, "completion_tokens": 7}
    return reply


def compare(
    answer: Callable[[dict[str, Any], int], Answer], batch: list[Candidate], **options: Any
) -> tuple[list[Verdict], Loopback]:
    with serve(answer) as server:
        verifier = JudgePairsVerifier(
            JudgePairsOptions(base_url=server.url, model="m", max_retries=0, **options)
        )
        return list(verifier.verify(batch)), server


def test_with_enough_rounds_everybody_meets_everybody_in_both_orders() -> None:
    numbers = ["3", "1", "4", "10", "5"]
    found, server = compare(larger_wins, [candidate(number) for number in numbers], rounds=2)
    asked = {shown(body)[1:] for body in server.seen}
    assert asked == set(itertools.permutations(numbers, 2))
    assert len(server.seen) == len(asked)
    ranks = sorted(map(int, numbers))
    assert [verdict.score for verdict in found] == [ranks.index(int(number)) / 4 for number in numbers]
    assert {str(verdict.outcome) for verdict in found} == {"scored"}
    assert [(verdict.prompt_tokens, verdict.completion_tokens) for verdict in found] == [(400, 28)] * 5


def test_a_liking_for_the_first_place_decides_nothing() -> None:
    found, _ = compare(
        lambda body, _: chat(f"Better {shown(body)[0]}: A"),
        [candidate(str(n)) for n in range(6)],
        accept_at=0.6,
    )
    assert [verdict.score for verdict in found] == [0.5] * 6
    assert {str(verdict.outcome) for verdict in found} == {"incorrect"}


def test_problems_are_kept_apart_and_lonely_or_empty_answers_are_not_compared() -> None:
    batch = [
        candidate("1", "a"),
        candidate("7", "b"),
        candidate("2", "a"),
        candidate(" ", "a"),
        candidate("3", "c"),
    ]
    found, server = compare(larger_wins, batch, rounds=3)
    assert {frozenset(shown(body)[1:]) for body in server.seen} == {frozenset("12")}
    assert len(server.seen) == 2
    assert [verdict.score for verdict in found] == [0.0, 0.5, 1.0, None, 0.5]
    assert [str(verdict.outcome) for verdict in found] == [
        "scored",
        "scored",
        "scored",
        "no_answer",
        "scored",
    ]


def test_a_score_does_not_depend_on_the_order_of_the_batch() -> None:
    numbers = [str(n) for n in range(9)]
    forth, _ = compare(larger_wins, [candidate(number) for number in numbers])
    back, _ = compare(larger_wins, [candidate(number) for number in reversed(numbers)])
    assert forth == back[::-1]


def test_what_cannot_be_read_is_no_defeat(monkeypatch: pytest.MonkeyPatch) -> None:
    async def pause(seconds: float) -> None:
        pass

    monkeypatch.setattr(endpoint, "pause", pause)

    def moody(body: dict[str, Any], attempt: int) -> Answer:
        pair = set(shown(body)[1:])
        if "1" in pair:
            return chat("Hard to say.")
        return Answer({}, 500) if pair == {"2", "3"} else larger_wins(body, attempt)

    found, _ = compare(moody, [candidate(str(n)) for n in (1, 2, 3, 4, 5)], rounds=2)
    assert [str(verdict.outcome) for verdict in found] == ["error", "error", "error", "scored", "scored"]
    assert "chose neither" in (found[0].detail or "")
    assert [verdict.score for verdict in found[3:]] == [2 / 3, 1.0]


@pytest.mark.parametrize(
    ("reply", "points"),
    [
        ("Better abc: A", 1.0),
        ("**Better abc: Answer B**", 0.0),
        ("Better abc: tie\nBetter abc: B", 0.0),
        ("Better xyz: A", None),
        ("<think>Better abc: A</think>B", 0.0),
        ("<think>Better abc: A", None),
        ("A.", 1.0),
        ("[[B]]", 0.0),
        ("[[A]] or [[B]]", None),
        ("Answer A is fine, and so is B", None),
        ("", None),
    ],
)
def test_choices_are_read_in_their_common_forms(reply: str, points: float | None) -> None:
    assert read_choice(reply, "abc") == points
