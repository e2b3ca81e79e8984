"""How long a run that was written in very many small segments takes to go on, and to be looked at.

    python benchmarks/small_segments.py --segments 20000
    PYTHONPATH=../before python benchmarks/small_segments.py --segments 20000     # another version of the package

A run of 100 problems is drawn by a sampler without an engine, then cut into segments of 8 samples and of 8 verdicts, as
many small requests, servers or processes leave them. Each step is a command of its own.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SUPPORT = Path(__file__).parents[1] / "tests" / "support"
ROWS = 8
CONFIG = """
name: many
model: {path: none, engine: "scripted:ScriptedSampler"}
task: {name: arithmetic, problems: 100}
sampling: {n: %d, request_size: 128}
verifiers: [exact]
"""
STEPS = {
    "resume, nothing to do": ["run", "CONFIG"],
    "resume again": ["run", "CONFIG"],
    "resume, 8 more samples a problem": ["run", "CONFIG", "--set", "sampling.n=MORE"],
    "status": ["status", "RUN"],
    "curve": ["curve", "RUN", "--k", "1,10,100"],
}


def cut(folder: Path) -> None:
    """Write the segments of a folder anew, a few rows each."""
    import polars as pl

    from ttscale.store.inventory import delete
    from ttscale.store.segments import write_segment

    os.fsync = lambda descriptor: None  # type: ignore[assignment]
    for path in sorted(folder.glob("*.parquet")):
        rows = pl.read_parquet(path)
        delete([path])
        for number, start in enumerate(range(0, rows.height, ROWS)):
            write_segment(path.with_name(f"{path.stem}-{number:06d}.parquet"), rows.slice(start, ROWS))


def timed(words: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Run a command; return its seconds on the wall and of CPU: on a machine under load only the second says much."""
    began, before = time.perf_counter(), os.times()
    subprocess.run([sys.executable, "-m", "ttscale", *words], env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return round(time.perf_counter() - began, 1), round(cpu, 1)


def main() -> None:
    """Make the run, time the steps, print the seconds as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--segments", type=int, default=20_000)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ttscale-segments-"))
    paths = [str(SUPPORT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "HF_HUB_OFFLINE": "1"}
    try:
        n = options.segments * ROWS // 100
        config, run = folder / "many.yaml", folder / "run"
        config.write_text(CONFIG % n)
        known = {
            "CONFIG": [str(config), "--out", str(run)],
            "RUN": [str(run)],
            "sampling.n=MORE": [f"sampling.n={n + 8}"],
        }
        timed(["sample", *known["CONFIG"]], environment)
        timed(["verify", str(run)], environment)
        for segment_folder in [*run.glob("samples/*"), *run.glob("verdicts/*/*")]:
            if segment_folder.is_dir():
                cut(segment_folder)
        n_files = len(list(run.rglob("*.parquet")))
        seconds = {
            name: timed([part for word in words for part in known.get(word, [word])], environment)
            for name, words in STEPS.items()
        }
        left = len(list(run.rglob("*.parquet")))
        print(json.dumps({"files": n_files, "seconds": seconds, "files_left": left}, indent=1))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
