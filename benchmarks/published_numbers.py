"""Record every number that the commands print over the stored results, and compare two recordings byte for byte.

    python benchmarks/published_numbers.py record before --package ../the-tree-of-the-last-release
    python benchmarks/published_numbers.py record after
    python benchmarks/published_numbers.py compare before after

A recording is a folder: per source (each run in results/, a run of a scripted sampler with and without a stopping rule,
an import of every format, the published Pythia counts) and command a JSON file as the command printed it, or a .txt
with what it said and its exit code where it refused. Everything is made afresh by the recorded package: imports,
verdicts where a run has none, the scripted runs. So a difference is one of the package, and the data are those of the
tree that this script lies in. All of it takes about ten minutes of one core; `--only` names some sources.
"""

import argparse
import contextlib
import filecmp
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUPPORT = ROOT / "tests" / "support"
RUN = "run"
"""Where a source lies while it is asked: a relative name, so that messages are the same everywhere."""

ALL = "coverage,majority,best"
SCRIPTED = """
name: scripted
model: {path: none, engine: "scripted:ScriptedSampler"}
task: {name: arithmetic, problems: PROBLEMS}
sampling: {n: SAMPLES, request_size: 16UNTIL}
verifiers: [exact, last-digit, casting-out-nines]
"""
SWEEP = "sweep: {axes: {sampling.seed: [0, 1]}}"
UNTIL = ", until: {quantity: coverage, k: 4, width: 0.2}"
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""Sums over several threads differ in their last digit."""
SCRIPTED_RUNS = ("small", "scripted", "scripted-sweep", "scripted-until")


@dataclass(frozen=True)
class Source:
    """Something to ask.

    Attributes:
        name: Its folder in a recording.
        prepare: Commands that make it, where it is not merely copied.
        k: Budgets to forecast.
        draws: Prefixes of a backtest.
        target: Coverage that a budget is asked for.
        spend: Sum that is spent or allocated.
        counts: Whether it is a table of counts, which has no samples to show or compare.
        path: What is asked; a copy or what was prepared, but for a table.
        by: Of a table, the option that names its arms.
        options: Of commands that price.
        selectors: Whose accuracy a budget is asked for.
        copied: The run to copy.
    """

    name: str
    prepare: tuple[tuple[str, ...], ...] = ()
    k: str = "100,10000"
    draws: int = 3
    target: str = "coverage=0.5"
    spend: str = "2000samples"
    path: str = RUN
    counts: bool = False
    by: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    selectors: str = "coverage,majority"
    copied: Path | None = None

    def questions(self) -> dict[str, tuple[str, ...]]:
        """Return the command lines by the name of their answer."""
        source, by, priced = self.path, self.by, (*self.by, *self.options)
        asked = {
            "curve": ("curve", source, *by),
            "curve-over-samples": ("curve", source, *by, "--over", "samples"),
            "curve-pass-hat-k": ("curve", source, *by, "--metric", "pass_hat_k"),
            "fit": ("fit", source, *by, "--law", "all"),
            "forecast": ("forecast", source, *by, "--k", self.k),
            "backtest": ("backtest", source, *by, "--draws", str(self.draws)),
            "budget": ("budget", source, *priced, "--target", self.target, "--spend", self.spend),
            "allocate": ("allocate", source, *priced, "--spend", self.spend),
        }
        if not self.counts:
            selectors = ("--selector", self.selectors, "--verifier", "logprob")
            asked |= {
                "show": ("show", source),
                "compare": ("compare", source),
                "budget-selectors": ("budget", source, *priced, *selectors, "--spend", self.spend),
            }
        return {name: (*line, "--json") for name, line in asked.items()}


def sources(shared: Path) -> dict[str, Source]:
    """Return every source by name; those whose data are not there are left out."""
    results = ROOT / "results"
    verify = (("verify", RUN),)
    found = [
        Source(
            "demo-arithmetic", verify, k="100000", draws=2, selectors=ALL, copied=results / "demo-arithmetic"
        ),
        Source("demo-sweep", verify, selectors=ALL, copied=results / "demo-sweep"),
        Source("gsm8k-smollm2", target="coverage=0.2", selectors=ALL, copied=results / "gsm8k-smollm2"),
        Source(
            "gsm8k-two-prompts", target="coverage=0.2", selectors=ALL, copied=results / "gsm8k-two-prompts"
        ),
        *(Source(name, (("run", "run.yaml", "--out", RUN),), selectors=ALL) for name in SCRIPTED_RUNS),
        Source(
            "pythia",
            path=str(shared / "monkeys_pythia_math_counts.csv"),
            counts=True,
            by=("--by", "model"),
            spend="1e15flops",
            draws=2,
            k="1000,100000",
            options=(
                "--models",
                str(results / "pythia-budget" / "models.yaml"),
                "--tokens",
                "prompt=600,completion=200",
            ),
        ),
        *imported(),
    ]
    return {one.name: one for one in found if not one.counts or Path(one.path).is_file()}


def imported() -> Iterator[Source]:
    """Yield an import of every format, and of the files that other tools wrote themselves."""
    from foreign_formats import WRITERS

    folder = ROOT / "tests" / "data" / "exchange"
    for tool, pattern in (
        ("lm_eval", "*/samples_*.jsonl"),
        ("inspect", "*.eval"),
        ("evalplus", "*_eval_results.json"),
    ):
        paths = sorted((folder / tool).glob(pattern))
        yield of_import(f"written-by-{tool}", None, [str(path) for path in paths], {})
    for name, (format_name, _, _, options) in WRITERS.items():
        yield of_import(
            f"format-{name.replace(' ', '-').replace('.', '')}", format_name, [f"written/{name}"], options
        )


def of_import(name: str, format_name: str | None, paths: list[str], options: dict[str, str]) -> Source:
    flags = [flag for key, value in options.items() for flag in (f"--{key}", value)]
    line = ("import", *([format_name] if format_name else []), *paths, "--out", RUN, *flags)
    return Source(name, (line,), k="8,16", target="coverage=0.5", spend="24samples")


def answer(name: str, out: Path, shared: Path) -> None:
    """Make one source in a folder of its own and record what the commands say of it; runs in a process of its own."""
    from ttscale.cli.main import run_cli

    source = sources(shared)[name]
    written = write_inputs(name)
    out.mkdir(parents=True, exist_ok=True)
    if source.copied is not None:
        shutil.copytree(source.copied, RUN)
    for line in source.prepare:
        told = io.StringIO()
        arguments = [str(written) if each.startswith("written/") else each for each in line]
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(told):
            code = run_cli(arguments)
        if code != 0:
            (out / f"{line[0]}.txt").write_text(f"exit {code}\n{told.getvalue()}", encoding="utf-8")
            return
    if name in SCRIPTED_RUNS:
        forget_speed()
    for question, line in source.questions().items():
        said, told, began = io.StringIO(), io.StringIO(), time.perf_counter()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(told):
            code = run_cli(list(line))
        if code == 0:
            (out / f"{question}.json").write_text(said.getvalue(), encoding="utf-8")
        else:
            (out / f"{question}.txt").write_text(f"exit {code}\n{told.getvalue()}", encoding="utf-8")
        print(f"{name} {question}: exit {code}, {time.perf_counter() - began:.1f} s", flush=True)


def forget_speed() -> None:
    """Let every session have taken one second: how fast this machine drew is no result."""
    from ttscale.store.run import RunStore

    store = RunStore(RUN)
    for session in store.sessions():
        store.write_session(replace(session, seconds=1.0, start_s=0.0))


def write_inputs(name: str) -> Path | None:
    """Write a scripted run's configuration, and for an import of a format its file; return that."""
    from foreign_formats import WRITERS

    problems, samples = ("8", "16") if name == "small" else ("16", "64")
    text = SCRIPTED.replace("PROBLEMS", problems).replace("SAMPLES", samples)
    text = text.replace("UNTIL", UNTIL if name == "scripted-until" else "")
    Path("run.yaml").write_text(text + SWEEP * (name in ("small", "scripted-sweep")), encoding="utf-8")
    Path("written").mkdir()
    for format_of, (_, write, _, _) in WRITERS.items():
        if name == f"format-{format_of.replace(' ', '-').replace('.', '')}":
            return write(Path("written"))
    return None


def record(out: Path, package: Path, shared: Path, only: list[str], jobs: int) -> None:
    """Record all sources, each in a process of its own."""
    names = only or list(sources(shared))
    out = out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    script = str(Path(__file__).resolve())

    def one(name: str) -> tuple[str, int]:
        shutil.rmtree(out / name, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix="published-") as folder:
            command = [sys.executable, script, "answer", name, str(out / name), "--shared", str(shared)]
            path = os.pathsep.join([str(package), str(SUPPORT)])
            environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": path}
            done = subprocess.run(command, cwd=folder, env=environment, check=False)
        return name, done.returncode

    with ThreadPoolExecutor(jobs) as pool:
        failed = [name for name, code in pool.map(one, names) if code != 0]
    (out / "made_with.json").write_text(json.dumps(versions(package), indent=2) + "\n", encoding="utf-8")
    if failed:
        sys.exit(f"Not recorded: {', '.join(failed)}.")


def versions(package: Path) -> dict[str, str]:
    """Return what numbers may depend on besides the code."""
    from importlib.metadata import version

    commit = subprocess.run(
        ["git", "-C", str(package), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    libraries = {name: version(name) for name in ("numpy", "scipy", "polars")}
    return {"commit": commit.stdout.strip(), "python": sys.version.split()[0], **libraries}


def compare(old: Path, new: Path) -> int:
    """Print every file that differs, with the first values that do; return how many there are."""
    names = sorted({str(path.relative_to(root)) for root in (old, new) for path in root.glob("*/*")})
    n_different = 0
    for name in names:
        before, after = old / name, new / name
        if not before.is_file() or not after.is_file():
            n_different += 1
            print(f"{name}: only in {old if before.is_file() else new}")
        elif not filecmp.cmp(before, after, shallow=False):
            n_different += 1
            print(f"{name}: {first_differences(before, after)}")
    print(f"{len(names) - n_different} of {len(names)} answers are the same, byte for byte.")
    return n_different


def first_differences(before: Path, after: Path, most: int = 4) -> str:
    """Say where two answers differ: the first paths into their JSON with both values."""
    if before.suffix != ".json":
        return f"{before.read_text(encoding='utf-8')!r} -> {after.read_text(encoding='utf-8')!r}"
    pairs = [dict(leaves(json.loads(path.read_text(encoding="utf-8")))) for path in (before, after)]
    places = [
        place for place in {**pairs[0], **pairs[1]} if pairs[0].get(place, "-") != pairs[1].get(place, "-")
    ]
    if not places:
        return "the same values, written otherwise"
    shown = [f"{place}: {pairs[0].get(place, '-')} -> {pairs[1].get(place, '-')}" for place in places[:most]]
    return f"{len(places)} values differ; " + "; ".join(shown)


def leaves(value: object, place: str = "") -> Iterator[tuple[str, object]]:
    """Yield the path and value of every number, string and null of a JSON document."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{place}.{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from leaves(inner, f"{place}[{number}]")
    else:
        yield place, value


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("record", "answer"):
        command = commands.add_parser(name)
        if name == "answer":
            command.add_argument("name")
        command.add_argument("out", type=Path)
        command.add_argument("--shared", type=Path, default=ROOT.parent / "shared" / "data")
        if name == "record":
            command.add_argument("--package", type=Path, default=ROOT, help="tree of the ttscale to record")
            command.add_argument("--only", type=lambda text: text.split(","), default=[])
            command.add_argument("--jobs", type=int, default=1)
    comparing = commands.add_parser("compare")
    comparing.add_argument("old", type=Path)
    comparing.add_argument("new", type=Path)
    arguments = parser.parse_args()
    if str(SUPPORT) not in sys.path:
        sys.path.append(str(SUPPORT))
    if arguments.command == "compare":
        sys.exit(1 if compare(arguments.old, arguments.new) else 0)
    if arguments.command == "answer":
        answer(arguments.name, arguments.out, arguments.shared)
    else:
        record(
            arguments.out,
            arguments.package.resolve(),
            arguments.shared.resolve(),
            arguments.only,
            arguments.jobs,
        )


if __name__ == "__main__":
    main()
