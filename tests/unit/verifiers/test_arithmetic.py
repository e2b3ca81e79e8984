"""`last-digit` and `casting-out-nines`, judged against theory by enumerating every answer."""

from collections import Counter

import pytest
from judging import candidate

from ttscale.registry import load_plugin
from ttscale.types import Outcome, Verdict
from ttscale.verifiers.answers import MAX_ANSWER_LENGTH

MODULUS = {"last-digit": 10, "casting-out-nines": 9}
both = pytest.mark.parametrize("name", MODULUS)


def judge_all(name: str, prompt: str | None, completions: list[str], **options: object) -> list[Verdict]:
    verifier = load_plugin("verifiers", name)
    assert not verifier.sees_answer
    batch = [  # no key: the verifier cannot peek
        candidate(completion, prompt=prompt, index=i) for i, completion in enumerate(completions)
    ]
    verdicts = verifier(verifier.Options(**options)).verify(batch)
    return list(verdicts)


def judge(name: str, prompt: str | None, completion: str, **options: object) -> Verdict:
    return judge_all(name, prompt, [completion], **options)[0]


@both
@pytest.mark.parametrize("operation", ["+", "*"])
def test_exactly_the_answers_off_by_a_multiple_of_the_modulus_are_accepted(name: str, operation: str) -> None:
    for left in range(1, 30):
        right = 7 * left % 31 + 1
        truth = left + right if operation == "+" else left * right
        answers = range(-200, 1200)
        verdicts = judge_all(name, f"{left}{operation}{right}=", [str(answer) for answer in answers])
        for answer, verdict in zip(answers, verdicts, strict=True):
            accepted = (answer - truth) % MODULUS[name] == 0
            assert verdict.outcome is (Outcome.CORRECT if accepted else Outcome.INCORRECT)
            assert verdict.score == float(accepted)
            assert verdict.answer_class == str(answer)


@both
def test_a_right_answer_is_never_rejected(name: str) -> None:
    for left in range(1, 100):
        for right in range(1, 100):
            assert judge(name, f"{left}*{right}=", str(left * right)).outcome is Outcome.CORRECT
            assert judge(name, f"{left}+{right}=", str(left + right)).outcome is Outcome.CORRECT


@both
def test_the_false_positive_rate_over_uniform_wrong_answers_is_the_theoretical_one(name: str) -> None:
    # Of the m j consecutive numbers j are congruent to the truth, which is one of them: j - 1 false positives.
    m, j = MODULUS[name], 1000
    wrong = [str(answer) for answer in range(m * j) if answer != 1924]
    outcomes = Counter(verdict.outcome for verdict in judge_all(name, "37*52=", wrong))
    assert outcomes == {Outcome.CORRECT: j - 1, Outcome.INCORRECT: m * j - j}


def test_exchanged_digits_slip_past_casting_out_nines_but_not_past_the_last_digit() -> None:
    assert judge("casting-out-nines", "37*52=", "1942").outcome is Outcome.CORRECT
    assert judge("last-digit", "37*52=", "1942").outcome is Outcome.INCORRECT
    assert judge("last-digit", "37*52=", "1934").outcome is Outcome.CORRECT


@both
@pytest.mark.parametrize(
    "completion", ["", " ", "abc", "19 24", "1924.0", "=1924", "1924=", "-", "１９２４", "1,924"]
)
def test_a_completion_that_is_no_integer_is_no_answer_and_abstains(name: str, completion: str) -> None:
    verdict = judge(name, "37*52=", completion)
    assert (verdict.outcome, verdict.answer, verdict.answer_class) == (Outcome.NO_ANSWER, None, None)
    assert verdict.score == 0.0


@both
@pytest.mark.parametrize(
    ("completion", "answer_class"), [(" 1924\n", "1924"), ("001924", "1924"), ("+1924", "1924"), ("-0", "0")]
)
def test_spellings_of_one_integer_vote_together(name: str, completion: str, answer_class: str) -> None:
    verdict = judge(name, "37*52=", completion)
    assert verdict.answer == completion.strip()
    assert verdict.answer_class == answer_class


@both
@pytest.mark.parametrize("prompt", [None, "", "37-52=", "What is 37*52?", "37*52", "37*52*2="])
def test_another_task_is_an_error_that_says_so(name: str, prompt: str | None) -> None:
    verdict = judge(name, prompt, "1924")
    assert verdict.outcome is Outcome.ERROR
    assert verdict.detail is not None
    assert "'arithmetic'" in verdict.detail


@both
def test_prompts_may_have_white_space(name: str) -> None:
    assert judge(name, "37 * 52 =\n", "1924").outcome is Outcome.CORRECT


@both
def test_a_hostile_number_of_a_million_digits_is_judged_and_kept_short(name: str) -> None:
    verdict = judge(name, "37*52=", "1" * 1_000_000)
    assert verdict.outcome is Outcome.INCORRECT
    assert verdict.answer is not None
    assert verdict.answer_class is not None
    assert max(len(verdict.answer), len(verdict.answer_class)) <= MAX_ANSWER_LENGTH


@both
def test_the_answer_can_be_extracted_from_prose(name: str) -> None:
    completion = "37 times 52 is 1924."
    assert judge(name, "37*52=", completion).outcome is Outcome.NO_ANSWER
    assert judge(name, "37*52=", completion, extract="last-number").outcome is Outcome.CORRECT
