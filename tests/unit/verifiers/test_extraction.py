"""What each extractor finds in the ways that models really write answers."""

import pytest
from judging import candidate
from pydantic import TypeAdapter, ValidationError

from ttscale.types import Outcome
from ttscale.verifiers import extraction
from ttscale.verifiers.exact import ExactOptions, ExactVerifier
from ttscale.verifiers.extraction import (
    EXTRACTORS,
    ExtractorNames,
    answer_is,
    boxed,
    find_extractor,
    hash_line,
    last_line,
)


@pytest.mark.parametrize(
    ("completion", "answer"),
    [
        (r"so $\boxed{42}$.", "42"),
        (r"\boxed{1} then \boxed{2}", "2"),
        (r"\boxed{\frac{3}{4}}", r"\frac{3}{4}"),
        (r"\boxed{\left\{1, 2\right\}}", r"\left\{1, 2\right\}"),
        (r"\boxed{\text{a}_{b_{c}}} and done", r"\text{a}_{b_{c}}"),
        (r"\fbox{7}", "7"),
        (r"\boxed {7}", "7"),
        (r"$\boxed 7$", "7"),
        (r"\boxed{5}, wait, \boxed{unfinished", "5"),
        (r"\boxed{outer \boxed{inner}}", r"inner"),
        (r"\boxed{}", ""),
        (r"a \{ b \boxed{c\}d} e", r"c\}d"),
        (r"} stray \boxed{1}", "1"),
        ("nothing here", None),
        (r"\boxed{unfinished", None),
        ("", None),
    ],
)
def test_boxed_is_the_last_complete_box(completion: str, answer: str | None) -> None:
    assert boxed(completion) == answer


@pytest.mark.parametrize(
    ("completion", "answer"),
    [
        ("work\n#### 18", "18"),
        ("#### 1,200 dollars\nmore", "1,200 dollars"),
        ("#### 3\n#### 4\n", "4"),
        ("####5", "5"),
        ("9 * 2 = 18 #### 18", "18"),
        ("#### Step 2: add\n18", None),
        ("##### 5", None),
        ("####", None),
        ("### 5", None),
    ],
)
def test_hash_line_is_what_follows_the_last_four_hashes(completion: str, answer: str | None) -> None:
    assert hash_line(completion) == answer


@pytest.mark.parametrize(
    ("completion", "answer"),
    [
        ("The answer is 18.", "18"),
        ("the final answer is: 18", "18"),
        ("**Answer:** 18", "18"),
        ("**Answer**: 18", "18"),
        ("Final Answer:\n\n**18**", "18"),
        ("The answer is **18 dollars**. Let me know!", "18 dollars"),
        ("Therefore, the answer to the whole question would be $1,200.50 per year.", "$1,200.50 per year"),
        ("The answer is 3.5 apples. That is a lot.", "3.5 apples"),
        ("The answer is 1. No, the correct answer is 2.", "2"),
        ("ANSWER = 7", "7"),
        ("So the answers are 1 and 2", "1 and 2"),
        ("My answer is (C) because of this.", "(C) because of this"),
        ("The answer:\r\n18\r\n", "18"),
        ("I cannot answer that", None),
        ("The answer is", None),
        ("The answer is 4.\nThe answer is", "4"),
    ],
)
def test_answer_is_reads_the_sentence_after_the_cue(completion: str, answer: str | None) -> None:
    assert answer_is(completion) == answer


def test_last_line_skips_blank_lines() -> None:
    assert last_line("a\nb \n\n  ") == "b"
    assert last_line(" \n ") is None


def test_a_regex_takes_the_last_match_and_its_first_group() -> None:
    assert find_extractor(r"regex:x=(\d)")("x=1 x=2") == "2"
    assert find_extractor(r"regex:\d+")("1 22 x") == "22"
    assert find_extractor(r"regex:\d+")("none") is None


def test_a_regex_that_never_ends_costs_its_own_sample_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extraction, "SEARCH_LIMIT_S", 0.2)
    verifier = ExactVerifier(ExactOptions(extract=("regex:^(a+)+$", "last-line")))
    batch = [candidate(text, "aaa") for text in ("aaa", "a" * 60 + "!", "b")]
    outcomes = [verdict.outcome for verdict in verifier.verify(batch)]
    assert outcomes == [Outcome.CORRECT, Outcome.TIMEOUT, Outcome.INCORRECT]


def test_an_option_takes_one_name_or_a_list() -> None:
    adapter = TypeAdapter(ExtractorNames)
    assert adapter.validate_python("boxed") == ("boxed",)
    assert adapter.validate_python(["boxed", "regex:a(b)"]) == ("boxed", "regex:a(b)")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["boxd"], "Did you mean 'boxed'"),
        (["regex:("], "not a regular expression"),
        ([], "finds nothing"),
    ],
)
def test_a_wrong_option_says_what_is_wrong(names: list[str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TypeAdapter(ExtractorNames).validate_python(names)


HOSTILE = [
    "\\boxed{" * 20_000,
    "\\boxed" + " " * 100_000,
    "{" * 100_000 + "}" * 100_000,
    "####" * 40_000,
    "#### " * 20_000,
    "answer " * 20_000,
    "answer is" * 10_000,
    "answer is " * 100_000,
    "answer:\n" * 20_000,
    "\n" * 100_000,
    "1," * 50_000,
    "\\frac{" * 20_000,
    "1 / " * 20_000,
    "\x00\x1b[31m\ud800" * 10_000,
    "9" * 1_000_000,
    "",
]


@pytest.mark.parametrize("name", sorted(EXTRACTORS))
@pytest.mark.parametrize("completion", HOSTILE, ids=lambda text: repr(text[:8]))
def test_hostile_completions_end(name: str, completion: str) -> None:
    found = EXTRACTORS[name](completion)
    assert found is None or isinstance(found, str)
