"""Judgements are made beside the engine, in batches, and never with the key."""

import threading
from collections.abc import Sequence

from ttscale.pipeline.building import NamedVerifier
from ttscale.pipeline.strategy.judging import Bench
from ttscale.store.verdicts import VerdictSetInfo
from ttscale.strategies.contract import Completion, Judge
from ttscale.strategies.interleaving import Asked
from ttscale.types import Outcome, Problem, Verdict
from ttscale.verifiers.contract import Candidate

PROBLEM = Problem(problem_id="p", prompt="1+1=")
CALL = Completion(
    path="0",
    text="2",
    finish_reason="stop_text",
    logprobs=(-0.5,),
    completion_tokens=1,
    cumulative_logprob=-0.5,
)


class Held:
    """A verifier that answers when it is let go, and remembers its batches."""

    sees_answer = False
    deterministic = True

    def __init__(self) -> None:
        self.batches: list[Sequence[Candidate]] = []
        self.let_go = threading.Event()

    def verify(self, batch: Sequence[Candidate]) -> list[Verdict]:
        assert self.let_go.wait(60)
        self.batches.append(batch)
        return [Verdict(outcome=Outcome.CORRECT, answer_class=one.sample.completion) for one in batch]


def named(verifier: Held) -> NamedVerifier:
    return NamedVerifier(
        verifier, VerdictSetInfo(verifier="held", version="1", options={}, sees_answer=False)
    )


def asked(index: int, text: str = "2", by: str = "verifier", call: Completion | None = CALL) -> Asked:
    return Asked(PROBLEM, index, "1", Judge(text, call, by))


class Awaited:
    """A bench with a way to wait for its verdicts."""

    def __init__(self, **verifiers: Held) -> None:
        self.woken = threading.Event()
        self.bench = Bench({by: named(one) for by, one in verifiers.items()}, self.woken.set)

    def verdicts(self, n: int) -> list[tuple[Asked, Verdict]]:
        """Return the next n verdicts, or more."""
        found = self.bench.verdicts()
        while len(found) < n:
            assert self.woken.wait(60)
            self.woken.clear()
            found += self.bench.verdicts()
        return found


def test_what_comes_in_meanwhile_makes_the_next_batch() -> None:
    held = Held()
    at = Awaited(verifier=held)
    assert not at.bench.is_busy
    at.bench.add(asked(0))
    assert at.bench.verdicts() == []  # begins the first batch
    for index in (1, 2):
        at.bench.add(asked(index))
    assert at.bench.is_busy
    held.let_go.set()
    assert [one.index for one, _ in at.verdicts(3)] == [0, 1, 2]
    assert [len(batch) for batch in held.batches] == [1, 2]
    assert not at.bench.is_busy
    at.bench.close()


def test_every_verifier_gets_its_own_asks_and_no_key() -> None:
    judges, classes = Held(), Held()
    for one in (judges, classes):
        one.let_go.set()
    at = Awaited(verifier=judges, classes=classes)
    for ask in (asked(0, "a"), asked(1, "b", "classes"), asked(2, "c")):
        at.bench.add(ask)
    found = {one.index: verdict.answer_class for one, verdict in at.verdicts(3)}
    assert found == {0: "a", 1: "b", 2: "c"}
    ((first, second),), ((third,),) = judges.batches, classes.batches
    assert (first.problem.answer, second.problem.answer) == (None, None)
    assert third.problem.answer == "0"  # stands in for the key, which no class depends on
    at.bench.close()


def test_a_candidate_has_the_counts_of_its_call_and_an_ending_that_verifiers_know() -> None:
    held = Held()
    held.let_go.set()
    at = Awaited(verifier=held)
    at.bench.add(asked(0, "so 2"))
    at.bench.add(asked(1, "half", call=None))
    at.verdicts(2)
    ((whole, bare),) = held.batches
    assert (whole.sample.completion, whole.sample.finish_reason) == ("so 2", "stop")
    assert (whole.sample.token_logprobs, whole.sample.cumulative_logprob) == ((-0.5,), -0.5)
    assert (bare.sample.completion_tokens, bare.sample.token_logprobs) == (None, None)
    at.bench.close()
