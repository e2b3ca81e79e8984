"""How fast samples are stored and counted, and how small they are.

    python benchmarks/store_speed.py --samples 1000000 --counts 10000000

Writes samples of about 1 kB of text through the store's own writer (zstd, fsync, atomic rename; the time until all is on
disk) and, in the same folder, the same bytes as one plain file with fsync: the disk's own speed. The text is words drawn one by one with the frequencies of
real completions: harder to compress than real text, which also repeats phrases. Then counts samples per problem of a
cell of `--counts` samples with short texts.
"""

import argparse
import json
import os
import random
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from pathlib import Path

from ttscale.store.run import RunStore
from ttscale.store.samples import stored_counts
from ttscale.store.writer import SampleWriter
from ttscale.types import Sample

REAL = Path(__file__).parents[1] / "results" / "gsm8k-smollm2"
N_PROBLEMS = 1000
BATCH = 64
MADE = 50_048
"""Samples made beforehand and written again and again: making them takes longer than storing them. They are far more
than the compressor looks back."""


def completions(rng: random.Random, length: int) -> Iterator[str]:
    """Yield texts of about `length` characters for ever, each word with its frequency in real completions."""
    store = RunStore(REAL)
    words = " ".join(store.samples(store.cells()[0]).collect()["completion"].to_list()).split(" ")
    per_text = round(length / (statistics.mean(map(len, words)) + 1))
    while True:
        yield " ".join(rng.choices(words, k=per_text))


def batches(n: int, texts: Iterator[str]) -> Iterator[list[Sample]]:
    """Yield n samples in batches of one problem."""
    for start in range(0, n, BATCH):
        problem, first = divmod(start // BATCH, -(-n // (BATCH * N_PROBLEMS)))
        yield [
            Sample(
                problem_id=f"problem-{problem}",
                sample_index=first * BATCH + j,
                completion=next(texts),
                finish_reason="stop",
                prompt_tokens=100,
                completion_tokens=250,
                cumulative_logprob=-31.4 - j,
                seed=start + j,
            )
            for j in range(min(BATCH, n - start))
        ]


def written(folder: Path, given: Iterable[list[Sample]]) -> float:
    """Write samples; return the seconds from the first until all are on disk."""
    writer = SampleWriter(folder / "cell", "cell", "session")
    began = time.perf_counter()
    for batch in given:
        writer.add(batch)
    writer.flush()
    return time.perf_counter() - began


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.parquet"))


def disk_s(folder: Path, n_bytes: int) -> float:
    """Write random bytes as one file, with fsync; return the seconds."""
    block = os.urandom(1 << 24)
    began = time.perf_counter()
    with (folder / "raw").open("wb") as file:
        for start in range(0, n_bytes, len(block)):
            file.write(block[: min(len(block), n_bytes - start)])
        file.flush()
        os.fsync(file.fileno())
    seconds = time.perf_counter() - began
    (folder / "raw").unlink()
    return seconds


def jsonl_bytes(texts: Iterator[str], n: int) -> float:
    """Return bytes per sample as plain JSON lines, from n of them."""
    lines = [
        json.dumps({name: getattr(sample, name) for name in Sample.__slots__})
        for batch in batches(n, texts)
        for sample in batch
    ]
    return sum(len(line) + 1 for line in lines) / len(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--counts", type=int, default=10_000_000)
    parser.add_argument(
        "--folder", type=Path, help="where to write; by default the system's temporary folder"
    )
    options = parser.parse_args()
    rng = random.Random(0)
    folder = Path(tempfile.mkdtemp(prefix="ttscale-store-", dir=options.folder))
    try:
        texts = completions(rng, 1000)
        made = list(batches(min(options.samples, MADE), texts))
        rounds, cpu_s = -(-options.samples // MADE), time.process_time()
        seconds = written(folder, chain.from_iterable(repeat(made, rounds)))
        cpu_s = time.process_time() - cpu_s
        n = rounds * sum(map(len, made))
        characters = rounds * sum(len(sample.completion) for batch in made for sample in batch)
        stored = size_of(folder)
        raw = disk_s(folder, stored)
        print(
            json.dumps(
                {
                    "samples": n,
                    "text_mb": round(characters / 1e6),
                    "write_s": round(seconds, 2),
                    "text_mb_per_s": round(characters / 1e6 / seconds, 1),
                    "cpu_s": round(cpu_s, 2),
                    "stored_mb": round(stored / 1e6),
                    "disk_s_for_the_same_bytes": round(raw, 2),
                    "share_of_jsonl": round(stored / n / jsonl_bytes(texts, 1000), 3),
                    "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
                }
            )
        )
        shutil.rmtree(folder / "cell")
        short = (str(rng.randrange(10**6)) for _ in iter(int, 1))
        written(folder, batches(options.counts, short))
        times = []
        for _ in range(5):
            began = time.perf_counter()
            counts = stored_counts(folder / "cell")
            times.append(time.perf_counter() - began)
        assert sum(counts.values()) == options.counts
        print(json.dumps({"counts_of": options.counts, "seconds": [round(one, 2) for one in times]}))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
