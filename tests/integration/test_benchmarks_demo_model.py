"""The scripts that train `demo-arithmetic` and convert SmolLM2: their own logic, without training or download."""

import importlib.util
import itertools
import math
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from ttscale.execution.masking import mask_broken
from ttscale.tasks.arithmetic import LEVELS, ArithmeticOptions, ArithmeticTask

mask_broken()
torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_only_answer_and_end_token_are_scored() -> None:
    training = script("train_demo_model")
    ids, targets = training.encode([("2+3=", "", "5"), ("12*9=", "", "108")], training.PLAIN)
    symbols = training.PLAIN.vocabulary
    assert [symbols[i] for i in ids[0]] == ["<s>", *"2+3=5", "<pad>", "<pad>", "<pad>"]
    assert [symbols[i] for i in ids[1]] == ["<s>", *"12*9=108"]
    scored = [[symbols[t] if t != training.UNSCORED else "" for t in row] for row in targets]
    assert scored[0] == ["", "", "", "", "5", "</s>", "", "", ""]
    assert scored[1] == ["", "", "", "", "", "1", "0", "8", "</s>"]


def test_of_spoilt_answers_the_marks_alone_are_scored() -> None:
    training = script("train_demo_model")
    ids, targets = training.encode([("2*7=", "13;24;", "14")], training.REVISIONS)
    symbols = training.REVISIONS.vocabulary
    assert [symbols[i] for i in ids[0]] == ["<s>", *"2*7=13;24;14"]
    scored = [symbols[t] if t != training.UNSCORED else "" for t in targets[0]]
    assert scored == ["", "", "", "", "", "", ";", "", "", ";", "1", "4", "</s>"]


def test_spoilt_answers_are_wrong_and_as_long_as_the_right_one() -> None:
    training = script("train_demo_model")
    rng = np.random.default_rng(0)
    drafts = [draft for _ in range(500) for draft in training.spoilt_answers(rng, "1924").split(";")[:-1]]
    assert drafts
    assert all(draft != "1924" and len(draft) == 4 and draft.isdigit() for draft in drafts)


def test_no_problem_of_the_task_is_trained_on_in_either_order() -> None:
    training = script("train_demo_model")
    forbidden = training.held_out()
    for problem in ArithmeticTask(ArithmeticOptions()).problems():
        a, b = problem.metadata["operands"]
        operation = problem.metadata["operation"]
        assert {f"{a}{operation}{b}=", f"{b}{operation}{a}="} <= forbidden
    rng = np.random.default_rng(0)
    for level in range(len(LEVELS)):
        drawn = [training.draw_equation(rng, level, forbidden) for _ in range(2000)]
        assert not {prompt for prompt, _, _ in drawn} & forbidden
        assert all(eval(prompt[:-1]) == int(answer) for prompt, _, answer in drawn)


def test_a_small_model_s_success_rates_are_a_probability_over_all_completions() -> None:
    """Sum over every completion of one digit and of none: the rest must be the chance of going on."""
    training = script("train_demo_model")
    torch.manual_seed(0)
    options = type("Options", (), {"hidden_size": 32, "layers": 1, "revisions": False})
    model = training.new_model(options)
    problem = ArithmeticTask(ArithmeticOptions(problems=1)).problems()[0]
    variants = [
        type(problem)(problem_id=str(i), prompt=problem.prompt, answer=answer)
        for i, answer in enumerate(["", *"0123456789+*="])
    ]
    p = training.success_rates(model, variants)
    ended_at_once = p[0]
    ids = torch.tensor([[training.BOS, *(training.PLAIN.id_of[s] for s in str(problem.prompt))]])
    with torch.no_grad():
        first = torch.softmax(model(input_ids=ids).logits[0, -1].double(), dim=-1)
    assert ended_at_once == pytest.approx(float(first[training.EOS]), rel=1e-5)
    assert (p[1:] < first[3:].numpy()).all()


@pytest.mark.parametrize("k", [1, 2, 5])
def test_coverage_is_the_chance_that_one_of_k_samples_is_right(k: int) -> None:
    training = script("train_demo_model")
    p = np.array([0.0, 0.1, 0.5, 0.999])
    brute = 0.0
    for rate in p:
        for hits in itertools.product([False, True], repeat=k):
            if any(hits):
                brute += math.prod(rate if hit else 1 - rate for hit in hits) / len(p)
    assert training.coverage(p, k) == pytest.approx(brute, rel=1e-12)


def test_rotary_rows_are_reordered_so_that_the_same_pairs_rotate() -> None:
    """Rotating neighbors (GGUF) and rotating halves (Hugging Face) must give the same attention scores."""
    pytest.importorskip("gguf")
    conversion = script("get_smollm2")
    heads, size, width = 3, 8, 5
    generator = torch.Generator().manual_seed(0)
    query, key = (torch.randn(heads * size, width, generator=generator, dtype=torch.double) for _ in range(2))
    x, y = (torch.randn(width, generator=generator, dtype=torch.double) for _ in range(2))
    angle = torch.arange(size // 2, dtype=torch.double) + 1

    def neighbors(v: "torch.Tensor", position: int) -> "torch.Tensor":
        pairs = torch.view_as_complex(v.view(heads, size // 2, 2).contiguous())
        return torch.view_as_real(pairs * torch.polar(torch.ones_like(angle), position * angle)).flatten(1)

    def halves(v: "torch.Tensor", position: int) -> "torch.Tensor":
        a, b = v.view(heads, 2, size // 2).unbind(1)
        cos, sin = torch.cos(position * angle), torch.sin(position * angle)
        return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=1)

    interleaved = (neighbors(query @ x, 2) * neighbors(key @ y, 7)).sum(1)
    split = conversion.split_rotary_halves
    in_halves = (halves(split(query, heads) @ x, 2) * halves(split(key, heads) @ y, 7)).sum(1)
    torch.testing.assert_close(interleaved, in_halves)
