"""The oracle `math`: mathematically equal answers are correct and vote together, hostile ones harm nothing."""

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from judging import candidate

from ttscale.errors import MissingExtraError
from ttscale.types import Outcome, Verdict
from ttscale.verifiers.math import MathOptions, MathVerifier
from ttscale.verifiers.workers import WorkerPool

MATH500 = Path(__file__).parents[4] / "shared" / "data" / "math500.jsonl"

needs_math = pytest.mark.skipif(
    importlib.util.find_spec("math_verify") is None, reason="the 'math' extra is not installed"
)


@pytest.fixture(scope="module")
def math() -> Iterator[MathVerifier]:
    verifier = MathVerifier(MathOptions(workers=1))
    yield verifier
    verifier.close()


@pytest.fixture(scope="module")
def hasty() -> Iterator[MathVerifier]:
    verifier = MathVerifier(MathOptions(workers=1, time_limit_s=1.0))
    yield verifier
    verifier.close()


def verdicts(math: MathVerifier, key: str | None, *answers: str) -> list[Verdict]:
    return math.verify([candidate(answer, key) for answer in answers])


def box(answer: str) -> str:
    return rf"so it is $\boxed{{{answer}}}$."


@needs_math
@pytest.mark.parametrize(
    ("key", "answers"),
    [
        ("5", ["5", "5.0", r"\frac{10}{2}", r"\sqrt{25}", "x = 5", r"5 \text{ cm}", r"\$5"]),
        (r"\frac{3}{4}", ["0.75", "3/4", r"\dfrac{6}{8}", r"\tfrac34"]),
        (r"\frac{1}{3}", ["0.333333", "1/3"]),
        (r"\frac{\sqrt{2}}{2}", [r"\frac{1}{\sqrt2}", r"\sqrt{\frac12}"]),
        ("(x+1)^2", ["x^2+2x+1", "(1+x)(x+1)"]),
        (r"\{1, 2\}", ["2,1", r"1 \text{ and } 2"]),
        ("(-1, 2]", ["(-1,2]", r"\left(-1, 2\right]"]),
        (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", [r"\begin{bmatrix} 1 \\ \frac42 \end{bmatrix}"]),
        (r"\text{Evelyn}", [r"\text{evelyn}", "Evelyn"]),
        ("10,000", ["10000", "10^4", "10{,}000"]),
    ],
)
def test_equal_mathematics_is_correct_and_votes_with_the_key(
    math: MathVerifier, key: str, answers: list[str]
) -> None:
    found = verdicts(math, key, box(key), *map(box, answers))
    assert [verdict.outcome for verdict in found] == [Outcome.CORRECT] * len(found)
    assert len({verdict.answer_class for verdict in found}) == 1


@needs_math
@pytest.mark.parametrize(
    "same",
    [
        ["5", "5.0", r"\frac{10}{2}", r"\sqrt{25}", "x=5", r"\{5\}"],
        [r"\frac{\sqrt{2}}{2}", r"\frac{1}{\sqrt2}"],
        ["(x+1)^2", "x^2+2x+1"],
        ["2,1", r"\{1,2\}"],
        ["x<3", "3>x", "2x<6"],
        [r"(-\infty,2)\cup(3,4]", r"(3,4]\cup(-\infty,2)"],
        [r"\ln 8", r"3\ln 2"],
        [r"\pm 3", r"\{-3,3\}"],
    ],
)
def test_equal_wrong_answers_vote_together(math: MathVerifier, same: list[str]) -> None:
    found = verdicts(math, "77777", *map(box, same))
    assert {verdict.outcome for verdict in found} == {Outcome.INCORRECT}
    assert len({verdict.answer_class for verdict in found}) == 1


@needs_math
def test_different_answers_do_not_vote_together(math: MathVerifier) -> None:
    different = [
        "5", "-5", "0.333", r"\frac13", "(x+1)^2", "(x-1)^2", "(y+1)^2", "x", r"\sqrt{x^2}", "x<3", "x>3",
        r"x\le3", "(1,2)", "(2,1)", r"\{1,2\}", "[1,2]", "(1,2]", r"\infty", r"-\infty", r"\frac10",
        "y=2x+1", "y=2x+2", "x^2=4", r"\emptyset", r"\text{Bob}", "10^{100}", "10^{100}+1",
        r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1&2\end{pmatrix}",
    ]  # fmt: skip
    classes = [verdict.answer_class for verdict in verdicts(math, "77777", *map(box, different))]
    assert None not in classes
    assert len(set(classes)) == len(different)


@needs_math
def test_without_a_box_the_completion_is_searched(math: MathVerifier) -> None:
    searched = verdicts(math, "5", "Therefore the answer is $5$.", "so 2 + 3 = 5", "no idea", "", " ")
    assert [verdict.outcome for verdict in searched] == [Outcome.CORRECT] * 2 + [Outcome.NO_ANSWER] * 3
    strict = MathVerifier(MathOptions(otherwise="no-answer"))
    assert verdicts(strict, "5", "so 2 + 3 = 5")[0].outcome is Outcome.NO_ANSWER
    boxed = MathVerifier(MathOptions(extract=["boxed"], otherwise="no-answer"))
    assert verdicts(boxed, "5", "the answer is 5")[0].outcome is Outcome.NO_ANSWER


@needs_math
def test_easy_answers_need_no_worker() -> None:
    pool_free = MathVerifier(MathOptions())
    found = verdicts(pool_free, "5", box("5"), box("-7"), box("0"), box(r"\frac{10}{2}"), box(r"\frac{1}{2}"))
    assert [verdict.outcome is Outcome.CORRECT for verdict in found] == [True, False, False, True, False]
    assert [verdict.answer_class for verdict in found] == ["5", "-7", "0", "5", "0.5"]
    assert pool_free._pool.pids() == []


def test_without_the_extra_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"ttscale\[math\]"):
        MathVerifier(MathOptions())


@needs_math
def test_a_problem_without_key_is_an_error() -> None:
    (verdict,) = verdicts(MathVerifier(MathOptions()), None, box("5"))
    assert verdict.outcome is Outcome.ERROR
    assert "'p'" in (verdict.detail or "")


@needs_math
def test_an_answer_that_hangs_is_a_timeout_and_the_rest_goes_on(hasty: MathVerifier) -> None:
    found = verdicts(hasty, "5", box(r"\frac{10}{2}"), box("9^{9^{9^9}}"), box("6.5"), box(r"\frac{15}{3}"))
    assert [verdict.outcome for verdict in found] == [
        Outcome.CORRECT,
        Outcome.TIMEOUT,
        Outcome.INCORRECT,
        Outcome.CORRECT,
    ]


@needs_math
def test_a_key_that_hangs_is_an_error_of_the_key(hasty: MathVerifier) -> None:
    same, other = verdicts(hasty, "9^{9^{9^9}}", box("9^{9^{9^9}}"), box("5"))
    assert same.outcome is Outcome.CORRECT
    assert other.outcome is Outcome.ERROR
    assert "key" in (other.detail or "")


HOSTILE = [
    "x" * 1_000_000,
    "1 " * 500_000,
    "$" * 1_000_000,
    r"\boxed{" * 100_000,
    "\x00\ud800\x1b[2J \\boxed{5\ud800\x00}",
    r"\boxed{" + "(" * 5_000 + "}",
    r"\boxed{" + "9" * 20_000 + "}",
    r"\boxed{2^{100000}}",
    r"\boxed{100000!}",
    r"\boxed{\frac{1}{0}}",
    r"\boxed{\text{}}",
    r"\boxed{\input{/etc/passwd}}",
    r"\boxed{__import__('os').system('true')}",
]


@needs_math
@pytest.mark.parametrize("completion", HOSTILE, ids=lambda text: repr(text[:20]))
def test_hostile_answers_get_a_storable_verdict_and_are_never_correct(
    hasty: MathVerifier, completion: str
) -> None:
    (verdict,) = verdicts(hasty, "5", completion)
    assert verdict.outcome in {Outcome.INCORRECT, Outcome.NO_ANSWER, Outcome.TIMEOUT}
    for text in (verdict.answer, verdict.answer_class, verdict.detail):
        assert text is None or len(text.encode()) < 8000


@needs_math
@pytest.mark.skipif(not MATH500.exists(), reason="shared data (math500.jsonl) is not beside the project")
def test_every_gold_answer_of_math500_verifies_against_itself(math: MathVerifier) -> None:
    keys = [json.loads(line)["answer"] for line in MATH500.read_text(encoding="utf-8").splitlines()]
    assert len(keys) == 500
    found = math.verify([candidate(box(key), key) for key in keys])
    assert {verdict.outcome for verdict in found} == {Outcome.CORRECT}
    # And past the comparison of texts, through math-verify itself.
    pool = WorkerPool("ttscale.verifiers.formulas.worker:start", {}, workers=1)
    for key, result in zip(keys, pool.run([["boxed", key, key] for key in keys]), strict=True):
        is_correct, _, answer_class = result.value
        assert is_correct, key
        assert not answer_class.startswith(("text:", "form:")), key
    pool.close()
