"""Pairs of programs that try to tell each other something: one leaves a mark, the other prints "seen" where it finds it.

Run as a script, it has the code verifier run all pairs, one after another and at the same time, in one of the ways in which programs
are confined, and prints what was found as JSON:

    python talking_programs.py root|namespace|user
"""

import ctypes
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from confined_ways import confine_as

PORT = 47123
_HEAD = f"""
import ctypes, errno, fcntl, mmap, os, select, socket, struct, sys, threading, time
PORT = {PORT}
libc = ctypes.CDLL(None, use_errno=True)
SHARED = os.path.realpath(os.__file__)
def seen(found):
    print("seen" if found else "unseen", flush=True)
    sys.stdout.flush(); os._exit(0)
def works(action):
    try: return action() is not None
    except OSError: return False
def taken(bind):
    try: bind()
    except OSError as error: return error.errno == errno.EADDRINUSE
def search(ring):
    ring = ctypes.c_long(ring)
    return libc.syscall(ctypes.c_long(250), ctypes.c_long(10), ring, b"user", b"ttscale-mark", ctypes.c_long(0)) > 0
def add(ring): return libc.syscall(ctypes.c_long(248), b"user", b"ttscale-mark", b"x", ctypes.c_long(1), ctypes.c_long(ring)) > 0
def fill(many):
    made = []
    for _ in range(many):
        try: pid = os.fork()
        except OSError: break
        if pid == 0: time.sleep(9); os._exit(0)
        made.append(pid)
    return len(made)
def in_flight(many):
    global kept
    kept = socket.socketpair()
    try:
        for _ in range(many): socket.send_fds(kept[0], [b"x"], [0])
    except OSError as error: return error.errno == errno.ETOOMANYREFS
"""


@dataclass(frozen=True)
class Pair:
    """A channel.

    Attributes:
        leave: What leaves the mark.
        look: What looks for it; calls ``seen``.
        control: Whether the pair must succeed outside every sandbox, run by the same user: then it is no blind test.
        at_once: Whether the mark lives only as long as its program.
    """

    leave: str
    look: str
    control: bool = False
    at_once: bool = False


PAIRS = {
    "session keyring": Pair("add(-3)", "seen(search(-3))", True),
    "user keyring": Pair("add(-4)", "seen(search(-4))", True),
    "user session keyring": Pair("add(-5)", "seen(search(-5))", True),
    "keyring of the host": Pair("pass", "seen(search(-3) or search(-4) or search(-5))"),
    "a process's own keyring": Pair("add(-2)", "seen(add(-2))"),
    "port in TIME_WAIT": Pair(
        """
        server = socket.create_server(("127.0.0.1", PORT)); client = socket.create_connection(("127.0.0.1", PORT))
        there, _ = server.accept(); there.close(); client.recv(1); client.close(); server.close()
        """,
        "seen(taken(lambda: socket.socket().bind(('127.0.0.1', PORT))))",
        True,
    ),
    "port": Pair(
        "server = socket.create_server(('127.0.0.1', PORT + 1))",
        "seen(works(lambda: socket.create_connection(('127.0.0.1', PORT + 1))))",
        True, at_once=True,
    ),
    "abstract socket": Pair(
        "server = socket.socket(socket.AF_UNIX); server.bind('\\0ttscale-mark'); server.listen()",
        "seen(works(lambda: socket.socket(socket.AF_UNIX).connect('\\0ttscale-mark') or 1))",
        True, at_once=True,
    ),
    "abstract socket in flight": Pair(
        """
        server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); server.bind("\\0ttscale-flight")
        one, other = socket.socketpair()
        for _ in range(40): socket.send_fds(one, [b"x"], [one.fileno(), other.fileno(), server.fileno()])
        """,
        "seen(taken(lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).bind('\\0ttscale-flight')))",
    ),
    "vsock": Pair(
        "server = socket.socket(socket.AF_VSOCK); server.bind((-1, PORT)); server.listen()",
        "seen(works(lambda: socket.socket(socket.AF_VSOCK)))",
        at_once=True,
    ),
    "time of a device": Pair(
        "os.utime('/dev/full'); os.utime('/dev/zero')",
        "seen(any(abs(os.stat(path).st_mtime - time.time()) < 20 for path in ('/dev/full', '/dev/zero')))",
    ),
    "reading time of a device": Pair(
        "[open(path, 'rb').read(9) for path in ('/dev/zero', '/dev/urandom')]; os.utime('/dev/null', (1, 1))",
        "seen(any(abs(os.stat(path).st_atime - now) < 9 for path in ('/dev/zero', '/dev/urandom') for now in (time.time(), 1)))",
    ),
    "mode of a device": Pair("os.chmod('/dev/full', 0o667)", "seen(os.stat('/dev/full').st_mode & 1)"),
    "new terminal": Pair("os.openpty()", "seen(works(os.openpty))"),
    "terminals": Pair(
        "os.chmod('/dev/pts/ptmx', 0o667)", "seen(os.path.exists('/dev/pts/ptmx') or os.path.exists('/dev/ptmx'))"
    ),
    "file in /dev/shm": Pair("open('/dev/shm/mark', 'w')", "seen(os.path.exists('/dev/shm/mark'))", True),
    "file in /tmp": Pair("open('/tmp/ttscale-mark', 'w')", "seen(os.path.exists('/tmp/ttscale-mark'))", True),
    "System V shared memory": Pair("libc.shmget(0x7474, 9, 0o1666)", "seen(libc.shmget(0x7474, 9, 0) >= 0)", True),
    "System V semaphores": Pair("libc.semget(0x7474, 1, 0o1666)", "seen(libc.semget(0x7474, 1, 0) >= 0)", True),
    "System V messages": Pair("libc.msgget(0x7474, 0o1666)", "seen(libc.msgget(0x7474, 0) >= 0)", True),
    "POSIX messages": Pair(
        "libc.mq_open(b'/ttscale-mark', os.O_CREAT | os.O_RDWR, 0o666, None)", "seen(libc.mq_open(b'/ttscale-mark', 0) >= 0)", True
    ),
    "process numbers": Pair("[os.wait() for _ in range(150) if os.fork() or os._exit(0)]", "seen((os.fork() or os._exit(0)) > 100)"),
    "process limit": Pair("fill(35)", "seen(fill(30) < 30)", at_once=True),
    "priority of a user": Pair("os.setpriority(os.PRIO_USER, 0, 7)", "seen(os.getpriority(os.PRIO_PROCESS, 0) == 7)", at_once=True),
    "descriptors in flight": Pair("in_flight(90)", "seen(in_flight(1))", at_once=True),
    "lease": Pair("fd = os.open(SHARED, 0); fcntl.fcntl(fd, 1024, 0)", "seen(works(lambda: fcntl.fcntl(os.open(SHARED, 0), 1024, 0)))"),
    "notice of opened files": Pair(
        "for _ in range(90): open(SHARED).read(1); time.sleep(0.01)",
        """
        fd = libc.inotify_init1(0)
        libc.inotify_add_watch(fd, SHARED.encode(), 0x21)
        seen(fd >= 0 and select.select([fd], [], [], 0.5)[0])
        """,
        True, at_once=True,
    ),
    "notice of a folder": Pair("pass", "seen(works(lambda: fcntl.fcntl(os.open('/usr', 0), 1026, 1)))", at_once=True),
    "reading time of a file": Pair("open(SHARED).read()", "seen(time.time() - os.stat(SHARED).st_atime < 5)"),
    "load of the machine": Pair("fill(30)", "seen(libc.sysinfo(ctypes.create_string_buffer(500)) == 0)", True),
    "pages in memory, asked": Pair(
        "pass",
        """
        file = mmap.mmap(os.open(SHARED, 0), 4096, prot=1, flags=2)
        buffer = (ctypes.c_char * 4096).from_buffer_copy(file)
        seen(libc.mincore(ctypes.c_void_p(ctypes.addressof(buffer) & ~4095), 4096, ctypes.create_string_buffer(9)) == 0)
        """,
        True,
    ),
    "pages in memory, read at once": Pair(
        "pass", "seen(works(lambda: os.preadv(os.open(SHARED, 0), [bytearray(9)], 0, os.RWF_NOWAIT)))", True
    ),
    "numbers of sockets": Pair(
        "for _ in range(3000): socket.socketpair()", "seen(works(lambda: socket.socketpair()[0].getsockopt(1, 57, 8)))", True
    ),
    "asynchronous requests": Pair(
        "ring = ctypes.c_ulong(0); libc.syscall(206, 60000, ctypes.byref(ring))",
        "ring = ctypes.c_ulong(0); seen(libc.syscall(206, 9000, ctypes.byref(ring)) == 0 or ctypes.get_errno() == errno.EAGAIN)",
        True, at_once=True,
    ),
    "settings of the kernel": Pair("open('/proc/self/oom_score_adj', 'w').write('7')", "seen(os.path.exists('/proc/sys'))"),
    "name of the machine": Pair("socket.sethostname('mark')", "seen(socket.gethostname() == 'mark')"),
    "a folder of the system": Pair("open('/usr/ttscale-mark', 'w')", "seen(os.path.exists('/usr/ttscale-mark'))"),
}  # fmt: skip

WIDER_CALLS = {
    "32-bit calls": "b8 14 00 00 00 cd 80",  # mov eax, 20; int 0x80: getpid of 32-bit programs
    "32-bit keyctl": "b8 20 01 00 00 31 db 31 c9 cd 80",  # 288: keyctl
    "x32 calls": "b8 27 00 00 40 0f 05",  # mov eax, 0x40000027; syscall: getpid of x32
    "x32 keyctl": "b8 fa 00 00 40 31 ff 31 f6 0f 05",
}
"""Machine code of calls under other numbers than those that the filter compares; each returns what the kernel said."""


def program_of_calls(code: str) -> str:
    """Return a script that runs machine code and prints "seen" where the kernel did not refuse it."""
    return dedent(_HEAD) + dedent(f"""
        page = mmap.mmap(-1, 4096, prot=7)
        page.write(b"\\x53" + bytes.fromhex("{code}") + b"\\x5b\\x48\\x98\\xc3")  # push rbx; ...; pop rbx; cdqe; ret
        call = ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
        seen(call() != -errno.ENOSYS)
        """)


def programs_of(pair: Pair, *, hold_s: float) -> tuple[str, str]:
    """Return the script that leaves a mark, and stays for a while, and the one that looks for it."""
    leave = (
        f"{dedent(_HEAD)}\ntry:\n"
        + _indented(pair.leave)
        + "\nexcept BaseException as error: print(repr(error))\n"
    )
    end = f"print('left', flush=True)\ntime.sleep({hold_s})\nos._exit(0)\n"
    return leave + end, f"{dedent(_HEAD)}\ntime.sleep({hold_s / 3})\n{dedent(pair.look)}"


def hidden(program: str) -> str:
    """Return the same program with nothing in its text that tells what it does: it gets no network."""
    return f"import builtins\ngetattr(builtins, 'ex' + 'ec')(bytes.fromhex({program.encode().hex()!r}), globals())"


def _indented(source: str) -> str:
    return "\n".join("    " + line for line in dedent(source).strip("\n").split("\n"))


def _found() -> dict[str, str]:
    from ttscale.execution.sandbox import find_sandbox
    from ttscale.types import Problem, Sample
    from ttscale.verifiers.code import CodeOptions, CodeVerifier
    from ttscale.verifiers.contract import Candidate

    test = {"stdin_tests": [{"input": "", "output": "unseen"}]}

    def candidate(program: str) -> Candidate:
        sample = Sample(
            problem_id="p", sample_index=0, completion=program, finish_reason="stop", prompt_tokens=0, completion_tokens=0
        )  # fmt: skip
        return Candidate(Problem(problem_id="p", prompt="", hidden=test), sample)

    if not find_sandbox().available:
        return {"sandbox": find_sandbox().detail}
    _leave_a_key()
    found: dict[str, str] = {}
    one = CodeVerifier(CodeOptions(timeout_s=20.0, workers=1, extraction="whole"))
    for name, pair in PAIRS.items():
        leave, look = programs_of(pair, hold_s=0.0)
        for how, programs in ("", [leave, look]), (", hidden", [hidden(leave), hidden(look)]):
            _, verdict = [one.verify([candidate(each)])[0] for each in programs]
            found[f"{name}{how}"] = f"{verdict.outcome} {verdict.detail or ''}"
    for name, code in WIDER_CALLS.items():
        (verdict,) = one.verify([candidate(program_of_calls(code))])
        found[name] = f"{verdict.outcome} {verdict.detail or ''}"
    one.close()
    two = CodeVerifier(CodeOptions(timeout_s=20.0, workers=2, extraction="whole"))
    two.verify(
        [candidate("import time\ntime.sleep(0.5)"), candidate("import time\ntime.sleep(0.6)")]
    )  # both are warm
    for name, pair in PAIRS.items():
        if pair.at_once:
            verdicts = two.verify([candidate(each) for each in programs_of(pair, hold_s=0.9)])
            found[f"{name}, at once"] = f"{verdicts[1].outcome} {verdicts[1].detail or ''}"
    two.close()
    return found


def _leave_a_key() -> None:
    """Leave a key in the keyrings that the sandbox inherits, or would inherit."""
    if os.uname().machine == "x86_64":
        libc = ctypes.CDLL(None)
        for ring in (-3, -4, -5):
            libc.syscall(
                ctypes.c_long(248), b"user", b"ttscale-mark", b"x", ctypes.c_long(1), ctypes.c_long(ring)
            )


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    confine_as(sys.argv[1])
    print(json.dumps(_found()))
