"""The filter's lines, run here by an interpreter of our own: what the kernel would say of a call."""

import errno
import json
import platform
import re
import signal
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from ttscale.execution import system_calls
from ttscale.execution.system_calls import Filters, filters_of

_ALLOWED = 0x7FFF0000
_X86_64, _ARM, _I386 = 0xC000003E, 0xC00000B7, 0x40000003


def said(program: bytes, number: int, *arguments: int, architecture: int = _X86_64) -> int | str:
    """Return "allowed", or the error that a call gets."""
    given = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    data = struct.pack("iIQ6Q", number, architecture, 0, *given)
    lines = list(struct.iter_unpack("HBBI", program))
    value, at = 0, 0
    while True:
        code, if_true, if_false, operand = lines[at]
        at += 1
        if code == 0x20:
            (value,) = struct.unpack_from("I", data, operand)
        elif code == 0x06:
            return "allowed" if operand == _ALLOWED else operand & 0xFFFF
        else:
            holds = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}[code]
            at += if_true if holds else if_false


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        ((0,), "allowed"),  # read
        ((56, 0x1200011), "allowed"),  # clone, as fork calls it
        ((56, 0x10000011), errno.EPERM),  # ... with a user namespace
        ((435,), errno.ENOSYS),  # clone3
        ((272, 0x60020000), "allowed"),  # unshare, as a server confines; with a user namespace
        ((272, 0x10020000), errno.EPERM),
        ((250, 10), errno.ENOSYS),  # keyctl
        ((41, 1, 1, 0), "allowed"),  # socket: UNIX, IP, IPv6, route netlink; vsock, another netlink
        ((41, 2, 1, 0), "allowed"),
        ((41, 10, 1, 0), "allowed"),
        ((41, 16, 3, 0), "allowed"),
        ((41, 16, 3, 9), errno.EAFNOSUPPORT),
        ((41, 40, 1, 0), errno.EAFNOSUPPORT),
        ((53, 1, 1, 0), "allowed"),  # socketpair
        ((53, 30, 1, 0), errno.EAFNOSUPPORT),
        ((72, 3, 1), "allowed"),  # fcntl: F_GETFD, F_SETLEASE
        ((72, 3, 1024), errno.EINVAL),
        ((28, 0, 0, 4), "allowed"),  # madvise: MADV_DONTNEED, MADV_PAGEOUT
        ((28, 0, 0, 21), 0),
        ((221, 3, 0, 0, 4), 0),  # fadvise64
        ((55, 3, 1, 3), "allowed"),  # getsockopt: SO_TYPE, SO_COOKIE, an option of TCP with that number
        ((55, 3, 1, 57), errno.ENOPROTOOPT),
        ((55, 3, 6, 57), "allowed"),
        ((0x40000000,), errno.ENOSYS),  # x32: read, keyctl
        ((0x40000000 + 250, 10), errno.ENOSYS),
        ((-1,), errno.ENOSYS),
    ],
)
def test_what_the_filter_says_of_a_call(call: tuple[int, ...], answer: int | str) -> None:
    assert said(bytes.fromhex(filters_of("x86_64").online), *call) == answer


@pytest.mark.parametrize("number", [20, 288, 120])
def test_32_bit_calls_are_refused_whatever_their_number(number: int) -> None:
    assert said(bytes.fromhex(filters_of("x86_64").offline), number, architecture=_I386) == errno.ENOSYS


@pytest.mark.parametrize(("call", "answer"), [((63,), "allowed"), ((219, 10), errno.ENOSYS), ((198, 40), errno.EAFNOSUPPORT), ((220, 0x11), "allowed")])  # fmt: skip
def test_other_machines_have_other_numbers(call: tuple[int, ...], answer: int | str) -> None:
    program = bytes.fromhex(filters_of("aarch64").online)
    assert said(program, *call, architecture=_ARM) == answer
    assert said(program, *call) == errno.ENOSYS  # as an x86-64 call


_GENERIC = {
    "read": "allowed", "write": "allowed", "mmap": "allowed", "futex": "allowed", "exit_group": "allowed", "getrandom": "allowed",
    **dict.fromkeys(("execve", "kill", "socket", "connect", "ptrace", "keyctl", "unlinkat", "mkdirat", "bpf", "clone3", "setns", "mount"), "ended"),
}  # fmt: skip
_GENERIC_IF = [
    ("openat", (-100, 0, 0o2000000), "allowed"), *(("openat", (-100, 0, flags), "ended") for flags in (1, 2, 0o100, 0o1000)),
    ("clone", (0x8011,), "allowed"), ("clone", (0x11,), "ended"), ("clone", (0x3D0F00,), "ended"),
    ("prlimit64", (0, 7), "allowed"), ("prlimit64", (5, 7), "ended"),
    ("madvise", (0, 0, 4), "allowed"), ("madvise", (0, 0, 21), "ended"),
    ("ioctl", (1, 0x5401), "allowed"), ("ioctl", (1, 0x5412), "ended"), ("fcntl", (3, 1), "allowed"), ("fcntl", (3, 6), "ended"),
]  # fmt: skip
_KINDS_OF_MACHINES = {"aarch64": 183, "riscv64": 243}
"""Numbers of these machines in <linux/elf-em.h>; with the bits for 64 and little endian they are those of <linux/audit.h>."""


@pytest.mark.parametrize("machine", _KINDS_OF_MACHINES)
@pytest.mark.parametrize(("name", "arguments", "answer"), [*((name, (), answer) for name, answer in _GENERIC.items()), *_GENERIC_IF])  # fmt: skip
def test_programs_compute_by_the_generic_numbers_on_other_machines(
    machine: str, name: str, arguments: tuple[int, ...], answer: str
) -> None:
    if not _HEADERS[1].exists():
        pytest.skip(f"the kernel's headers are not installed: no {_HEADERS[1]}")
    known = numbers_in(_HEADERS[1])
    number = known.get(name)
    architecture = _KINDS_OF_MACHINES[machine] | 0x80000000 | 0x40000000
    program = bytes.fromhex(filters_of(machine).computing)
    assert number is not None
    given = [argument & 0xFFFFFFFFFFFFFFFF for argument in arguments]
    assert (said(program, number, *given, architecture=architecture) == "allowed") == (answer == "allowed")
    for other in {_X86_64, _I386, _ARM, 0xC00000F3} - {architecture}:
        assert said(program, number, *given, architecture=other) != "allowed"


@pytest.mark.parametrize("machine", _KINDS_OF_MACHINES)
@pytest.mark.parametrize(
    ("name", "arguments", "answer"),
    [
        ("clone", (0x11,), "allowed"), ("clone", (0x10000011,), errno.EPERM), ("unshare", (0x20000,), "allowed"), ("unshare", (0x10000000,), errno.EPERM),
        ("bind", (3,), errno.EPERM), ("socket", (1, 1), "allowed"), ("socket", (2, 1), errno.EAFNOSUPPORT), ("execve", (), "allowed"),
        ("sendmsg", (3,), errno.EPERM), ("inotify_init1", (), errno.ENOSYS), ("io_uring_setup", (), errno.ENOSYS), ("syncfs", (3,), 0),
        ("getsockopt", (3, 1, 57), errno.ENOPROTOOPT), ("fcntl", (3, 1024), errno.EINVAL),
    ],
)  # fmt: skip
def test_the_filter_refuses_by_the_generic_numbers_on_other_machines(
    machine: str, name: str, arguments: tuple[int, ...], answer: int | str
) -> None:
    if not _HEADERS[1].exists():
        pytest.skip(f"the kernel's headers are not installed: no {_HEADERS[1]}")
    architecture = _KINDS_OF_MACHINES[machine] | 0x80000000 | 0x40000000
    program = bytes.fromhex(filters_of(machine, sends_descriptors=False).offline)
    assert said(program, numbers_in(_HEADERS[1])[name], *arguments, architecture=architecture) == answer


def test_a_machine_whose_numbers_are_not_known_has_no_filter() -> None:
    assert filters_of("s390x") == Filters()


@pytest.mark.parametrize(
    ("call", "answer"),
    [((41, 1, 1), "allowed"), ((41, 2, 1), errno.EAFNOSUPPORT), ((53, 1, 1), "allowed"), ((53, 16, 3), errno.EAFNOSUPPORT), ((49, 3), errno.EPERM), ((0,), "allowed"), ((250,), errno.ENOSYS)],
)  # fmt: skip
def test_without_a_network_sockets_have_no_names(call: tuple[int, ...], answer: int | str) -> None:
    assert said(bytes.fromhex(filters_of("x86_64").offline), *call) == answer


_HEADERS = {
    0: Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    1: Path("/usr/include/asm-generic/unistd.h"),  # what 64-bit ARM and RISC-V include
}
_OTHER_NAMES = {
    "fcntl": "fcntl",
    "newfstatat": "fstatat",
    "lseek": "lseek",
    "mmap": "mmap",
    "fadvise64": "fadvise64",
}
"""Names that the generic table writes as ``__NR3264_...``."""


def numbers_in(header: Path) -> dict[str, int]:
    """Return the numbers of calls by name, as a header of the kernel has them."""
    lines = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)\b", header.read_text(encoding="utf-8"))
    return {name: int(number) for name, number in reversed(lines) if name != "syscalls"}  # how many there are


@pytest.mark.parametrize("column", _HEADERS)
@pytest.mark.parametrize("table", ["_CALLS", "_NAMING", "_SENDING", "_IDLE", "_COMPUTING"])
def test_numbers_of_calls_are_the_kernels_own(column: int, table: str) -> None:
    if not _HEADERS[column].exists():
        pytest.skip(f"the kernel's headers are not installed: no {_HEADERS[column]}")
    known = numbers_in(_HEADERS[column])
    ours = {name: pair[column] for name, pair in getattr(system_calls, table).items()}
    newer = {
        name for name, number in ours.items() if number and number > max(known.values())
    }  # than the header
    theirs = {name: known.get(name, known.get(_OTHER_NAMES.get(name, ""))) for name in ours.keys() - newer}
    assert theirs == {name: ours[name] for name in theirs}
    assert len(newer) <= len(ours) // 4


_RULED = {
    "clone": (56, 220), "unshare": (272, 97), "fcntl": (72, 25), "madvise": (28, 233), "getsockopt": (55, 209),
    "socket": (41, 198), "socketpair": (53, 199), "openat": (257, 56), "ioctl": (16, 29), "prlimit64": (302, 261),
}  # fmt: skip
"""Calls that are judged by their arguments."""


@pytest.mark.parametrize("column", _HEADERS)
def test_numbers_of_calls_judged_by_their_arguments_are_the_kernels_own(column: int) -> None:
    if not _HEADERS[column].exists():
        pytest.skip(f"the kernel's headers are not installed: no {_HEADERS[column]}")
    known = numbers_in(_HEADERS[column])
    used = {rule.number for rule in system_calls._RULES} | set(system_calls._SOCKETS)
    used |= {rule[0] for rule in system_calls._COMPUTING_IF}
    assert used == set(_RULED.values())
    assert {name: pair[column] for name, pair in _RULED.items()} == {name: known[name] for name in _RULED}


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        ((0, 5), "allowed"),  # read
        ((9, 0, 4096), "allowed"),  # mmap
        ((257, -100, 0, 0o2000000), "allowed"),  # openat: O_CLOEXEC; O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_TMPFILE
        *(((257, -100, 0, flags), "ended") for flags in (1, 2, 0o100, 0o1000, 0o20200002)),
        ((56, 0x8011), "allowed"),  # clone, as the forker calls it; as fork, as a thread, as musl's fork
        *(((56, flags), "ended") for flags in (0x1200011, 0x3D0F00, 0x11, 0x8000, 0x10008011)),
        ((72, 3, 1), "allowed"),  # fcntl: F_GETFD, F_SETLK, F_SETLEASE
        *(((72, 3, command), "ended") for command in (6, 1024, 1032)),
        ((302, 0, 7), "allowed"),  # prlimit64: of itself, of another
        ((302, 5, 7), "ended"),
        ((28, 0, 0, 4), "allowed"),  # madvise: MADV_DONTNEED, MADV_PAGEOUT
        ((28, 0, 0, 21), "ended"),
        ((16, 1, 0x5401), "allowed"),  # ioctl: TCGETS, TIOCSTI
        ((16, 1, 0x5412), "ended"),
        *(((number,), "ended") for number in (22, 39, 41, 46, 53, 57, 59, 62, 83, 87, 186, 435, 0x40000000, -1)),
    ],
)  # fmt: skip
def test_a_program_that_only_computes_may_make_these_calls(call: tuple[int, ...], answer: str) -> None:
    program = bytes.fromhex(filters_of("x86_64").computing)
    given = [argument & 0xFFFFFFFFFFFFFFFF for argument in call[1:]]
    assert (said(program, call[0], *given) == "allowed") == (answer == "allowed")
    assert said(program, call[0], *given, architecture=_I386) != "allowed"


_EVERY_CALL = """
import ctypes, os, sys
from ttscale.execution.inside.confine import drop_privileges, filter_system_calls
from ttscale.execution.system_calls import filters_of
libc = ctypes.CDLL(None)
for number in range(500):
    pid = os.fork()
    if pid == 0:
        drop_privileges(None)
        filter_system_calls(filters_of().computing)
        libc.syscall(*map(ctypes.c_long, (number, -1, -1, -1, -1, -1)))
        os._exit(0)
    print(number, os.WTERMSIG(os.waitpid(pid, 0)[1]))
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="counts calls by their numbers on x86-64")
def test_the_kernel_ends_it_for_every_other_call() -> None:
    done = subprocess.run([sys.executable, "-c", _EVERY_CALL], capture_output=True, text=True, check=True)
    ended = {int(number): int(how) for number, how in map(str.split, done.stdout.splitlines())}
    assert len(ended) == 500
    living = {number for number, how in ended.items() if how != signal.SIGSYS}
    assert living - {335, 336} == {
        pair[0] for pair in system_calls._COMPUTING.values()
    }  # uretprobe, uprobe: traps of the kernel's own


_FORKER = """
import json, os, socket, sys
from ttscale.execution.system_calls import filters_of
from ttscale.execution.inside.confine import Limits
from ttscale.verifiers.code.inside.forker import start_forker
from ttscale.verifiers.code.inside.wire import Channel
settings = {"users": os.geteuid() == 0, "directory": "/", "filters": {"computing": filters_of().computing}, "reply_bytes": 1 << 20, "sends_descriptors": True}
tester, control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
forker = start_forker(control, settings)
def status_of(program):
    pid, server = forker.fork()
    server.recv(99)
    ours, theirs = socket.socketpair()
    server.send(b"go")
    socket.send_fds(tester, [json.dumps({"mode": "serve", "limits": Limits()._asdict()}).encode()], [theirs.fileno()])
    theirs.close()
    channel = Channel(ours, 1 << 20)
    channel.send({"do": "load", "program": program})
    try: answer = channel.receive()
    except Exception as error: answer = str(error)
    ours.close()
    return answer, os.waitpid(pid, 0)[1]
print(json.dumps([status_of(program) for program in sys.argv[1:]]))
"""


@pytest.mark.skipif(not filters_of().computing, reason="no filter for this kind of machine")
def test_a_forked_program_computes_and_is_ended_for_more() -> None:
    raw = "import ctypes\ncall = ctypes.CDLL(None).syscall\nfork = call(ctypes.c_long({clone}), ctypes.c_long(0x8011), *[ctypes.c_long(0)] * 4)\nassert fork == -1"
    clone = 56 if platform.machine() == "x86_64" else 220
    programs = ["import json, re\nassert sum([1, 2]) == 3", "import os\nos.getpid()", "import os\nos.fork()",
                "open('/tmp/ttscale-mark', 'w')", "import threading\nthreading.Thread().start()", raw.format(clone=clone)]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", _FORKER, *programs], capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3]
    )  # fmt: skip
    (computed, *ended, forked) = json.loads(done.stdout)
    assert computed == [{"value": None}, 71 << 8]  # it left when its tester hung up
    assert [status for _, status in ended] == [signal.SIGSYS] * 4
    assert forked == [{"value": None}, 71 << 8]  # it asked as the forker does, and was refused by its limit
    assert not Path("/tmp/ttscale-mark").exists()
