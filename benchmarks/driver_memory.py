"""Peak memory of the process that drives a run, by the number of samples it draws.

    python benchmarks/driver_memory.py

Every size is a process of its own: sampling, storing and live verification with a sampler that has no engine (tests/support/
scripted.py), so that what is measured is the driver alone.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

SUPPORT = Path(__file__).parents[1] / "tests" / "support"
SIZES = ((10_000, 0), (100_000, 0), (1_000_000, 0), (10_000, 4000), (150_000, 4000))
"""Samples, and characters of each."""

DRIVE = """
import json, resource, sys, time
from pathlib import Path
from ttscale.config.loading import check_config
from ttscale.pipeline.run import sample_run
n = int(sys.argv[1])
tree = {
    "name": "memory", "out": sys.argv[2], "verifiers": ["exact"],
    "model": {"path": "none", "engine": "scripted:ScriptedSampler", "engine_options": {"characters": int(sys.argv[3])}},
    "task": {"name": "arithmetic", "problems": 100}, "sampling": {"n": n // 100},
}
began = time.perf_counter()
store = sample_run(check_config(tree))
seconds = time.perf_counter() - began
assert sum(store.counts(store.cells()[0]).values()) == n
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(json.dumps({"samples": n, "characters": int(sys.argv[3]), "peak_rss_mb": peak, "seconds": round(seconds, 1)}))
"""


def main() -> None:
    for n, characters in SIZES:
        with tempfile.TemporaryDirectory(prefix="ttscale-memory-") as folder:
            subprocess.run(
                [sys.executable, "-c", DRIVE, str(n), str(Path(folder) / "run"), str(characters)],
                check=True,
                env=os.environ
                | {"PYTHONPATH": os.pathsep.join([str(SUPPORT), os.environ.get("PYTHONPATH", "")])},
            )


if __name__ == "__main__":
    main()
