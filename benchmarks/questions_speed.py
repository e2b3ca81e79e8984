"""CPU-seconds of the questions that people wait for, in this tree and in another one, by turns.

    git worktree add ../before d1fc002
    python benchmarks/questions_speed.py --before ../before --out results/benchmarks/questions_speed.md

A majority curve with its intervals over 128 problems x 10,000 samples, a forecast of 1,000 problems, and commands on the
stored 128 x 10,000 run. Each is asked in a process of its own, the trees by turns, on one thread: commands once, with
their start and imports; calls `--repeats` times, medians. A forecast's process asks three other forecasts first, as a
report does. `--before` may be left out.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
RUN = ROOT / "results" / "demo-arithmetic"

MAJORITY = """
import importlib, sys, time
import numpy as np
for name in ("ttscale.stats.selectors.voting", "ttscale.stats.voting"):  # where it lay before
    try:
        majority_curve = importlib.import_module(name).majority_curve
        break
    except ImportError:
        pass
rng = np.random.default_rng(0)
problem = np.repeat(np.arange(128), 10_000)
answer = np.minimum(rng.zipf(1.3, len(problem)), 10**9)
agrees = answer == np.repeat(rng.integers(1, 6, 128), 10_000)
k = np.unique(np.geomspace(1, 10_000, 43).round().astype(int))
start = time.process_time()
majority_curve(problem, answer, agrees, k)
print(time.process_time() - start)
"""

FORECAST = """
import sys, time, warnings
import numpy as np
import ttscale
warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
low, high = int(sys.argv[1]), int(sys.argv[2])
n = np.exp(rng.uniform(np.log(low), np.log(high), 1000)).round().astype(int)
k = np.unique(np.geomspace(1, 10**6, 40).astype(int))
rate = rng.beta(0.2, 3.0, 1000)
for asked in range(4):
    c = rng.binomial(n, rate)
    start = time.process_time()
    ttscale.forecast(n, c, k)
    last = time.process_time() - start
print(last)
"""

COMPARE = ("compare", "RUN", "--verifiers", "last-digit,casting-out-nines,vote")
COMMANDS = {
    "compare, two verifiers and the vote": COMPARE,
    "compare, with an ensemble": (*COMPARE[:-1], COMPARE[-1] + ",ensemble"),
    "curve": ("curve", "RUN"),
    "show": ("show", "RUN"),
    "report": ("report", "RUN"),
}


class Tree:
    """A tree of the package, with a copy of the run that its own verifiers have judged."""

    def __init__(self, root: Path, scratch: Path) -> None:
        self.root, self.run = root, scratch / "run"
        one = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "POLARS_MAX_THREADS"), "1")
        self.environment = os.environ | one | {"PYTHONPATH": str(root)}
        shutil.copytree(RUN, self.run)
        self.command("verify", "RUN")

    def snippet(self, text: str, *arguments: str) -> float:
        """Return the CPU-seconds that a snippet prints."""
        return float(self._done([sys.executable, "-c", text, *arguments]))

    def command(self, *arguments: str) -> float:
        """Return the CPU-seconds of a command."""
        before = os.times()
        words = [str(self.run) if word == "RUN" else word for word in arguments]
        self._done([sys.executable, "-m", "ttscale", *words])
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    def _done(self, command: list[str]) -> str:
        done = subprocess.run(
            command, env=self.environment, cwd=self.root, capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(f"{self.root}: {' '.join(command)}\n{done.stderr[-2000:]}")
        return done.stdout


def questions() -> dict[str, tuple[str, ...]]:
    """Name -> what is asked: a snippet with its arguments, or a command."""
    return {
        "majority curve, 128 x 10,000, 40 budgets": (MAJORITY,),
        "forecast, 1,000 problems x 100": (FORECAST, "100", "100"),
        "forecast, 1,000 problems x 1,000": (FORECAST, "1000", "1000"),
        "forecast, 1,000 problems x 10,000": (FORECAST, "10000", "10000"),
        "forecast, 1,000 problems x 10 to 10,000": (FORECAST, "10", "10000"),
        **COMMANDS,
    }


def measured(trees: list[Tree], repeats: int, only: str) -> dict[str, list[float]]:
    """Return the median of each question in each tree."""
    found = {}
    for name, asked in questions().items():
        if only not in name:
            continue
        ask, times = (Tree.command, 1) if name in COMMANDS else (Tree.snippet, repeats)
        seconds = [[ask(tree, *asked) for tree in trees] for _ in range(times)]
        found[name] = [median(column) for column in zip(*seconds, strict=True)]
        print(name, *(f"{value:.3g}" for value in found[name]), file=sys.stderr, flush=True)
    return found


def page(found: dict[str, list[float]], trees: list[str], repeats: int) -> str:
    """Return the table as Markdown."""
    said, _, described = str(__doc__).strip().partition("\n\n")
    usage, _, rest = described.partition("\n\n")
    rows = [
        f"| {name} | {' | '.join(f'{value:.2f}' for value in values)} |" for name, values in found.items()
    ]
    return "\n".join(
        [
            f"# {said}",
            "",
            "```bash",
            *(line.strip() for line in usage.splitlines()),
            "```",
            "",
            rest.replace("`--repeats` times", f"{repeats} times"),
            "",
            f"| CPU-seconds | {' | '.join(trees)} |",
            f"|---|{'---:|' * len(trees)}",
            *rows,
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("--before", type=Path, help="another tree of the package")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", default="", help="questions whose names hold this")
    parser.add_argument("--out", type=Path, help="write the table here; .json for the numbers")
    options = parser.parse_args()
    roots = [options.before.resolve(), ROOT] if options.before else [ROOT]
    with tempfile.TemporaryDirectory() as folder:
        trees = [Tree(root, Path(folder) / str(number)) for number, root in enumerate(roots)]
        found = measured(trees, options.repeats, options.only)
    names = ["before", "now"][-len(roots) :]
    is_json = options.out is not None and options.out.suffix == ".json"
    text = json.dumps(found, indent=1) + "\n" if is_json else page(found, names, options.repeats)
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
