"""Inputs that are odd as a whole, for `fuzz.py`: encodings, streams, archives, kinds of files, YAML, Parquet types, every option of the command line."""

import bz2
import codecs
import gzip
import io
import json
import lzma
import os
import random
import socket
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

DEEP = 200_000
NUMBERS = (
    "0x10", "1__0", "_1", "1_", "+5", "1e-400", "1e400", "-1e400", "-0", "NaN", "-nan", "∞", "Infinity", "1,,2", ",", "1-5", "½", "٣", "１２", "²", "1 000", "1.000,5", "1e", ".", "e5",
    "9" * 5000, "0" * 5000 + "1", "1." + "0" * 5000, "--", "-", "\x1b[31m5", "5\x07", "5\n6", "\udcff", "\u202e5", "\ufeff5", "true", "null", "[1]", "{}", "1/3", "10%", "1k", "1e5e5", "0b1", "1j",
    "-1", "0", "99999999999999999999", "1:2", "a=1", "1;2", " ", "\t", "$(id)", "*", "~", "2**63", "-9223372036854775809",
)  # fmt: skip
KEYS = ("a", "", "\ud800", "\x00", "__class__", "\x1b[31m", "a.b", "é", "e\u0301", "NaN", "1")


# ---- text -----------------------------------------------------------------------------------------------------


def odd_text(data: bytes, rng: random.Random) -> bytes:
    """Write a text file in another way: another encoding, other line ends, keys twice, values that JSON does not have."""
    text = data.decode(errors="replace")
    ways: tuple[Callable[[], bytes], ...] = (
        lambda: codecs.BOM_UTF8 + data,
        lambda: codecs.BOM_UTF8 * 2 + data,
        lambda: text.encode("utf-16"),
        lambda: text.encode("utf-16-be"),
        lambda: text.encode("utf-32"),
        lambda: text.encode("utf-7", errors="replace"),
        lambda: text.encode("cp1252", errors="replace") + b"\x81\x8d",
        lambda: text.replace("\n", "\r\n").encode(),
        lambda: text.replace("\n", "\r").encode(),
        lambda: text.replace("\n", rng.choice("\x0b\x0c\x1c\x85\u2028\u2029")).encode(),
        lambda: text.replace("\n", "\n\n\n").encode() + b"\x1a\x00\x00",
        lambda: b"\x00" * rng.choice((1, 4096)) + data,
        lambda: data + b"\x00" * rng.choice((1, 4096)),
        lambda: data.replace(b":", b":" + rng.choice((b"NaN,", b"-Infinity,", b"Infinity,", b"0x1f,", b"01,", b"1e999,", b"'x',", b"undefined,")), 1),
        lambda: _value_in(data, rng, b"[" * DEEP + b"]" * DEEP),
        lambda: _value_in(data, rng, b'{"a":' * DEEP + b"1" + b"}" * DEEP),
        lambda: _value_in(data, rng, b"9" * rng.choice((19, 20, 400, 5000))),
        lambda: _value_in(data, rng, rng.choice((b"NaN", b"Infinity", b"-0", b"1e308", b"1E400", b"-1e-999", b'"\\ud800"', b'"\\u0000"', b'"\\ud83d\\ude00"'))),
        lambda: data.replace(b"{", b"{" + json.dumps(rng.choice(KEYS)).encode() + b":1," * rng.choice((1, 2)), 1),
        lambda: _keys_twice(data, rng),
        lambda: data.replace(b'"', b"'"),
        lambda: gzip.compress(data),
        lambda: lzma.compress(data),
        lambda: data[: len(data) // 2] + b"\n" + data[: len(data) // 2],
        lambda: text.upper().encode(),
        lambda: text.replace("a", rng.choice(("\x1b]8;;http://x\x07", "\u202e", "\u200b", "\x9b31m", "\x7f", "\x08"))).encode(),
    )  # fmt: skip
    return rng.choice(ways)()


def _value_in(data: bytes, rng: random.Random, value: bytes) -> bytes:
    """Put a value where one begins."""
    places = [at for at, byte in enumerate(data) if byte in b":,"]
    if not places:
        return value
    at = rng.choice(places) + 1
    ends = [end for end in (data.find(mark, at) for mark in (b",", b"}", b"]", b"\n")) if end >= 0]
    return data[:at] + value + data[min(ends, default=len(data)) :]


def _keys_twice(data: bytes, rng: random.Random) -> bytes:
    """Say every key of an object, or a column, twice."""
    with suppress(ValueError, UnicodeError):
        lines = data.decode().splitlines()
        found = json.loads(lines[0])
        if isinstance(found, dict):
            first = ",".join(
                f"{json.dumps(key)}:{json.dumps(rng.choice((value, None, 1)))}"
                for key, value in found.items()
            )
            return "\n".join(["{" + first + "," + json.dumps(found)[1:], *lines[1:]]).encode()
    head, _, rest = data.partition(b"\n")
    return head + b"," + head + b"\n" + b"\n".join(line + b"," + line for line in rest.splitlines())


# ---- files ----------------------------------------------------------------------------------------------------


def odd_file(path: Path, rng: random.Random) -> None:
    """Put something that is no plain file where one is expected; whoever reads it must neither wait nor fill the memory."""
    data = path.read_bytes()
    path.unlink()
    ways: tuple[Callable[[], Any], ...] = (
        lambda: os.mkfifo(path),
        lambda: _socket(path),
        path.mkdir,
        lambda: (path.mkdir(), (path / path.name).write_bytes(b"{}")),
        lambda: path.symlink_to("nowhere"),
        lambda: path.symlink_to(path.name),
        lambda: path.symlink_to(path.parent),
        lambda: path.symlink_to("/dev/zero"),
        lambda: path.symlink_to("/dev/full"),
        lambda: path.symlink_to("/dev/null"),
        lambda: path.symlink_to("/proc/self/mem"),
        lambda: path.symlink_to("/proc/kmsg"),
        path.touch,
        lambda: (path.touch(), path.chmod(0)),
        lambda: _without_end(path, b""),
        lambda: _without_end(path, data),
        lambda: _without_end(path, data + b'\n"'),
        lambda: _without_end(path, data[: len(data) // 2]),
        lambda: path.write_bytes(
            data + rng.choice((b"[],", b"0,", b'{"a":0},', b"- a\n", b"a\n", b",")) * (1 << 23)
        ),
    )
    rng.choice(ways)()


def _without_end(path: Path, head: bytes) -> None:
    """Write a gigabyte that takes no room: what follows the head is zeros."""
    path.write_bytes(head)
    os.truncate(path, 1 << 30)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening, suppress(OSError):
        listening.bind(os.path.relpath(path))


# ---- streams and archives -------------------------------------------------------------------------------------

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


def spoilt(data: bytes, rng: random.Random) -> bytes:
    """Spoil a packed stream: its head, its end, its middle, or what follows it."""
    at = rng.randrange(1, max(2, len(data)))
    ways = (
        data[:at], data[at:], data[: at - 1] + bytes([data[at - 1] ^ 0xFF]) + data[at:], data + data, data + b"\x00" * 700, data + b"junk",
        data[:4] + b"\xff" * 12 + data[16:], data[:-8] + b"\xff" * 8, data[:-4] + b"\x00" * 4, b"", data[:10],
    )  # fmt: skip
    return rng.choice(ways)


def odd_archive(folder: Path, inner: Path, rng: random.Random) -> Path:
    """Pack a file in a way that no tool does."""
    ways: tuple[Callable[[Path, Path, random.Random], Path], ...] = (
        _of_odd_members, _of_odd_headers, _spoilt_archive, _nested, _zip_that_lies, _wrong_name, _bomb,
    )  # fmt: skip
    return rng.choice(ways)(folder, inner, rng)


def _of_odd_members(folder: Path, inner: Path, rng: random.Random) -> Path:
    path = folder / "logs.tar"
    names = (
        inner.name,
        f"a/../{inner.name}",
        f"/{inner.name}",
        ".",
        "..",
        "",
        "a" * 300,
        "\udcff",
        "\x1b[31m",
        "a\x00b",
        "con",
        "a/" * 400 + "b",
        " ",
        "\u202e",
    )
    kinds = (
        tarfile.REGTYPE,
        tarfile.SYMTYPE,
        tarfile.LNKTYPE,
        tarfile.FIFOTYPE,
        tarfile.CHRTYPE,
        tarfile.BLKTYPE,
        tarfile.DIRTYPE,
        tarfile.GNUTYPE_SPARSE,
        tarfile.CONTTYPE,
        b"g",
        b"x",
        b"L",
        b"K",
        b"\x00",
        b"Z",
    )
    with suppress(ValueError, UnicodeError), tarfile.open(path, "w", format=rng.choice((0, 1, 2))) as archive:
        for _ in range(rng.choice((1, 2, 3))):
            member = tarfile.TarInfo(rng.choice(names))
            member.type, member.linkname = rng.choice(kinds), rng.choice(names)
            member.size = inner.stat().st_size
            archive.addfile(member, inner.open("rb"))
    return path


def _of_odd_headers(folder: Path, inner: Path, rng: random.Random) -> Path:
    """Records that a tar's extended headers may hold, and numbers in its plain ones."""
    path = folder / "logs.tar"
    extended = {
        rng.choice(("size", "path", "linkpath", "mtime", "uid", "hdrcharset", "GNU.sparse.map", "GNU.sparse.size", "GNU.sparse.major", "GNU.sparse.numblocks", "GNU.sparse.realsize", "GNU.sparse.name")):
        rng.choice(("-1", "9" * 30, "1e9", "", "nan", "0,1,2", "1", "0", "\x1b[31m", "a" * 5000, "BINARY", "0,99999999999999"))
        for _ in range(rng.choice((1, 2, 4)))
    }  # fmt: skip
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo(inner.name)
        member.size, member.pax_headers = inner.stat().st_size, extended
        with suppress(ValueError):
            archive.addfile(member, inner.open("rb"))
    data = bytearray(path.read_bytes())
    if rng.random() < 0.5 and len(data) > 512:
        at = rng.choice(
            (0, 100, 108, 116, 124, 136, 148, 156, 257, 329, 345, 386, 482)
        ) + 512 * rng.randrange(len(data) // 512)
        data[at : at + 8] = rng.choice(
            (b"\xff" * 8, b"\x80" + b"\xff" * 7, b"7" * 8, b" " * 8, b"-1\0\0\0\0\0\0", b"\0" * 8)
        )
        path.write_bytes(data)
    return path


def _spoilt_archive(folder: Path, inner: Path, rng: random.Random) -> Path:
    kind = rng.choice((".gz", ".bz2", ".xz"))
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(inner, inner.name)
    path = folder / f"logs.tar{kind}"
    path.write_bytes(spoilt(PACKERS[kind](packed.getvalue()), rng))
    return path


def _nested(folder: Path, inner: Path, rng: random.Random) -> Path:
    data, name = inner.read_bytes(), inner.name
    for depth in range(rng.choice((2, 3, 9))):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, data)
        data, name = packed.getvalue(), f"{depth}.zip"
    path = folder / "logs.zip"
    path.write_bytes(data)
    return path


def _zip_that_lies(folder: Path, inner: Path, rng: random.Random) -> Path:
    """A zip whose headers and content differ: names twice, flags of encryption, other sizes, methods and dates."""
    path = folder / "logs.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in (
            inner.name,
            *rng.choices((inner.name, "a\\b", "C:x", "a//b", "\x1b[31m", "x" * 300, "a/", "../b", "é"), k=2),
        ):
            archive.writestr(name, inner.read_bytes())
    data = bytearray(path.read_bytes())
    for _ in range(rng.choice((1, 2))):
        head = rng.choice((b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"))
        at = data.find(head) + rng.choice((4, 6, 8, 10, 12, 14, 18, 22, 26, 28, 30, 38, 42))
        data[at : at + 2] = rng.choice(
            (b"\xff\xff", b"\x01\x00", b"\x00\x00", b"\x63\x00", b"\x5d\x00", b"\x0c\x00")
        )
    path.write_bytes(data)
    return path


def _wrong_name(folder: Path, inner: Path, rng: random.Random) -> Path:
    path = (
        folder
        / f"logs{rng.choice(('.zip', '.tar', '.tgz', '.tar.gz', '.tar.xz', '.tar.bz2', '.zst', '.7z', '.tar.zst', '.ZIP', '.jsonl.gz'))}"
    )
    data = inner.read_bytes()
    path.write_bytes(
        rng.choice(
            (
                data,
                gzip.compress(data),
                lzma.compress(data),
                b"7z\xbc\xaf\x27\x1c" + data,
                b"\x28\xb5\x2f\xfd" + data,
                b"",
                b"PK\x05\x06" + b"\0" * 18,
                b"\0" * 10240,
            )
        )
    )
    return path


def _bomb(folder: Path, inner: Path, rng: random.Random) -> Path:
    path = folder / "logs.zip"
    with (
        zipfile.ZipFile(
            path, "w", rng.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
        ) as archive,
        archive.open(inner.name, "w") as member,
    ):
        for _ in range(3):
            member.write(b" " * (1 << 20))
        member.write(inner.read_bytes())
    return path


# ---- YAML, Parquet, options -----------------------------------------------------------------------------------


def odd_yaml(rng: random.Random) -> str:
    """Return a value as only YAML can say it."""
    bomb = "\n".join(
        ["a0: &a0 [x,x,x,x,x,x,x,x,x]"]
        + [f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    )
    return rng.choice(
        (
            bomb, "a: &a [*a]", "a: &a {b: *a}", "<<: *nowhere", "<<: [1, 2]", "<<: &m {<<: *m}", "a: *" + "b" * 5000, "? [a, b]\n: c", "? {a: b}\n: c", "!!set {a, b}", "!!binary '!!!'", "!!timestamp '2026-99-99'",
            "a: 2026-13-45", "a: 0o9", "a: 1:99:99", "a: 0x", "a: .inf", "a: -.nan", "a: ~", "a: !!float x", "a: !!int ''", "a: !!bool maybe", "a: !!python/object:os.system", "a: !<tag:yaml.org,2002:int> 5", "a: !x y", "%YAML 9.9\n---\na: 1",
            "---\na: 1\n---\nb: 2", "...", "a: |\n\tb", "\ta: 1", "a: 'b", 'a: "\\xg"', 'a: "\\U00110000"', 'a: "\\ud800"', "a: " + "[" * 5000, "a: " + "{b: " * 3000, "- " * 5000, "a: 1\na: 2", "a: 1\n'a': 2", "1: a\n1.0: b", "null: a", "[]: a", "a: >9\n b", "a: @b", "a: `b`",
            "a: %b", "& a", "* a", "a: 'it''s\x85'", "a: \x07", "\ufeffa: 1", "a: \ud83d", "name: " + "n" * 100_000, "name: [\x1b[31m]", "name: '\x1b]0;x\x07'", "sampling: {n: " + "9" * 5000 + "}", "sampling: {n: 1e400}", "sampling: {temperature: .nan}", "out: /dev/full", "out: /proc/1/x", "out: ''",
            "sweep: {grid: {sampling.n: [" + "1," * 3000 + "1]}}", "sweep: {grid: " + json.dumps({f"sampling.x{i}": [1, 2] for i in range(40)}) + "}", "task: {name: table, path: /dev/zero}", "task: {name: table, path: /proc/self/mem}", "verifiers: [" + "exact," * 2000 + "exact]",
        )
    )  # fmt: skip


def odd_frame(rng: random.Random) -> Any:
    """Return counts whose columns are of types that a CSV file does not know."""
    import polars as pl

    n = 4
    odd = (
        pl.Series([[1], [2], [], None]), pl.Series([{"a": 1}] * n), pl.Series([b"\xff"] * n), pl.Series(["1"] * n, dtype=pl.Categorical), pl.Series([None] * n), pl.Series([2**63] * n, dtype=pl.UInt64),
        pl.Series([1.5, float("nan"), float("inf"), -0.0]), pl.Series([True, False, None, True]), pl.Series([1, 2, 3, 4], dtype=pl.Decimal(38, 2)), pl.Series([0, 1, 2, 3]).cast(pl.Datetime), pl.Series([0, 1, 2, 3]).cast(pl.Date),
        pl.Series([0, 1, 2, 3]).cast(pl.Duration), pl.Series([0, 1, 2, 3]).cast(pl.Time), pl.Series([-1, 2**62, 0, 1]), pl.Series(["", " ", "\x1b[31m", "9" * 5000]), pl.Series([[[1]]] * n), pl.Series([1, 2, 3, 4], dtype=pl.Int8), pl.Series([1.0] * n, dtype=pl.Float32),
    )  # fmt: skip
    columns = {"problem_id": pl.Series(list("abcd")), "n": pl.Series([4] * n), "c": pl.Series([0, 1, 2, 4])}
    for name in rng.sample(sorted(columns), rng.choice((1, 1, 2, 3))):
        columns[name] = rng.choice(odd)
    return pl.DataFrame({name: column.rename(name) for name, column in columns.items()}, strict=False)


def option_lines(table: Path, run: Path) -> Iterator[list[str]]:
    """Yield the beginning of a command line for every option that takes a value, ready for it."""
    from ttscale.cli.main import COMMANDS, cli

    context = click.Context(cli)
    for name in sorted(COMMANDS):
        if name in ("run", "sample", "doctor", "init"):  # draw, start engines, or ask
            continue
        command = cli.get_command(context, name)
        yield from _options_of([name], command, table, run)


def _options_of(words: list[str], command: Any, table: Path, run: Path) -> Iterator[list[str]]:
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            yield from _options_of(
                [*words, name], command.get_command(click.Context(command), name), table, run
            )
        return
    arguments = [
        str(run if "run" in (one.name or "") else table)
        for one in command.params
        if isinstance(one, click.Argument)
    ]
    for option in command.params:
        if (
            isinstance(option, click.Option)
            and not option.is_flag
            and option.name not in ("out", "port", "host", "watch")
        ):
            yield [*words, *arguments, option.opts[0]]
