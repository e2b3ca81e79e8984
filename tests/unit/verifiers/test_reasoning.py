"""Where the answer begins: thoughts, channels, end tokens, and what a truncated sample is worth."""

import pytest
from judging import judge

from ttscale.types import Outcome
from ttscale.verifiers.reasoning import TAGS, answer_part

WITHOUT_REASONING = [
    ("It is 41.", "It is 41."),
    ("", ""),
    ("<think>40?</think>It is 41.", "It is 41."),
    ("<think>\n40?\n</think>\n\nIt is 41.", "\n\nIt is 41."),
    ("<THINK>40?</THINK>It is 41.", "It is 41."),
    ("  <think>40?</think>It is 41.", "It is 41."),
    ("<think></think>It is 41.", "It is 41."),
    ("40? no\n</think>\nIt is 41.", "\nIt is 41."),
    ("It is 40.\n<think>no</think>\nIt is 41.", "It is 40.\n\nIt is 41."),
    ("<think>a</think>b\n<think>c</think>d", "b\nd"),
    ("<think>a <reasoning>b</reasoning> c</think>It is 41.", "It is 41."),
    ("<think>what does <think> mean?</think>It is 41.", "It is 41."),
    ("a</think>b</think>It is 41.", "It is 41."),
    ("<think>It is 4", None),
    ("<think>a</think>b\n<think>c", None),
    ("<think>a</thinking>", None),
    ("x <think> is a tag", "x <think> is a tag"),
    ('print("<think>")\nprint("</think>")', 'print("<think>")\nprint("</think>")'),
    ("Close it with `</think>`.", "Close it with `</think>`."),
    ("if a < b and c > d: pass", "if a < b and c > d: pass"),
    (
        "<|channel|>analysis<|message|>40?<|end|><|start|>assistant<|channel|>final<|message|>It is 41.<|return|>",
        "It is 41.",
    ),
    ("analysis<|message|>40?<|end|><|start|>assistant<|channel|>final <|constrain|>json<|message|>41", "41"),
    ("<|channel|>analysis<|message|>40?", None),
    (
        "<|channel|>analysis<|message|>40?<|end|><|start|>assistant<|channel|>commentary<|message|>x<|call|>",
        None,
    ),
    ("analysisWe need 40.assistantfinalIt is 41.", "It is 41."),
    ("analysisWe need 40.assistantcommentary to=xassistantanalysisHm.assistantfinal41", "41"),
    ("analysisWe need 40.", None),
    ("analysis of variance gives 41", "analysis of variance gives 41"),
    ("It is 41.<|im_end|>", "It is 41."),
    ("It is 41.</s>\n<|endoftext|>\n", "It is 41."),
    ("<|eot_id|> is a token", "<|eot_id|> is a token"),
]


@pytest.mark.parametrize(("completion", "answer"), WITHOUT_REASONING)
def test_reasoning_is_not_the_answer(completion: str, answer: str | None) -> None:
    assert answer_part(completion) == answer


@pytest.mark.parametrize(("open_tag", "close_tag"), TAGS)
def test_every_pair_of_tags_is_known(open_tag: str, close_tag: str) -> None:
    assert answer_part(f"{open_tag}\n40?\n{close_tag}\n41") == "\n41"
    assert answer_part(f"40?\n{close_tag}\n41") == "\n41"
    assert answer_part(f"{open_tag}\n40?") is None


def test_a_completion_that_begins_inside_a_thought_needs_its_end() -> None:
    assert answer_part("It is 40", opened_in_prompt=True) is None
    assert answer_part("40?</think>41", opened_in_prompt=True) == "41"
    assert answer_part("40?[/THINK]41", opened_in_prompt=True) == "41"


@pytest.mark.parametrize("name", ["exact", "numeric", "math", "choice", "regex"])
def test_every_text_verifier_reads_the_answer_alone(name: str) -> None:
    right, wrong = ("B", "C") if name == "choice" else ("41", "40")
    options = {"pattern": "^{answer}$"} if name == "regex" else {}
    thought = f"<think>\n{right}, \\boxed{{{right}}}, the answer is {right}.\n#### {right}\n"
    assert judge(name, f"{thought}</think>{wrong}", right, **options).outcome is Outcome.INCORRECT
    assert judge(name, f"{thought}</think>{right}", right, **options).outcome is Outcome.CORRECT
    assert judge(name, thought, right, **options).outcome is Outcome.NO_ANSWER
    assert judge(name, f"{thought}</think>{right}", right, reasoning="keep", **options).detail is None


def test_a_prompt_that_opens_the_thought_is_noticed() -> None:
    cut = "Maybe \\boxed{41}. Or"
    assert judge("math", cut, "41").outcome is Outcome.CORRECT
    assert judge("math", cut, "41", prompt="User: ?\nAssistant: <think>\n").outcome is Outcome.NO_ANSWER
    assert judge("math", cut, "41", reasoning="opened-in-prompt").outcome is Outcome.NO_ANSWER


def test_tags_of_the_users_own_replace_the_usual_ones() -> None:
    tags = {"open": "<plan>", "close": "</plan>"}
    assert judge("numeric", "<plan>40</plan>41", "41", reasoning=tags).outcome is Outcome.CORRECT
    assert judge("numeric", "<plan>41", "41", reasoning=tags).outcome is Outcome.NO_ANSWER
    assert judge("numeric", "<plan>41", "41").outcome is Outcome.CORRECT
    inside = {**tags, "opened_in_prompt": True}
    assert judge("numeric", "It is 41.", "41", reasoning=inside).outcome is Outcome.NO_ANSWER


CUT = [
    ("numeric", "So \\boxed{41}. Now let me", "41", Outcome.CORRECT),
    ("numeric", "#### 41\n\nQuestion: wh", "41", Outcome.CORRECT),
    ("numeric", "#### 41", "41", Outcome.NO_ANSWER),  # of 412, perhaps
    ("numeric", "The answer is 41. Let", "41", Outcome.CORRECT),
    ("numeric", "The answer is 41", "41", Outcome.NO_ANSWER),
    ("numeric", "3 3 3 3 41", "41", Outcome.NO_ANSWER),
    ("numeric", "3 + 38 = 41\n", "41", Outcome.NO_ANSWER),
    ("math", "It is $41$ and", "41", Outcome.NO_ANSWER),
    ("math", "It is $\\boxed{41}$ and", "41", Outcome.CORRECT),
    ("exact", "41", "41", Outcome.CORRECT),  # the whole is the form that was asked for
    ("choice", "B", "B", Outcome.CORRECT),  # one token, as log-likelihood tasks draw
    ("choice", "I compare A\nB is", "B", Outcome.NO_ANSWER),
    ("choice", "Answer: B\nBecause", "B", Outcome.CORRECT),
]


@pytest.mark.parametrize(("name", "completion", "key", "outcome"), CUT)
@pytest.mark.parametrize("reason", ["length", "max_tokens", "MAX_TOKENS", "model_length"])
def test_of_a_truncated_sample_only_a_stated_answer_counts(
    name: str, completion: str, key: str, outcome: Outcome, reason: str
) -> None:
    assert judge(name, completion, key, reason=reason).outcome is outcome
    assert judge(name, completion, key, reason=reason, truncated="no-answer").outcome is Outcome.NO_ANSWER
    whole = judge(name, completion, key).outcome
    assert judge(name, completion, key, reason=reason, truncated="as-is").outcome is whole


def test_a_pattern_of_the_users_own_says_what_is_stated() -> None:
    options = {"extract": ["regex:total ([0-9]+)", "last-number"]}
    assert judge("numeric", "total 41 and", "41", reason="length", **options).outcome is Outcome.CORRECT
    assert judge("numeric", "41 and", "41", reason="length", **options).outcome is Outcome.NO_ANSWER
