"""Reward models: real forward passes of tiny random models, against scoring one text at a time by hand."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from loopback_server import Answer, serve
from pydantic import ValidationError
from tiny_reward_model import make_bert, make_llama

from ttscale.errors import VerifierError
from ttscale.types import Message, Outcome, Problem, Sample, Verdict
from ttscale.verifiers.contract import Candidate
from ttscale.verifiers.reward_model import RewardModelOptions, RewardModelVerifier, classification
from ttscale.verifiers.reward_model.choosing import FirstThatRuns
from ttscale.verifiers.reward_model.options import Passage, Rewards
from ttscale.verifiers.reward_model.reducing import reduced, reward_of

PROBLEM = Problem(problem_id="p", prompt="What is 2+2?")
TEXTS = [
    "4",
    "It is four. " * 9,
    "5\n\nNo: 4",
    "",
    "\x00\x1b[2J \ufffd",
    "A\n\nB\n\n\n\nC",
    "x" * 300,
    "yes<end>",
]


def candidates(texts: Sequence[str], problem: Problem = PROBLEM) -> list[Candidate]:
    return [
        Candidate(
            problem,
            Sample(
                problem_id=problem.problem_id,
                sample_index=index,
                completion=text,
                finish_reason="stop",
                prompt_tokens=1,
                completion_tokens=1,
            ),
        )
        for index, text in enumerate(texts)
    ]


def score(path: Path, texts: Sequence[str] = TEXTS, **options: Any) -> list[Verdict]:
    verifier = RewardModelVerifier(RewardModelOptions(path=str(path), **options))
    found = verifier.verify(candidates(texts))
    verifier.close()
    return found


# ---- without torch ------------------------------------------------------------------------------


def test_rewards_of_steps_are_reduced_as_named() -> None:
    rewards = [0.9, 0.5, 0.8]
    assert reduced(rewards, "min") == 0.5
    assert reduced(rewards, "last") == 0.8
    assert reduced(rewards, "prod") == pytest.approx(0.36)
    assert reduced(rewards, "mean") == pytest.approx(2.2 / 3)


@pytest.mark.parametrize(
    ("logits", "options", "expected"),
    [
        ([-3.0], {}, -3.0),
        ([0.0], {"rewards": "steps"}, 0.5),
        ([1000.0], {"activation": "sigmoid"}, 1.0),
        ([-1000.0], {"activation": "sigmoid"}, 0.0),
        ([1000.0, 1000.0], {}, 0.5),
        ([0.0, math.log(3.0)], {}, 0.75),
        ([0.0, math.log(3.0)], {"label": 0}, 0.25),
        ([1.0, 2.0, 3.0], {"label": 1, "activation": "none"}, 2.0),
    ],
)
def test_a_heads_logits_become_a_reward(
    logits: list[float], options: dict[str, Any], expected: float
) -> None:
    assert reward_of(logits, RewardModelOptions(path="m", **options)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "exactly one of 'path' and 'endpoint'"),
        ({"path": "m", "endpoint": {"model": "m"}}, "exactly one of 'path' and 'endpoint'"),
        (
            {"path": "m", "rewards": "steps", "reduction": "prod", "activation": "none"},
            r"rewards in \[0, 1\]",
        ),
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        RewardModelOptions.model_validate(options)


# ---- in transformers ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def transformers() -> Any:
    pytest.importorskip("torch")
    pytest.importorskip("tokenizers")
    classification._require_transformers()
    return pytest.importorskip("transformers")


def by_hand(transformers: Any, path: Path, texts: Sequence[str], *, chat: bool) -> list[float]:
    """Score one text at a time, as the documentation of transformers does: no padding, no batch."""
    import torch

    tokenizer = transformers.AutoTokenizer.from_pretrained(path)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(path).eval()
    model.config.pad_token_id = None  # a single text is read at its last token
    found = []
    for text in texts:
        if chat:
            turns = [{"role": "user", "content": PROBLEM.prompt}, {"role": "assistant", "content": text}]
            ids = tokenizer(
                tokenizer.apply_chat_template(turns, tokenize=False), return_tensors="pt"
            ).input_ids
        else:
            ids = tokenizer(f"{PROBLEM.prompt}{text}", return_tensors="pt").input_ids
        with torch.inference_mode():
            logits = model(input_ids=ids).logits[0]
        found.append(float(logits[0] if len(logits) == 1 else logits.softmax(-1)[-1]))
    return found


@pytest.mark.parametrize("batch_tokens", [1, 700, 16_384])
@pytest.mark.parametrize(("padding", "chat"), [(True, True), (False, True), (True, False), (False, False)])
def test_batched_scores_equal_those_of_one_text_at_a_time(
    transformers: Any, tmp_path: Path, batch_tokens: int, padding: bool, chat: bool
) -> None:
    path = make_llama(tmp_path / "model", padding=padding, chat=chat)
    texts = [text for text in TEXTS if text]
    found = score(path, texts, batch_tokens=batch_tokens)
    expected = by_hand(transformers, path, texts, chat=chat)
    assert len({round(value, 3) for value in expected}) == len(expected)  # it can tell them apart
    assert [verdict.score for verdict in found] == pytest.approx(expected, abs=1e-4)
    assert {verdict.outcome for verdict in found} == {Outcome.SCORED}


def test_an_encoder_with_two_labels_gives_the_probability_of_the_last(
    transformers: Any, tmp_path: Path
) -> None:
    path = make_bert(tmp_path / "model")
    texts = [text for text in TEXTS if text]
    expected = by_hand(transformers, path, texts, chat=False)
    assert [verdict.score for verdict in score(path, texts)] == pytest.approx(expected, abs=1e-4)


@pytest.mark.usefixtures("transformers")
def test_an_empty_completion_has_no_answer_and_shifts_nothing(tmp_path: Path) -> None:
    path = make_llama(tmp_path / "model")
    found = score(path, ["a", "", " \n", "b"])
    assert [verdict.outcome for verdict in found] == ["scored", "no_answer", "no_answer", "scored"]
    assert found[3].score == pytest.approx(score(path, ["b"])[0].score, abs=1e-4)


@pytest.mark.usefixtures("transformers")
def test_lone_surrogates_are_scored_as_what_replaces_them(tmp_path: Path) -> None:
    lone, replaced = score(make_llama(tmp_path / "model"), ["a\ud800", "a\ufffd"])
    assert lone.score == pytest.approx(replaced.score, abs=1e-4)


@pytest.mark.usefixtures("transformers")
def test_only_scores_from_the_threshold_on_are_accepted(tmp_path: Path) -> None:
    path = make_llama(tmp_path / "model")
    scores = [verdict.score or 0.0 for verdict in score(path, ["a", "b", "c"])]
    middle = sorted(scores)[1]
    found = score(path, ["a", "b", "c"], accept_at=middle - 1e-6)
    assert [verdict.outcome is Outcome.CORRECT for verdict in found] == [value >= middle for value in scores]


def test_steps_of_a_sequence_model_are_its_scores_of_every_beginning(
    transformers: Any, tmp_path: Path
) -> None:
    path = make_llama(tmp_path / "model")
    beginnings = by_hand(transformers, path, ["A", "A\n\nB", "A\n\nB\n\nC"], chat=True)
    chances = [1.0 / (1.0 + math.exp(-logit)) for logit in beginnings]
    for reduction in ("min", "prod", "last", "mean"):
        (found,) = score(path, ["A\n\nB\n\n\n\nC"], rewards="steps", reduction=reduction)
        assert found.score == pytest.approx(reduced(chances, reduction), abs=1e-4)


@pytest.mark.parametrize("step_token", [None, "#"])
def test_a_token_model_gives_a_reward_at_the_end_of_each_step(
    transformers: Any, tmp_path: Path, step_token: str | None
) -> None:
    import torch

    path = make_llama(tmp_path / "model", labels=2, per_token=True)
    tokenizer = transformers.AutoTokenizer.from_pretrained(path)
    model = transformers.AutoModelForTokenClassification.from_pretrained(path).eval()
    end = step_token or "\n\n"
    ids = tokenizer(f"[user]{PROBLEM.prompt}<end>[assistant]A{end}BB{end}", return_tensors="pt").input_ids
    with torch.inference_mode():
        logits = model(input_ids=ids).logits[0]
    after_b = logits.shape[0] - 1
    after_a = after_b - 2 - len(end)
    chances = [float(logits[place].softmax(-1)[1]) for place in (after_a, after_b)]
    options = {"rewards": "steps", "step_token": step_token}
    long, found, *_ = score(path, ["word\n\n" * 20, "A\n\nBB", "C"], reduction="prod", **options)
    assert found.score == pytest.approx(math.prod(chances), abs=1e-4)
    assert (found.detail or "").startswith("steps: ")
    assert long.score is not None


@pytest.mark.usefixtures("transformers")
def test_a_text_beyond_the_context_is_an_error_of_that_sample(tmp_path: Path) -> None:
    found = score(make_llama(tmp_path / "model"), ["4", "x" * 1_000_000])
    assert found[0].outcome is Outcome.SCORED
    assert found[1].outcome is Outcome.ERROR
    assert "1,000,0" in (found[1].detail or "")
    assert "reads 512" in (found[1].detail or "")


@pytest.mark.usefixtures("transformers")
def test_where_memory_is_short_batches_are_halved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_llama(tmp_path / "model")
    expected = [verdict.score for verdict in score(path, ["a", "b", "c" * 100])]
    whole = classification.ClassificationBackend._logits

    def short(self: Any, batch: Any) -> Any:
        if len(batch) > 1 or len(batch[0].ids) > 100:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return whole(self, batch)

    monkeypatch.setattr(classification.ClassificationBackend, "_logits", short)
    found = score(path, ["a", "b", "c" * 100])
    assert [verdict.score for verdict in found] == [*map(pytest.approx, expected[:2]), None]
    assert "more memory" in (found[2].detail or "")


# ---- models that are none -----------------------------------------------------------------------


def one_line(error: pytest.ExceptionInfo[VerifierError]) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.usefixtures("transformers")
def test_a_model_that_does_not_fit_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_llama(tmp_path / "model")
    monkeypatch.setattr(classification, "_free_bytes", lambda device: 1000)
    with pytest.raises(
        VerifierError, match=r"needs .* GB in float32, and cpu has 1e-06 GB free\. Choose"
    ) as error:
        score(path)
    one_line(error)


@pytest.mark.usefixtures("transformers")
@pytest.mark.parametrize(
    ("name", "message"),
    [("missing", "does not exist"), ("empty", "has no config.json"), ("damaged", "transformers cannot load")],
)
def test_a_folder_without_a_model_is_one_clear_line(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "config.json").write_text("{")
    with pytest.raises(VerifierError, match=message) as error:
        score(tmp_path / name)
    assert str(tmp_path / name) in one_line(error)


@pytest.mark.usefixtures("transformers")
def test_a_language_model_is_no_reward_model(tmp_path: Path) -> None:
    path = make_llama(tmp_path / "model")
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(config | {"architectures": ["LlamaForCausalLM"]}))
    with pytest.raises(VerifierError, match=r"is no reward model \(LlamaForCausalLM\)"):
        score(path)


@pytest.mark.usefixtures("transformers")
def test_a_head_of_random_numbers_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = make_llama(tmp_path / "model")
    weights = load_file(path / "model.safetensors")
    del weights["score.weight"]
    save_file(weights, path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(VerifierError, match=r"weights lack score\.weight") as error:
        score(path)
    one_line(error)


# ---- served -------------------------------------------------------------------------------------


def served(url: str, texts: Sequence[str], **options: Any) -> list[Verdict]:
    endpoint = {"base_url": url, "model": "rm", "max_retries": 0}
    return RewardModelVerifier(RewardModelOptions(endpoint=endpoint, **options)).verify(candidates(texts))  # type: ignore[arg-type]


def length_as_logit(body: dict[str, Any], attempt: int) -> Answer:
    text = body["messages"][-1]["content"]
    if "bad" in text:
        return Answer({"data": []})
    return Answer({"data": [{"index": 0, "data": [float(len(text))]}]})


def test_a_server_is_asked_for_logits() -> None:
    with serve(length_as_logit) as server:
        found = served(server.url, ["abc", "", "bad", "a\ud800"])
    assert set(server.paths) == {"/pooling"}
    assert server.seen[0]["task"] == "classify"
    assert server.seen[0]["use_activation"] is False
    assert [message["role"] for message in server.seen[0]["messages"]] == ["user", "assistant"]
    assert [verdict.outcome for verdict in found] == ["scored", "no_answer", "error", "scored"]
    assert [verdict.score for verdict in found] == [3.0, None, None, 2.0]


def test_a_server_scores_beginnings_for_steps() -> None:
    with serve(length_as_logit) as server:
        (found,) = served(server.url, ["a\n\nb"], rewards="steps", activation="none")
    assert found.score == 1.0
    assert [body["messages"][-1]["content"] for body in server.seen] in (["a", "a\n\nb"], ["a\n\nb", "a"])


def test_a_server_gives_no_rewards_at_step_tokens() -> None:
    with pytest.raises(VerifierError, match="leave out 'step_token'"):
        served("http://127.0.0.1:9/v1", ["a"], rewards="steps", step_token="#")


def test_turns_of_a_conversation_are_kept() -> None:
    problem = Problem(problem_id="p", messages=(Message("system", "Be brief."), Message("user", "2+2?")))
    with serve(length_as_logit) as server:
        options = RewardModelOptions(endpoint={"base_url": server.url, "model": "rm"})  # type: ignore[arg-type]
        RewardModelVerifier(options).verify(candidates(["4"], problem))
    assert [message["role"] for message in server.seen[0]["messages"]] == ["system", "user", "assistant"]


class FakeBackend:
    """Scores everything 1, or says that it cannot run."""

    def __init__(self, refusal: str | None = None) -> None:
        self.refusal = refusal
        self.is_closed = False

    def rewards(self, passages: list[Passage]) -> list[Rewards | str]:
        if self.refusal is not None:
            raise VerifierError(self.refusal)
        return [(1.0,)] * len(passages)

    def close(self) -> None:
        self.is_closed = True


def test_an_engine_that_cannot_load_the_model_gives_way_to_the_other() -> None:
    first, other = FakeBackend("unknown architecture"), FakeBackend()
    backend = FirstThatRuns(first, other)
    passage = Passage((), ("a",))
    assert backend.rewards([passage]) == [(1.0,)]
    assert first.is_closed
    other.refusal = "gone"
    with pytest.raises(VerifierError, match="gone"):
        backend.rewards([passage])


def test_an_engine_that_scored_before_is_not_replaced() -> None:
    first = FakeBackend()
    backend = FirstThatRuns(first, FakeBackend())
    backend.rewards([Passage((), ("a",))])
    first.refusal = "out of memory"
    with pytest.raises(VerifierError, match="out of memory"):
        backend.rewards([Passage((), ("a",))])
