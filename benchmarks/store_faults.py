"""Faults put into a run directory one by one: does what is read change without a word, or end in a traceback?

    python benchmarks/store_faults.py --faults 3000
    PYTHONPATH=../before python benchmarks/store_faults.py --faults 3000       # another version of the package
    python benchmarks/store_faults.py --only 123                               # one fault again, with its traceback

Each fault is drawn from a seed and its number: bits flipped, a file cut, a block of it zeroed or doubled, two files exchanged,
a file copied beside itself, into another cell or kind, or replaced by that of another run, something that is no file in its place,
a file or a whole folder deleted. The kinds take turns.
Then everything is read, the run is held for writing, and everything is read again.

same        what is read is what was written
told        it is not, and a warning or an error of one line says so
unchecked   it is not, a warning or an error says so, but `ttscale check` does not
silent      it is not, and nothing says so
traceback   an exception that is none of ours
hang        nothing came of it in a minute
wrong       after the next run began, a row is there that was never written, or twice, or a verdict without its sample
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from stored_runs import draw, make_run

from ttscale.errors import TtscaleError, TtscaleWarning
from ttscale.store.calls import CallRecord
from ttscale.store.run import RunStore
from ttscale.store.segments import collect

_SECONDS = 60
KEY = ("cell", "problem_id", "sample_index")
CELLS = {"warm": {"sampling.temperature": 0.8}, "hot": {"sampling.temperature": 1.2}}


def make(path: Path, *, answers: str) -> None:
    """Write a run of two cells: samples in three segments each, verdicts of two verifiers, a journal."""
    store = make_run(path, cells=CELLS, n_problems=5, n=4, asked=12)
    for cell in CELLS:
        for start in (4, 8):
            draw(store, cell, range(start, start + 4))
        with store.writing():
            journal = store.call_writer(cell, f"20260101T000000{answers}-bbbbbb")
            journal.add(
                [
                    CallRecord(
                        problem_id="0001",
                        sample_index=i,
                        path="0",
                        kind="generate",
                        role="draft",
                        text=answers,
                    )
                    for i in range(6)
                ]
            )
            journal.flush()


# ---- what is read -----------------------------------------------------------------------------------------------


def content(path: Path) -> dict[str, Any]:
    """Return everything that can be read of a run."""
    store = RunStore(path)
    read: dict[str, Any] = {"cells": store.manifest()["cells"], "config": store.config_yaml()}
    read["sessions"] = sorted(map(str, store.sessions()))
    for cell in store.cells():
        read[f"problems {cell}"] = store.problems(cell)
        read[f"samples {cell}"] = _rows(store.samples(cell))
        read[f"calls {cell}"] = _rows(store.calls(cell))
    for verdicts in store.verdict_sets():
        for cell in store.cells():
            read[f"verdicts {verdicts.info.verifier} {cell}"] = _rows(verdicts.scan(cell))
    return read


def _rows(frame: Any) -> list[str]:
    return sorted(map(str, collect(frame, Path("of the run")).to_dicts()))


def wrong(path: Path, before: dict[str, Any]) -> str | None:
    """Return what is not as it must be once the next run has begun; less is fine, other is not."""
    with RunStore(path).writing():
        pass
    after = content(path)
    for what, rows in after.items():
        if what.startswith(("samples", "verdicts", "calls", "sessions")):
            if len(set(rows)) != len(rows):
                return f"{what}: rows twice"
            if not set(rows) <= set(before.get(what, [])):
                return f"{what}: rows that were never written"
        elif rows != before.get(what):
            return f"{what}: changed"
    return _speaks_for_none(path)


def _speaks_for_none(path: Path) -> str | None:
    store = RunStore(path)
    for verdicts in store.verdict_sets():
        for cell in store.cells():
            keys = store.samples(cell).select("problem_id", "sample_index").collect()
            left = verdicts.scan(cell).collect().join(keys, on=["problem_id", "sample_index"], how="anti")
            if left.height:
                return f"{verdicts.info.verifier} of {cell}: {left.height} verdicts without a sample"
    return None


def checks(path: Path) -> bool:
    """Tell whether a check of the run finds anything."""
    try:
        from ttscale.pipeline.checking import check_rows
    except ImportError:  # an earlier version
        return True
    try:
        return bool(check_rows(RunStore(path)))
    except TtscaleError:
        return True


# ---- faults -----------------------------------------------------------------------------------------------------


def files(run: Path) -> list[Path]:
    return sorted(path for path in run.rglob("*") if path.is_file() and path.name not in ("run.lock",))


def segments(run: Path) -> list[Path]:
    return [path for path in files(run) if path.suffix == ".parquet" and path.parent.name != "problems"]


def flip(run: Path, other: Path, rng: random.Random) -> str:
    path = rng.choice(files(run))
    data = bytearray(path.read_bytes())
    for _ in range(rng.choice((1, 1, 1, 2, 8))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)
    return str(path.relative_to(run))


def cut(run: Path, other: Path, rng: random.Random) -> str:
    path = rng.choice(files(run))
    data = path.read_bytes()
    path.write_bytes(data[: rng.randrange(len(data))])
    return str(path.relative_to(run))


def overwrite(run: Path, other: Path, rng: random.Random) -> str:
    """Zero a block, double it, or leave it out."""
    path = rng.choice(files(run))
    data, size = path.read_bytes(), rng.choice((1, 16, 64, 512))
    at = rng.randrange(len(data))
    middle = rng.choice((b"\0" * len(data[at : at + size]), data[at : at + size] * 2, b""))
    path.write_bytes(data[:at] + middle + data[at + size :])
    return str(path.relative_to(run))


def exchange(run: Path, other: Path, rng: random.Random) -> str:
    """Two files of a kind change places."""
    first = rng.choice(files(run))
    second = rng.choice(
        [path for path in files(run) if path.suffix == first.suffix and path != first] or [first]
    )
    aside = first.with_name("aside")
    first.rename(aside)
    if second.exists():
        second.rename(first)
    aside.rename(second)
    return f"{first.relative_to(run)} {second.relative_to(run)}"


def copy_beside(run: Path, other: Path, rng: random.Random) -> str:
    path = rng.choice(segments(run))
    shutil.copy2(path, path.with_name(rng.choice(("0-", "copy-", "again-000007-")) + path.name))
    return str(path.relative_to(run))


def copy_elsewhere(run: Path, other: Path, rng: random.Random) -> str:
    """A segment turns up under another cell, verifier or kind."""
    path = rng.choice(segments(run))
    folder = rng.choice(sorted({each.parent for each in segments(run)} - {path.parent}))
    shutil.copy2(path, folder / rng.choice((path.name, f"new-{path.name}")))
    return f"{path.relative_to(run)} {folder.relative_to(run)}"


def of_another_run(run: Path, other: Path, rng: random.Random) -> str:
    """A file of a run with the same cells stands in the place of, or beside, one of this run."""
    path = rng.choice(files(other))
    target = run / path.relative_to(other)
    if path.suffix == ".parquet" and rng.random() < 0.5:
        target = target.with_name(f"new-{path.name}")
    shutil.copy2(path, target)
    return str(target.relative_to(run))


def no_file(run: Path, other: Path, rng: random.Random) -> str:
    """A folder, a pipe, a link to nowhere or a foreign file stands where a file, or a new segment, is expected."""
    path = rng.choice(files(run))
    if rng.random() < 0.3:
        path = rng.choice(segments(run)).with_name("foreign.parquet")
    elif rng.random() < 0.2:
        path = run / rng.choice(("claims/warm.blocks", "torn", "torn/warm-foreign.parquet"))
        path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    kind = rng.randrange(5)
    if kind == 0:
        path.mkdir()
        (path / "inside").write_text("x")
    elif kind == 1:
        os.mkfifo(path)
    elif kind == 2:
        path.symlink_to(run / "nowhere")
    elif kind == 3:
        path.symlink_to(run)
    else:
        path.write_bytes(rng.randbytes(rng.choice((0, 8, 400))))
    return f"{path.relative_to(run)} {kind}"


def delete(run: Path, other: Path, rng: random.Random) -> str:
    path = rng.choice(files(run))
    path.unlink()
    return str(path.relative_to(run))


def delete_folder(run: Path, other: Path, rng: random.Random) -> str:
    path = rng.choice(sorted({each.parent for each in files(run)} - {run}))
    shutil.rmtree(path)
    return str(path.relative_to(run))


FAULTS: tuple[Callable[[Path, Path, random.Random], str], ...] = (
    flip, flip, cut, overwrite, exchange, copy_beside, copy_elsewhere, of_another_run, no_file, delete, delete_folder,
)  # fmt: skip


# ---- running ----------------------------------------------------------------------------------------------------


class HangError(BaseException):
    """Nothing came of a fault in time."""


def _hangs(*_: object) -> None:
    raise HangError


class Bench:
    """Two runs of the same cells, one of which is spoilt in a copy, again and again."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder, self._seed = folder, seed
        signal.signal(signal.SIGALRM, _hangs)
        self._run, self._other, self._spoilt = folder / "run", folder / "other", folder / "spoilt"
        make(self._run, answers="1")
        make(self._other, answers="2")
        self._before = content(self._run)

    def try_one(self, number: int) -> tuple[str, str, str]:
        """Put one fault in; return its kind, what came of it, and more of that."""
        rng = random.Random(f"{self._seed} {number}")
        shutil.rmtree(self._spoilt, ignore_errors=True)
        shutil.copytree(self._run, self._spoilt, symlinks=True)
        fault = FAULTS[number % len(FAULTS)]
        where = fault(self._spoilt, self._other, rng)
        signal.alarm(_SECONDS)
        try:
            return fault.__name__, *self._came_of_it(where)
        except HangError:
            return fault.__name__, "hang", where
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a traceback is what is looked for, a panic inside polars, too
            said = traceback.extract_tb(error.__traceback__)[-1]
            return (
                fault.__name__,
                "traceback",
                f"{where}: {type(error).__name__} at {Path(said.filename).name}:{said.lineno}",
            )
        finally:
            signal.alarm(0)

    def _came_of_it(self, where: str) -> tuple[str, str]:
        came = "same"
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", TtscaleWarning)
            try:
                if content(self._spoilt) != self._before:
                    came = "told" if told else "silent"
            except TtscaleError as error:
                came = "told" if "\n" not in str(error) else "traceback"
            if came == "told" and not checks(self._spoilt):
                came = "unchecked"
            try:
                mistake = wrong(self._spoilt, self._before)
            except TtscaleError:
                return came, where
        return (came if mistake is None or came == "silent" else "wrong"), f"{where}: {mistake}"


def main() -> None:
    """Put the faults in, print what came of them, and end with 1 where anything was silent, wrong or a traceback."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--faults", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int)
    options = parser.parse_args()
    os.fsync = lambda descriptor: None  # type: ignore[assignment]  # nothing here outlives the test
    folder = Path(tempfile.mkdtemp(prefix="ttscale-faults-"))
    counts: dict[str, Counter[str]] = {fault.__name__: Counter() for fault in FAULTS}
    try:
        bench = Bench(folder, options.seed)
        for number in range(options.faults) if options.only is None else [options.only]:
            kind, came, more = bench.try_one(number)
            counts[kind][came] += 1
            if came not in ("same", "told"):
                print(f"--only {number} {kind}: {came}: {more}", file=sys.stderr, flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    total = sum(counts.values(), Counter())
    print(json.dumps({"all": total, **counts}, indent=1))
    sys.exit(1 if total.total() > total["same"] + total["told"] else 0)


if __name__ == "__main__":
    main()
