"""The demo model as transformers loads it, against the exact success rates in its training log and card.

The forward passes here are written anew: one problem at a time, in float32, without the script's batching.
"""

import json
import math
import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ttscale.models import built_in_model
from ttscale.samplers.masking import mask_broken
from ttscale.tasks.arithmetic import ArithmeticOptions, ArithmeticTask

mask_broken()
torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

FOLDER = built_in_model("demo-arithmetic")
LOG = Path(__file__).parents[2] / "benchmarks" / "train_demo_model.jsonl"


@cache
def tokenizer() -> Any:
    return transformers.AutoTokenizer.from_pretrained(FOLDER)


@cache
def model() -> Any:
    return transformers.AutoModelForCausalLM.from_pretrained(FOLDER, dtype=torch.float32).eval()


@cache
def logged(event: str) -> list[dict[str, Any]]:
    if not LOG.exists():
        pytest.skip("the training log is not part of this installation")
    return [entry for line in LOG.read_text().splitlines() if (entry := json.loads(line))["event"] == event]


def logged_rates() -> np.ndarray:
    return np.array([entry["p"] for entry in logged("problem")])


def coverage(p: np.ndarray, k: int) -> float:
    return float(np.mean(1 - (1 - p) ** k))


@torch.no_grad()
def success_rate(prompt: str, answer: str) -> float:
    """Multiply the probabilities of the answer's characters and of the end token."""
    ids = [*tokenizer()(prompt + answer)["input_ids"], tokenizer().eos_token_id]
    following = torch.softmax(model()(input_ids=torch.tensor([ids])).logits[0].double(), dim=-1)
    return math.prod(float(following[i - 1, ids[i]]) for i in range(len(ids) - len(answer) - 1, len(ids)))


def test_a_prompt_is_one_token_per_character_after_the_begin_token() -> None:
    assert tokenizer()("37*52=")["input_ids"] == [1, 6, 10, 14, 8, 5, 15]
    ids = tokenizer()("0123456789+*=", add_special_tokens=False)["input_ids"]
    assert ids == list(range(3, 16))
    assert tokenizer().decode(ids, skip_special_tokens=True) == "0123456789+*="


def test_the_end_token_follows_the_answer_and_is_not_decoded() -> None:
    assert (tokenizer().bos_token_id, tokenizer().eos_token_id, tokenizer().pad_token_id) == (1, 2, 0)
    assert tokenizer().decode([4, 12, 5, 7, 2], skip_special_tokens=True) == "1924"


def test_the_weights_have_the_success_rates_that_the_log_states() -> None:
    problems = ArithmeticTask(ArithmeticOptions()).problems()
    measured = [success_rate(str(problem.prompt), str(problem.answer)) for problem in problems]
    np.testing.assert_allclose(measured, logged_rates(), rtol=1e-3)


def test_success_rates_spread_as_the_demo_needs() -> None:
    p = logged_rates()
    assert 0.02 <= coverage(p, 1) <= 0.20
    assert 0.60 <= coverage(p, 1000) <= 0.97
    assert (p < 1e-5).any(), "no problem stays unsolved"
    assert np.log10(p).max() - np.log10(p).min() > 4


def test_the_card_states_the_coverage_of_the_log() -> None:
    assert FOLDER is not None
    rows = dict(
        re.findall(r"^\| ([\d,]+) \| ([\d.]+) % \|$", (FOLDER / "README.md").read_text(), re.MULTILINE)
    )
    assert len(rows) == 6
    for k, percent in rows.items():
        assert float(percent) == pytest.approx(
            100 * coverage(logged_rates(), int(k.replace(",", ""))), abs=0.0501
        )


def test_sampling_agrees_with_the_exact_rates_and_stops_by_itself() -> None:
    # The number of right answers among 12 problems x 200 samples is Poisson-binomial; |z| > 4 has a chance of
    # 6e-5 for a normal variable.
    n = 200
    problems = ArithmeticTask(ArithmeticOptions(problems=12)).problems()
    rates = logged_rates()[:12]
    torch.manual_seed(0)
    right = unfinished = 0
    for problem in problems:
        inputs = tokenizer()(problem.prompt, return_tensors="pt")
        output = model().generate(**inputs, num_return_sequences=n)  # the folder's own generation settings
        completions = output[:, inputs["input_ids"].shape[1] :]
        unfinished += int((completions != tokenizer().eos_token_id).all(dim=1).sum())
        texts = tokenizer().batch_decode(completions, skip_special_tokens=True)
        right += sum(text == problem.answer for text in texts)
    z = (right - n * rates.sum()) / np.sqrt(n * (rates * (1 - rates)).sum())
    assert abs(z) < 4
    assert unfinished <= 0.01 * n * len(problems)
