"""Which Pythia is the best buy at which budget: seven models x 128 MATH problems x 10,000 samples, priced in FLOPs.

The counts carry no token counts, so every sample is taken as equally long; the page says what other lengths change.

    python benchmarks/pythia_budget.py COUNTS.csv --out results/pythia-budget
"""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ttscale.analysis.budget.allocation import allocate
from ttscale.analysis.budget.arms import Arm
from ttscale.analysis.budget.pricing import Pricing
from ttscale.analysis.budget.questions import Inference
from ttscale.analysis.budget.reading_arms import read_arms
from ttscale.analysis.budget.result import BudgetView
from ttscale.analysis.budget.view import BudgetSettings, budget_view, view_of_arms
from ttscale.costs.amounts import parse_amount
from ttscale.plots.saving import save_figure

TARGETS = (0.25, 0.5, 0.75)
SPENDS = ("1e15flops", "1e16flops", "1e17flops", "1e18flops")
TOKENS = (600.0, 200.0)
LENGTHS = {"prompt 600, completion 200": (600.0, 200.0), "prompt 0, completion 200": (0.0, 200.0),
           "prompt 3,000, completion 200": (3000.0, 200.0)}  # fmt: skip
PILOT, DRAWS = 100, 10
_NEVER = 10**7


def settings(models: Path | None, tokens: tuple[float, float] = TOKENS, **asked: object) -> BudgetSettings:
    pricing = Pricing(cost="flops", models_file=models, tokens=tokens)
    return BudgetSettings(pricing=pricing, **asked)  # type: ignore[arg-type]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.2g}" if value >= 1e6 else f"{value:,.3g}"


def shown(k: int) -> str:
    return "not by 1,000,000" if k == _NEVER else f"{k:,}"


def interval(value: float | None, low: float | None, high: float | None) -> str:
    return f"{number(value)} [{number(low)}, {number(high)}]"


def best_table(view: BudgetView) -> str:
    (group,) = view.comparisons
    rows = [
        (one.label, f"{one.begin:.2g} – {one.end:.2g}", f"{one.k_begin:,.3g} – {one.k_end:,.5g}",
         f"{100 * one.value_begin:.1f} – {100 * one.value_end:.1f} %", f"{100 * one.chance_best:.0f} %")
        for one in group.segments
    ]  # fmt: skip
    return table(["best buy", "FLOPs per problem", "samples", "coverage", "chance to be the best"], rows)


def crossing_table(view: BudgetView) -> str:
    rows = [
        (view.curves[one.before].label, view.curves[one.after].label, interval(one.budget, one.low, one.high),
         f"{100 * one.value:.1f} %")
        for group in view.comparisons for one in group.crossings
    ]  # fmt: skip
    return table(["from", "to", "FLOPs per problem (95 %)", "coverage there"], rows)


def target_table(view: BudgetView) -> str:
    rows = [
        (f"{100 * one.reached.target:g} %", one.label,
         interval(one.reached.k, one.reached.low, one.reached.high) if one.reached.k else one.why_not,
         interval(one.cost, one.low, one.high), "yes" if one.cheapest else "", "yes" if one.reached.extrapolates else "")
        for one in view.targets
    ]  # fmt: skip
    return table(["target", "model", "samples per problem", "FLOPs in all", "cheapest", "extrapolates"], rows)


def spend_table(view: BudgetView) -> str:
    rows = [
        (one.text, one.label, f"{one.k:,}", interval(100 * one.value, 100 * one.low, 100 * one.high) + " %",
         "yes" if one.best else "", "yes" if one.extrapolates else "")
        for one in view.spends
    ]  # fmt: skip
    return table(["spent in all", "model", "samples", "coverage", "best", "extrapolates"], rows)


def allocation_table(source: Path, models: Path) -> str:
    rows = []
    for text in SPENDS:
        view = allocate([source], parse_amount(text), by=["model"], settings=settings(models))
        found = view.found
        mix = ", ".join(f"{k:,} x {arm}" for arm, k in zip(view.arms, found.k, strict=True) if k)
        rows.append(
            (text, mix, interval(100 * found.coverage, 100 * found.low, 100 * found.high) + " %",
             f"{found.single_k:,} x {view.arms[found.single]}: {100 * found.single_coverage:.3g} %",
             interval(100 * found.gain, 100 * found.gain_low, 100 * found.gain_high), f"{100 * found.bound:.3g} %")
        )  # fmt: skip
    head = [
        "spent in all",
        "allocation",
        "coverage",
        "best single model",
        "gain, points",
        "bound (other half)",
    ]
    return table(head, rows)


def pilot_table(arms: Sequence[Arm], models: Path, truth: BudgetView) -> str:
    """Ask the 50 % target of pilots of 100 samples, and count how often the interval holds the answer of all samples."""
    known = {one.label: one.reached.k for one in truth.targets if one.reached.target == 0.5}
    held, answers = dict.fromkeys(known, 0), {label: [] for label in known}
    for seed in range(DRAWS):
        how = Inference(seed=seed, over="samples")
        asked = settings(models, targets=(0.5,), pilot=PILOT, inference=how)
        for one in view_of_arms(arms, asked).targets:
            actual = known[one.label] or 10**5
            low, high = one.reached.low or 10**9, one.reached.high or 10**9
            held[one.label] += low <= actual <= high if known[one.label] else high > 10_000
            answers[one.label].append(one.reached.k or _NEVER)
    rows = [
        (label, number(known[label]) if known[label] else "> 10,000", shown(int(np.median(found))),
         f"{shown(min(found))} – {shown(max(found))}", f"{held[label]} of {DRAWS}")
        for label, found in answers.items()
    ]  # fmt: skip
    return table(
        ["model", "samples for 50 %, from 10,000", "median from 100", "range", "interval holds it"], rows
    )


def length_table(source: Path, models: Path) -> str:
    rows = []
    for name, asked in [
        *((f"{name}, published sizes", settings(models, tokens)) for name, tokens in LENGTHS.items()),
        ("prompt 600, completion 200, sizes from the names alone", settings(None)),
    ]:
        (group,) = budget_view([source], by=["model"], settings=asked).comparisons
        ranges = "; ".join(f"{one.label.removeprefix('Pythia ')} to {one.end:.2g}" for one in group.segments)
        rows.append((name, ranges))
    return table(["assumed", "best buy, up to so many FLOPs per problem"], rows)


def page(source: Path, out: Path) -> str:
    models = out / "models.yaml"
    asked = settings(models, targets=TARGETS, spends=tuple(map(parse_amount, SPENDS)), ahead=True)
    view = budget_view([source], by=["model"], settings=asked)
    for suffix in ("png", "svg"):
        save_figure(view.figure(title="Coverage of 128 MATH problems by cost"), out / f"cost.{suffix}")
    (out / "rows.json").write_text(json.dumps(list(view.to_rows()), indent=1) + "\n")
    command = (
        "ttscale budget monkeys_pythia_math_counts.csv --by model --models results/pythia-budget/models.yaml \\\n"
        "    --tokens prompt=600,completion=200 --ahead "
        + " ".join(f"--target coverage={target:g}" for target in TARGETS)
        + " \\\n    "
        + " ".join(f"--spend {text}" for text in SPENDS)
        + " --plot cost.png"
    )
    parts = [
        "# Which Pythia is the best buy?",
        "Seven Pythia models, 128 MATH problems, 10,000 samples of each: the counts of the samples of Brown et al. 2024 (arXiv "
        "2407.21787), priced in FLOPs. The counts carry no lengths, so every sample is taken as 200 tokens after a prompt of 600 "
        "that is read once per problem; sizes are those published. Intervals are 95 %, over problems.",
        "![Coverage by FLOPs of seven Pythia models, with the best buy below](cost.png)",
        "## The best buy at every budget",
        best_table(view),
        "A range that is the best in few of the bootstrap replicates is a tie. Beyond a model's 10,000 samples its measured curve "
        "is taken as flat, so the last range begins where 2.8B's samples end, not where 12B overtakes it; the figure's "
        "dashed forecasts show how close they are.",
        "## Where the better choice changes",
        crossing_table(view),
        "## What a target costs",
        target_table(view),
        "## What a sum reaches",
        spend_table(view),
        "## Spread over models",
        "Chosen on half of the samples, valued on the other half, so that at most 5,000 of each model are drawn. `ttscale allocate` with the same options and one `--spend`.",
        allocation_table(source, models),
        f"## From a pilot of {PILOT} samples per problem",
        f"{DRAWS} random pilots; intervals for these very problems with other draws, 95 %, against the answer of all 10,000 samples.",
        pilot_table(read_arms([source], by=["model"]), models, view),
        "## What the assumed lengths change",
        length_table(source, models),
        "## Made by",
        f"```bash\n{command}\npython benchmarks/pythia_budget.py monkeys_pythia_math_counts.csv --out results/pythia-budget\n```",
        "The first command prints the tables and draws the figure; the second writes this page.",
    ]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("counts", type=Path)
    parser.add_argument("--out", type=Path, default=Path("results/pythia-budget"))
    arguments = parser.parse_args()
    text = page(arguments.counts, arguments.out)
    (arguments.out / "README.md").write_text(text)
    print(text, file=sys.stdout)


if __name__ == "__main__":
    main()
