"""Kill a run at random moments, again and again; then show that nothing was lost, doubled or changed.

    python benchmarks/kill_loop.py configs/quickstart.yaml --kills 20 --set sampling.n=64

The run is started as a process of its own and killed (SIGKILL) after a random time, `--kills` times, and then
finished. It must hold every (problem, index) exactly once and equal an undisturbed run of the same
configuration, verdicts included; of strategies every call, once and the same. A run that is done before its kill comes is compared, and the loop goes on with
a fresh one.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ttscale.store.run import RunStore

KEY = ["cell", "problem_id", "sample_index"]


@dataclass(frozen=True, slots=True)
class Report:
    """What the loop saw.

    Attributes:
        kills: How often a process was killed.
        runs: Runs that the kills were spread over, each finished and compared.
        samples_after_kill: Samples stored after each kill.
        samples: Samples that a whole run has.
        doubled: (problem, index) pairs stored more than once, over all runs.
        different: Rows that differ from the undisturbed run, over all runs.
        calls: Answered asks that a whole run's journals have.
        calls_doubled: Those recorded more than once, over all runs.
        calls_different: Those that differ from the undisturbed run's, over all runs.
        seconds: For everything.
    """

    kills: int
    runs: int
    samples_after_kill: list[int]
    samples: int
    doubled: int
    different: int
    calls: int
    calls_doubled: int
    calls_different: int
    seconds: float


class Launched:
    """A command in a process group of its own, with what the loop needs of `multiprocessing.Process`."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )

    @property
    def exitcode(self) -> int | None:
        return self._process.returncode

    def join(self, timeout: float | None = None) -> None:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout)

    def kill(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def kill_loop(
    commands: Sequence[Sequence[str]],
    folder: Path,
    *,
    kills: int,
    seed: int = 0,
    start: Callable[[Sequence[str]], Any] = Launched,
) -> Report:
    """Run the loop.

    Args:
        commands: What makes a whole run, in order, with ``{run}`` for its directory. The first is killed.
        folder: Empty; receives the run directories.
        kills: How many.
        seed: Of the random moments.
        start: Starts a command; what it returns is joined, asked for its ``exitcode``, and killed.
    """
    began = time.monotonic()
    rng = random.Random(seed)
    first, *others = commands
    undisturbed = folder / "undisturbed"
    _end(start(_for(first, undisturbed)))
    whole = time.monotonic() - began
    for command in others:
        _end(start(_for(command, undisturbed)))
    expected, expected_calls = rows(undisturbed), calls(undisturbed)
    stored: list[int] = []
    runs = doubled = different = calls_doubled = calls_different = 0
    while len(stored) < kills:
        disturbed = folder / f"disturbed-{runs}"
        # Anywhere from the first import to the last write; a killed run is continued by the next attempt.
        while len(stored) < kills and _killed(start(_for(first, disturbed)), rng.uniform(0.05, 1.0) * whole):
            stored.append(_count(disturbed))
        for command in commands:
            _end(start(_for(command, disturbed)))
        found, found_calls = rows(disturbed), calls(disturbed)
        runs += 1
        doubled += found.height - found.unique(KEY).height
        different += differing(expected, found)
        once = found_calls.unique()
        calls_doubled += found_calls.height - found_calls.unique([*KEY, "path", "kind"]).height
        calls_different += expected_calls.join(once, on=once.columns, how="anti", nulls_equal=True).height
        calls_different += once.join(expected_calls, on=once.columns, how="anti", nulls_equal=True).height
    return Report(
        kills=len(stored),
        runs=runs,
        samples_after_kill=stored,
        samples=expected.height,
        doubled=doubled,
        different=different,
        calls=expected_calls.height,
        calls_doubled=calls_doubled,
        calls_different=calls_different,
        seconds=round(time.monotonic() - began, 1),
    )


def finish(command: list[str]) -> None:
    """Run a command to its end."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")


def _for(command: Sequence[str], run: Path) -> list[str]:
    return [str(run) if word == "{run}" else word for word in command]


def rows(run: Path) -> pl.DataFrame:
    """Return all samples of a run with every verifier's outcome, sorted by key."""
    store = RunStore(run)
    frames = []
    for cell in store.cells():
        frame = store.samples(cell).collect()
        for verdicts in store.verdict_sets():
            outcome = verdicts.scan(cell).select(*KEY[1:], pl.col("outcome").alias(verdicts.info.verifier))
            frame = frame.join(outcome.collect(), on=KEY[1:], how="left")
        frames.append(frame)
    return pl.concat(frames).sort(KEY)


def calls(run: Path) -> pl.DataFrame:
    """Return what the journals of a run say of every ask; what the prefix cache held is another matter."""
    said = ["path", "kind", "role", "seed", "prefix", "text", "finish_reason", "completion_tokens", "outcome"]
    store = RunStore(run)
    frames = [store.calls(cell).select(*KEY, *said).collect() for cell in store.cells()]
    return pl.concat(frames).with_columns(pl.col("prefix").fill_null("")).sort(KEY)


def differing(expected: pl.DataFrame, found: pl.DataFrame) -> int:
    """Count rows that are not in both; log-probabilities may differ by rounding alone."""
    exact = [name for name in expected.columns if name != "cumulative_logprob"]
    odd = expected.join(found, on=exact, how="anti", nulls_equal=True).height
    odd += found.join(expected, on=exact, how="anti", nulls_equal=True).height
    both = expected.join(found, on=KEY, suffix="_found")
    gap = (both["cumulative_logprob"] - both["cumulative_logprob_found"]).abs()
    return odd + int((gap > 1e-3).sum())


def _killed(process: Any, after_s: float) -> bool:
    """Kill a process after a while; False if it ended by itself before."""
    process.join(after_s)
    if process.exitcode is not None:
        return False
    process.kill()
    process.join()
    return True


def _end(process: Any) -> None:
    process.join()
    if process.exitcode:
        raise RuntimeError(f"A command that nobody disturbed ended with {process.exitcode}.")


def _count(run: Path) -> int:
    store = RunStore(run)
    return sum(sum(store.counts(cell).values()) for cell in store.cells()) if store.exists else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    options = parser.parse_args()
    command = [sys.executable, "-m", "ttscale", "run", options.config, "--out", "{run}"]
    for override in options.overrides:
        command += ["--set", override]
    with tempfile.TemporaryDirectory(prefix="ttscale-kill-") as folder:
        report = kill_loop([command], Path(folder), kills=options.kills, seed=options.seed)
    print(json.dumps(asdict(report), indent=2))
    odd = (report.doubled, report.different, report.calls_doubled, report.calls_different)
    sys.exit(1 if any(odd) else 0)


if __name__ == "__main__":
    main()
