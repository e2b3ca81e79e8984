"""What the benchmarks that hurt runs share: their command line, and the account of what was done and found."""

import argparse
import json
import os
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

import polars as pl

sys.path.insert(0, str(Path(__file__).parent))

from kill_loop import KEY, differing, rows  # beside this file

SUPPORT = Path(__file__).parents[1] / "tests" / "support"


@dataclass(slots=True)
class Report:
    """What was done and what was found.

    Attributes:
        faults: Kind -> how often it was injected into a run that was going on.
        runs: Runs that were finished and compared.
        samples: Samples that a whole run has.
        doubled: Keys stored more than once, over all runs.
        different: Rows lost, added or changed, over all runs.
        seconds: For everything.
    """

    faults: dict[str, int] = field(default_factory=dict)
    runs: int = 0
    samples: int = 0
    doubled: int = 0
    different: int = 0
    seconds: float = 0.0

    @property
    def n_faults(self) -> int:
        """Faults injected by now."""
        return sum(self.faults.values())

    def count(self, kind: str) -> None:
        """Count a fault."""
        self.faults[kind] = self.faults.get(kind, 0) + 1

    def compare(self, expected: pl.DataFrame, run: Path, seconds: float) -> None:
        """Compare a finished run with an undisturbed one, and tell how it stands."""
        found = rows(run)
        self.runs += 1
        self.doubled += found.height - found.unique(KEY).height
        self.different += differing(expected, found)
        self.seconds = round(seconds, 1)
        print(json.dumps(asdict(self)), file=sys.stderr, flush=True)

    def close(self) -> None:
        """Print the report and end the program: with 1 where anything was lost, doubled or changed."""
        print(json.dumps(asdict(self), indent=2))
        sys.exit(1 if self.doubled or self.different else 0)


def command_line(description: str | None) -> argparse.ArgumentParser:
    """Return the options that all of them have."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--scripted", action="store_true", help="a sampler without an engine: many more faults"
    )
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    return parser


def run_command(
    options: argparse.Namespace, *, scripted_s: float, with_engine: tuple[str, ...] = ()
) -> list[str]:
    """Return the run's command without its ``--out``.

    Args:
        options: Of `command_line`.
        scripted_s: Seconds that a request takes the sampler without an engine.
        with_engine: Overrides for a real engine.
    """
    overrides = [*options.overrides, *with_engine]
    if options.scripted:
        os.environ["PYTHONPATH"] = str(SUPPORT)
        engine = f'engine: "scripted:ScriptedSampler", engine_options: {{seconds_per_request: {scripted_s}}}'
        overrides = [*options.overrides, f"model={{path: none, {engine}}}"]
    settings = [part for override in overrides for part in ("--set", override)]
    return [sys.executable, "-m", "ttscale", "run", options.config, *settings]
