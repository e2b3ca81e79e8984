"""Trains `demo-arithmetic`, the small model that comes with ttscale, from scratch on a CPU.

    pip install 'ttscale[transformers]'
    python benchmarks/train_demo_model.py --out models/demo-arithmetic --log models/demo-arithmetic.jsonl

The model sees only sums and products, drawn at random from the levels of the task `arithmetic`; the task's own
problems are held out. Training stops long before multiplication is learnt: success rates that spread over many
orders of magnitude are what the demo is about.

With `--revisions` it learns a language with a revision mark, ``37*52=1914;1924``: answers that were spoilt on purpose stand
before the right one, and what is scored is the right answer, the mark behind a wrong one and the end behind the right one.
That is `demo-revision`, whose own answers can be revised, aggregated and sent on:

    python benchmarks/train_demo_model.py --revisions --out models/demo-revision --log models/demo-revision.jsonl

The log is JSONL. An event "progress" holds the training loss; "evaluation" what the weights of that moment
achieve on the task's 128 default problems; "problem" the success rate of one problem under the finished
weights. A success rate is exact, not sampled: the probability of an answer is the product of its digits'
probabilities and the end token's, and one forward pass gives them all.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from ttscale.execution.masking import mask_broken
from ttscale.tasks.arithmetic import LEVELS, ArithmeticOptions, ArithmeticTask
from ttscale.types import Problem

mask_broken()  # before anything imports transformers

try:
    import torch
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors
    from torch.nn.functional import cross_entropy
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
except ImportError as error:
    sys.exit(f"{error}. This script needs: pip install 'ttscale[transformers]'")

PAD, BOS, EOS = 0, 1, 2
MARK = ";"


@dataclass(frozen=True)
class Language:
    """What a model reads and writes.

    Attributes:
        symbols: One token each, behind padding, begin and end.
        context: The longest text in tokens.
        max_new_tokens: Of a whole answer.
    """

    symbols: str
    context: int
    max_new_tokens: int

    @property
    def vocabulary(self) -> list[str]:
        return ["<pad>", "<s>", "</s>", *self.symbols]

    @property
    def id_of(self) -> dict[str, int]:
        return {symbol: i for i, symbol in enumerate(self.vocabulary)}


PLAIN = Language("0123456789+*=", context=32, max_new_tokens=10)
"""Its longest text, ``9999*9999=99980001`` between its begin and end token, has 20 tokens."""
REVISIONS = Language("0123456789+*=" + MARK, context=96, max_new_tokens=40)
"""Room for nine answers of eight digits behind a prompt."""
DRAFTS = (0.5, 0.25, 0.15, 0.1)
"""Chances of 0, 1, 2 and 3 spoilt answers before the right one."""
UNSCORED = -100
"""Target of a position that is not predicted, the default of `cross_entropy`."""

HELD_OUT_PROBLEMS = 1024
"""The first this many problems of seed 0 are never trained on: the default 128 and room for larger runs."""
BUDGETS = (1, 10, 100, 256, 1000, 10_000)
TEMPERATURES = (0.6, 0.8, 1.0, 1.2)

Equation = tuple[str, str, str]
"""A prompt, spoilt answers with a mark behind each, and the right answer."""


def main() -> None:
    options = arguments()
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    demo = ArithmeticTask(ArithmeticOptions()).problems()
    model = new_model(options)
    options.log.parent.mkdir(parents=True, exist_ok=True)
    with options.log.open("w") as log:
        write(log, "start", parameters=model.num_parameters(), torch=torch.__version__, **settings(options))
        batches = training_batches(rng, options.batch_size, held_out(), language(options))
        seconds = train(model, batches, options, log, demo)
        save(model, options.out, language(options))
        finished = LlamaForCausalLM.from_pretrained(options.out, dtype=torch.float32)
        for temperature in TEMPERATURES:
            report(log, finished, demo, options.steps, temperature)
        for problem, p in zip(demo, success_rates(finished, demo), strict=True):
            write(log, "problem", problem_id=problem.problem_id, level=problem.metadata["level"],
                  prompt=problem.prompt, p=float(p))  # fmt: skip
        write(log, "end", training_seconds=round(seconds), threads=torch.get_num_threads())


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the model")
    parser.add_argument("--log", type=Path, required=True, help="JSONL file for the log")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch-size", type=int, default=256, help="equations per step")
    parser.add_argument("--learning-rate", type=float, default=2e-3, help="at its peak")
    parser.add_argument("--warmup-steps", type=int, default=100)
    parser.add_argument("--weight-decay", type=float, default=0.01)
    parser.add_argument("--hidden-size", type=int, default=192, help="a multiple of the head size 32")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--revisions", action="store_true", help="a language with a revision mark")
    return parser.parse_args()


def language(options: argparse.Namespace) -> Language:
    return REVISIONS if options.revisions else PLAIN


def settings(options: argparse.Namespace) -> dict[str, Any]:
    return {key: value for key, value in vars(options).items() if not isinstance(value, Path)}


def new_model(options: argparse.Namespace) -> LlamaForCausalLM:
    config = LlamaConfig(
        vocab_size=len(language(options).vocabulary),
        hidden_size=options.hidden_size,
        intermediate_size=options.hidden_size * 8 // 3,
        num_hidden_layers=options.layers,
        num_attention_heads=options.hidden_size // 32,
        num_key_value_heads=options.hidden_size // 32,
        max_position_embeddings=language(options).context,
        tie_word_embeddings=True,
        bos_token_id=BOS,
        eos_token_id=EOS,
        pad_token_id=PAD,
        # At 20 tokens the fused attention's backward pass takes twice as long as all the rest together.
        attn_implementation="eager",
    )
    return LlamaForCausalLM(config)


# --- data -----------------------------------------------------------------------------------------------------


def held_out() -> frozenset[str]:
    """Return the prompts that are never trained on, in both orders of their operands."""
    problems = ArithmeticTask(ArithmeticOptions(problems=HELD_OUT_PROBLEMS)).problems()
    forbidden = set()
    for problem in problems:
        operation = problem.metadata["operation"]
        a, b = problem.metadata["operands"]
        forbidden |= {f"{a}{operation}{b}=", f"{b}{operation}{a}="}
    return frozenset(forbidden)


def training_batches(
    rng: np.random.Generator, size: int, forbidden: frozenset[str], spoken: Language
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield token ids and targets for ever: every level equally often, operands uniform."""
    while True:
        levels = rng.integers(len(LEVELS), size=size)
        equations = [draw_equation(rng, int(level), forbidden) for level in levels]
        if MARK in spoken.symbols:
            equations = [(prompt, spoilt_answers(rng, answer), answer) for prompt, _, answer in equations]
        yield encode(equations, spoken)


def draw_equation(rng: np.random.Generator, level: int, forbidden: frozenset[str]) -> Equation:
    shape = LEVELS[level]
    while True:
        a, b = shape.draw(rng)
        prompt = f"{a}{shape.operation}{b}="
        if prompt not in forbidden:
            return prompt, "", str(a + b if shape.operation == "+" else a * b)


def spoilt_answers(rng: np.random.Generator, answer: str) -> str:
    """Return 0 to 3 wrong answers, each with its mark: most are right but for a digit or two."""
    drafts = int(rng.choice(len(DRAFTS), p=DRAFTS))
    return "".join(spoilt(rng, answer) + MARK for _ in range(drafts))


def spoilt(rng: np.random.Generator, answer: str) -> str:
    n_wrong = min(int(rng.choice([1, 2, len(answer)], p=[0.6, 0.25, 0.15])), len(answer))
    digits = list(answer)
    for place in rng.choice(len(answer), n_wrong, replace=False):
        digits[place] = str((int(digits[place]) + int(rng.integers(1, 10))) % 10)
    return "".join(digits)


def encode(equations: Sequence[Equation], spoken: Language) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ids and next-token targets, both of shape (equations, longest + 1).

    Scored are right answers with their end, and the marks behind spoilt ones.
    """
    width = max(sum(map(len, equation)) for equation in equations) + 1
    ids = torch.full((len(equations), width), PAD)
    targets = torch.full((len(equations), width), UNSCORED)
    id_of = spoken.id_of
    for row, (prompt, spoilt_ones, answer) in enumerate(equations):
        text = prompt + spoilt_ones + answer
        tokens = torch.tensor([BOS, *(id_of[symbol] for symbol in text), EOS])
        ids[row, : len(tokens) - 1] = tokens[:-1]
        right = len(prompt) + len(spoilt_ones)
        targets[row, right : len(tokens) - 1] = tokens[right + 1 :]
        for at in range(len(prompt), right):
            if text[at] == MARK:
                targets[row, at] = tokens[at + 1]
    return ids, targets


# --- training -------------------------------------------------------------------------------------------------


def train(
    model: LlamaForCausalLM,
    batches: Iterable[tuple[torch.Tensor, torch.Tensor]],
    options: argparse.Namespace,
    log: TextIO,
    demo: Sequence[Problem],
) -> float:
    """Train in place; return the seconds it took, evaluations left out."""
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=options.learning_rate, betas=(0.9, 0.98), weight_decay=options.weight_decay
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: warm_cosine(step, options))
    seconds, losses = 0.0, []
    for step, (ids, targets) in zip(range(1, options.steps + 1), batches, strict=False):
        began = time.perf_counter()
        losses.append(training_step(model, optimizer, ids, targets))
        schedule.step()
        seconds += time.perf_counter() - began
        if step % 50 == 0:
            write(
                log,
                "progress",
                step=step,
                loss=round(sum(losses) / len(losses), 4),
                seconds=round(seconds, 1),
            )
            losses.clear()
        if step % 250 == 0:
            report(log, model, demo, step, temperature=1.0)
    return seconds


def warm_cosine(step: int, options: argparse.Namespace) -> float:
    """Return the learning rate's factor: linear warm-up, then a half cosine down to 2 %."""
    warm = min(1.0, (step + 1) / options.warmup_steps)
    return warm * max(0.02, 0.5 * (1 + math.cos(math.pi * step / options.steps)))


def training_step(
    model: LlamaForCausalLM, optimizer: torch.optim.Optimizer, ids: torch.Tensor, targets: torch.Tensor
) -> float:
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(input_ids=ids).logits
    loss = cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=UNSCORED)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return float(loss.item())


# --- evaluation -----------------------------------------------------------------------------------------------


@torch.no_grad()
def success_rates(
    model: LlamaForCausalLM, problems: Sequence[Problem], temperature: float = 1.0
) -> np.ndarray:
    """Return each problem's exact chance that one sample is its answer and then ends, shape (problems,)."""
    model.eval()
    spoken = REVISIONS if model.config.vocab_size == len(REVISIONS.vocabulary) else PLAIN
    ids, targets = encode([(str(problem.prompt), "", str(problem.answer)) for problem in problems], spoken)
    logprobs = torch.log_softmax(model(input_ids=ids).logits.double() / temperature, dim=-1)
    scored = targets != UNSCORED
    chosen = logprobs.gather(-1, targets.where(scored, 0).unsqueeze(-1)).squeeze(-1)
    model.train()
    return np.asarray((chosen * scored).sum(dim=-1).exp())


def coverage(p: np.ndarray, k: int) -> float:
    """Return the expected share of problems solved by k samples: the mean of 1 - (1 - p)^k."""
    return float(np.mean(-np.expm1(k * np.log1p(-p))))


def report(
    log: TextIO, model: LlamaForCausalLM, demo: Sequence[Problem], step: int, temperature: float
) -> None:
    p = success_rates(model, demo, temperature)
    levels = np.array([problem.metadata["level"] for problem in demo])
    write(
        log,
        "evaluation",
        step=step,
        temperature=temperature,
        coverage={k: round(coverage(p, k), 4) for k in BUDGETS},
        below_1e5=int((p < 1e-5).sum()),
        pass_at_1_by_level={
            int(level): float(f"{p[levels == level].mean():.3g}") for level in np.unique(levels)
        },
    )


def write(log: TextIO, event: str, **values: Any) -> None:
    line = json.dumps({"event": event, **values})
    log.write(line + "\n")
    log.flush()
    if event != "problem":
        print(line, file=sys.stderr)


# --- the model folder -----------------------------------------------------------------------------------------


def save(model: LlamaForCausalLM, folder: Path, spoken: Language) -> None:
    """Write an ordinary Hugging Face folder. The weights are stored as float16, to be used as float32."""
    model.generation_config = GenerationConfig(
        bos_token_id=BOS,
        eos_token_id=EOS,
        pad_token_id=PAD,
        do_sample=True,
        temperature=1.0,
        max_new_tokens=spoken.max_new_tokens,
    )
    model.half().save_pretrained(folder)
    character_tokenizer(spoken).save_pretrained(folder)
    # Names that older releases of transformers know, too.
    edit_json(folder / "tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast")
    edit_json(folder / "config.json", dtype="float32", torch_dtype="float32", rope_theta=10000.0)
    (folder / "model.safetensors").chmod(0o644)


def edit_json(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values, indent=2, sort_keys=True) + "\n")


def character_tokenizer(spoken: Language) -> PreTrainedTokenizerFast:
    """Return a tokenizer of single characters; anything but the language's symbols becomes padding."""
    vocabulary = spoken.vocabulary
    tokenizer = Tokenizer(models.WordLevel(spoken.id_of, unk_token=vocabulary[PAD]))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    tokenizer.decoder = decoders.Fuse()
    bos = vocabulary[BOS]
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{bos} $A", special_tokens=[(bos, BOS)])
    tokenizer.add_special_tokens([vocabulary[PAD], bos, vocabulary[EOS]])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=bos,
        eos_token=vocabulary[EOS],
        pad_token=vocabulary[PAD],
        model_max_length=spoken.context,
        clean_up_tokenization_spaces=False,
    )


if __name__ == "__main__":
    main()
