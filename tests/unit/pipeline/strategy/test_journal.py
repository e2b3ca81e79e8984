"""What is recorded of a call is what an attempt that is begun again is answered with."""

import json

import pytest

from ttscale.pipeline.strategy.journal import StoredJournal, answers_by_path, recorded_call, recorded_end
from ttscale.store.calls import CallRecord
from ttscale.store.writer import Stored
from ttscale.strategies.contract import Attempt, Completion, Generate, Judge, Tokens
from ttscale.strategies.interleaving import Asked, Finished, Totals
from ttscale.types import Outcome, Problem, Verdict

PROBLEM = Problem(problem_id="p", prompt="1+1=")
ANSWER = Completion(
    path="1.2",
    text=" 2",
    before="so",
    finish_reason="length",
    tokens=(7, 8),
    logprobs=(-0.5, -0.25),
    prompt_tokens=5,
    cached_tokens=4,
    completion_tokens=2,
    cumulative_logprob=-0.75,
)
VERDICT = Verdict(
    outcome=Outcome.INCORRECT,
    score=0.25,
    answer="3",
    answer_class="three",
    seconds=1.5,
    prompt_tokens=10,
    completion_tokens=20,
    detail="off by one",
)


def asked(ask: Generate | Judge, path: str = "1.2") -> Asked:
    return Asked(PROBLEM, 3, path, ask)


def test_a_completion_comes_back_as_it_was() -> None:
    record = recorded_call(asked(Generate(role="draft")), ANSWER, 17)
    assert (record.kind, record.role, record.seed, record.problem_id, record.sample_index) == (
        "generate",
        "draft",
        17,
        "p",
        3,
    )
    assert answers_by_path([record]) == {"1.2": ANSWER}


def test_a_judgement_comes_back_as_it_was() -> None:
    record = recorded_call(asked(Judge.of(ANSWER, by="classes"), "2"), VERDICT, None)
    assert (record.kind, record.model, record.parents) == ("judge", "classes", ("1.2",))
    assert answers_by_path([record]) == {"2": VERDICT}


def test_a_failed_judgement_is_asked_again() -> None:
    failed = recorded_call(
        asked(Judge("text"), "2"), Verdict(outcome=Outcome.ERROR, detail="no server"), None
    )
    assert answers_by_path([failed]) == {}
    assert failed.parents == ()


def test_the_parents_are_those_named_and_those_continued() -> None:
    ask = Generate(prefix=(Tokens((1,), "0"), "Wait", Tokens((2,))), parents=("0.1",), model="target")
    record = recorded_call(asked(ask), ANSWER, None)
    assert (record.parents, record.model) == (("0.1", "0"), "target")


@pytest.mark.parametrize("last", [None, ANSWER])
def test_the_end_says_what_all_calls_took_and_answers_nothing(last: Completion | None) -> None:
    totals = Totals()
    totals.add(Completion(path="0", text="", finish_reason="stop", prompt_tokens=5, completion_tokens=2))
    totals.add(ANSWER)
    totals.add(VERDICT)
    record = recorded_end(Finished("p", 3, Attempt(text="2", last=last, notes={"rejected": 1}), totals))
    assert record.text == ("" if last is None else "1.2")
    assert (record.prompt_tokens, record.cached_tokens, record.completion_tokens) == (10, None, 4)
    assert json.loads(str(record.detail)) == {
        "calls": 2.0,
        "judged": 1.0,
        "judge_tokens": 30.0,
        "later_prompt_tokens": 5.0,
        "later_cached_tokens": 4.0,
        "rejected": 1.0,
    }
    assert answers_by_path([record]) == {}


class Writer:
    """Writes a segment of every two records."""

    def __init__(self) -> None:
        self.waiting: list[CallRecord] = []

    def add(self, records):
        self.waiting += records
        return self.flush() if len(self.waiting) >= 2 else []

    def flush(self):
        rows, self.waiting = self.waiting, []
        return [Stored(path=None, rows=rows)] if rows else []


def test_a_journal_counts_what_is_on_the_disk_and_knows_the_interrupted() -> None:
    record = recorded_call(asked(Generate()), ANSWER, None)
    journal = StoredJournal(Writer(), {("p", 3): [record]})
    journal.add([record])
    assert journal.n_stored == 0
    journal.add([record, record])
    assert journal.n_stored == 3
    journal.add([record])
    journal.flush()
    assert journal.n_stored == 4
    assert journal.recorded("p", 3) == [record]
    assert journal.recorded("p", 4) == ()
