"""The built-in models as transformers loads them, against the exact success rates in their training logs and cards.

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

from ttscale.execution.masking import mask_broken
from ttscale.models import built_in_model
from ttscale.tasks.arithmetic import ArithmeticOptions, ArithmeticTask

mask_broken()
torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
LOGS = {
    "demo-arithmetic": BENCHMARKS / "train_demo_model.jsonl",
    "demo-arithmetic-small": BENCHMARKS / "train_demo_model_small.jsonl",
}
each_model = pytest.mark.parametrize("name", LOGS)


@cache
def tokenizer(name: str) -> Any:
    return transformers.AutoTokenizer.from_pretrained(built_in_model(name))


@cache
def model(name: str) -> Any:
    folder = built_in_model(name)
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


@cache
def logged(name: str, event: str) -> list[dict[str, Any]]:
    if not LOGS[name].exists():
        pytest.skip("the training log is not part of this installation")
    lines = LOGS[name].read_text().splitlines()
    return [entry for line in lines if (entry := json.loads(line))["event"] == event]


def logged_rates(name: str) -> np.ndarray:
    return np.array([entry["p"] for entry in logged(name, "problem")])


def coverage(p: np.ndarray, k: int) -> float:
    return float(np.mean(1 - (1 - p) ** k))


@torch.no_grad()
def success_rate(name: str, prompt: str, answer: str) -> float:
    """Multiply the probabilities of the answer's characters and of the end token."""
    ids = [*tokenizer(name)(prompt + answer)["input_ids"], tokenizer(name).eos_token_id]
    following = torch.softmax(model(name)(input_ids=torch.tensor([ids])).logits[0].double(), dim=-1)
    return math.prod(float(following[i - 1, ids[i]]) for i in range(len(ids) - len(answer) - 1, len(ids)))


@each_model
def test_a_prompt_is_one_token_per_character_after_the_begin_token(name: str) -> None:
    assert tokenizer(name)("37*52=")["input_ids"] == [1, 6, 10, 14, 8, 5, 15]
    ids = tokenizer(name)("0123456789+*=", add_special_tokens=False)["input_ids"]
    assert ids == list(range(3, 16))
    assert tokenizer(name).decode(ids, skip_special_tokens=True) == "0123456789+*="


@each_model
def test_the_end_token_follows_the_answer_and_is_not_decoded(name: str) -> None:
    assert (tokenizer(name).bos_token_id, tokenizer(name).eos_token_id, tokenizer(name).pad_token_id) == (
        1,
        2,
        0,
    )
    assert tokenizer(name).decode([4, 12, 5, 7, 2], skip_special_tokens=True) == "1924"


@each_model
def test_the_weights_have_the_success_rates_that_the_log_states(name: str) -> None:
    problems = ArithmeticTask(ArithmeticOptions()).problems()
    measured = [success_rate(name, str(problem.prompt), str(problem.answer)) for problem in problems]
    np.testing.assert_allclose(measured, logged_rates(name), rtol=1e-3)


@each_model
def test_success_rates_spread_as_the_demo_needs(name: str) -> None:
    p = logged_rates(name)
    assert 0.02 <= coverage(p, 1) <= 0.20
    assert 0.60 <= coverage(p, 1000) <= 0.97
    assert (p < 1e-5).any(), "no problem stays unsolved"
    assert np.log10(p).max() - np.log10(p).min() > 4


@each_model
def test_the_card_states_the_coverage_of_the_log(name: str) -> None:
    folder = built_in_model(name)
    assert folder is not None
    rows = dict(
        re.findall(r"^\| ([\d,]+) \| ([\d.]+) % \|$", (folder / "README.md").read_text(), re.MULTILINE)
    )
    assert len(rows) == 6
    for k, percent in rows.items():
        assert float(percent) == pytest.approx(
            100 * coverage(logged_rates(name), int(k.replace(",", ""))), abs=0.0501
        )


@each_model
def test_sampling_agrees_with_the_exact_rates_and_stops_by_itself(name: str) -> None:
    # The number of right answers among 12 problems x 100 samples is Poisson-binomial; |z| > 4 has a chance of
    # 6e-5 for a normal variable.
    n = 100
    problems = ArithmeticTask(ArithmeticOptions(problems=12)).problems()
    rates = logged_rates(name)[:12]
    torch.manual_seed(0)
    right = unfinished = 0
    for problem in problems:
        inputs = tokenizer(name)(problem.prompt, return_tensors="pt")
        output = model(name).generate(
            **inputs, num_return_sequences=n
        )  # the folder's own generation settings
        completions = output[:, inputs["input_ids"].shape[1] :]
        unfinished += int((completions != tokenizer(name).eos_token_id).all(dim=1).sum())
        texts = tokenizer(name).batch_decode(completions, skip_special_tokens=True)
        right += sum(text == problem.answer for text in texts)
    z = (right - n * rates.sum()) / np.sqrt(n * (rates * (1 - rates)).sum())
    assert abs(z) < 4
    assert unfinished <= 0.01 * n * len(problems)
