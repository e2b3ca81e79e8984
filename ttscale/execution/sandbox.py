"""A place where foreign code runs and harms nothing: bubblewrap around resource limits.

Inside, a program sees a read-only system (``/usr`` and what is handed in), an empty private ``/tmp``, its own
process table, no network, an empty environment, and nothing of the user's files. It has no capabilities,
cannot gain any, cannot outlive the caller, and is limited in memory, CPU, wall time, processes, file size and
output (`Limits`). Run by root, it becomes an unprivileged user of its own on the way in, because the kernel
exempts root from the limit on processes, in a user namespace where need be (`users`); run by anyone else, it lives in a
user namespace. A way in which the limit on processes does not hold is not taken.

What it does NOT cover:

* bugs of the kernel: a program that breaks out of Linux namespaces is outside;
* memory as a whole: the limit holds for each process, so the worst case is ``memory_bytes * processes +
  tmp_bytes``, and ``file_bytes * open_files`` more per process in anonymous files. If the machine runs out,
  the sandbox is killed first;
* further namespaces and keyrings, on kinds of machines for which there is no filter (`system_calls`);
* side channels: time, load, processor caches, and what ``/usr`` says of the machine (docs/programs.md lists them);
* secrets below ``/usr`` or below the paths that the caller makes readable;
* disk bandwidth and processor heat: a program may use its whole time at full speed.

The sandbox knows nothing of verifiers.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from ttscale.errors import VerifierError
from ttscale.execution.inside.confine import DEVICES, Limits, own_uid
from ttscale.execution.system_calls import filters_of
from ttscale.execution.users import beside_the_users_own, namespace_of_users
from ttscale.execution.watching import Completed, memory_file, stop, watch

__all__ = [
    "Completed",
    "Limits",
    "SandboxStatus",
    "View",
    "find_sandbox",
    "run_sandboxed",
    "start_sandboxed",
    "stop",
]

INSIDE = Path(__file__).parent / "inside"
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime")
_FIRST_TO_GO = ("/bin/sh", "-c", 'echo 1000 > /proc/self/oom_score_adj; exec "$@"', "sh")
"""Becomes the command that follows, after telling the kernel whom to kill when memory runs out."""
_FIX = (
    "Install bubblewrap (apt install bubblewrap, dnf install bubblewrap) and allow unprivileged user namespaces "
    "(sysctl kernel.unprivileged_userns_clone=1, or kernel.apparmor_restrict_unprivileged_userns=0 on Ubuntu; in a "
    "container: --security-opt seccomp=unconfined). To run foreign code without protection, set unsafe_no_sandbox: true."
)


@dataclass(frozen=True, slots=True)
class SandboxStatus:
    """Whether foreign code can be confined on this machine.

    Attributes:
        available: True if a program really ran inside.
        detail: The version and the kind of confinement, or what failed and the fix.
        program: Path of bwrap, or None.
        as_root: True if the sandbox is entered as root of the machine, without a user namespace.
        users: True if each program becomes an unprivileged user of its own inside.
        features: Optional bwrap options that this version knows.
    """

    available: bool
    detail: str
    program: str | None = None
    as_root: bool = False
    users: bool = False
    features: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class View:
    """What a sandboxed program sees besides the system.

    Attributes:
        readable: Host paths, read-only at the same place inside.
        mounted: Place inside -> host path, read-only.
        files: Place inside (below /tmp) -> content; they vanish with the sandbox.
        environment: The whole environment.
        directory: Working directory inside.
    """

    readable: tuple[str, ...] = ()
    mounted: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: str = "/tmp"


@cache
def find_sandbox() -> SandboxStatus:
    """Find bubblewrap and prove that it works by running a program inside; the answer is kept.

    A root user is served by real user switching where the kernel allows it, else within a user namespace, else like anyone else.
    """
    program = shutil.which("bwrap")
    if program is None:
        return SandboxStatus(False, f"bubblewrap (bwrap) is not installed. {_FIX}")
    usage = subprocess.run([program, "--help"], capture_output=True, text=True, check=False)
    version = subprocess.run(
        [program, "--version"], capture_output=True, text=True, check=False
    ).stdout.strip()
    optional = ("--size", "--perms", "--disable-userns", "--clearenv", "--userns ")
    features = frozenset(option for option in optional if option in usage.stdout + usage.stderr)
    failure = ""
    unfiltered = "" if filters_of().online else "; system calls are not filtered on this kind of machine"
    for kind, as_root, users in _kinds("--userns " in features):
        status = SandboxStatus(True, f"{version}, {kind}{unfiltered}", program, as_root, users, features)
        failure = _probe(status)
        if not failure:
            return status
    return SandboxStatus(False, f"{version} does not work here: {failure}. {_FIX}", program)


def _kinds(has_userns: bool) -> Iterator[tuple[str, bool, bool]]:
    """Name the ways to confine that this user has, best first, each with `as_root` and `users`."""
    if os.geteuid() == 0:
        yield "as a user of its own", True, True
    if has_userns and namespace_of_users() is not None:
        yield "as a user of its own in a user namespace", False, True
    yield "in a user namespace", False, False


_BOUNDED = """
import os
try: pid = os.fork()
except OSError: print(6 * 7)
else: os._exit(os.write(2, b"the kernel does not limit the processes of this user; do not run as root") if pid else 0)
"""
"""Tries to start a process where none is allowed."""


def _probe(status: SandboxStatus) -> str:
    """Run a trivial program inside; return what went wrong, or nothing."""
    argv = [sys.executable, "-I", "-S", "-c", _BOUNDED]
    try:
        done = _run(status, argv, Limits(processes=1), python_view(), b"")
    except (OSError, VerifierError) as error:
        return str(error)
    if done.exit_code == 0 and done.stdout.strip() == b"42":
        return ""
    return done.stderr.decode(errors="replace").strip()[:300] or f"exit code {done.exit_code}"


def python_view(executable: str = sys.executable) -> View:
    """Return the view that a Python interpreter needs: its own installation, wherever that lives."""
    return View(readable=python_paths(executable))


def python_paths(executable: str = sys.executable) -> tuple[str, ...]:
    """Return the directories an interpreter needs outside ``/usr``: its own and its base installation's."""
    if executable == sys.executable:
        prefixes = {sys.prefix, sys.base_prefix}
    else:
        ask = "import sys; print(sys.prefix); print(sys.base_prefix)"
        try:
            answer = subprocess.run([executable, "-I", "-c", ask], capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise VerifierError(f"'{executable}' is not a working Python interpreter: {error}") from error
        prefixes = set(answer.stdout.split("\n")[:2])
    prefixes.add(str(Path(executable).resolve().parent.parent))
    return tuple(sorted(prefix for prefix in prefixes if not f"{prefix}/".startswith("/usr/")))


def require_sandbox(*, unsafe_no_sandbox: bool) -> SandboxStatus | None:
    """Return a working sandbox, or None where the user has chosen to go without.

    Raises:
        VerifierError: There is none and the user has not agreed to go without; the message says the fix.
    """
    if unsafe_no_sandbox:
        return None
    status = find_sandbox()
    if not status.available:
        raise VerifierError(f"Foreign code is not run without a sandbox: {status.detail}")
    return status


def start_sandboxed(
    status: SandboxStatus | None,
    argv: Sequence[str],
    view: View,
    *,
    stderr: int,
    pass_fds: Sequence[int] = (),
    capabilities: Sequence[str] = (),
) -> "subprocess.Popen[bytes]":
    """Start a long-lived trusted program inside, which confines itself or its children with `inside.confine`.

    Args: status: From `find_sandbox`; None runs without a sandbox. argv: The program. view: What it sees.
        stderr: Descriptor for what it has to complain of. pass_fds: Open descriptors to hand in, under the
        same numbers. capabilities: What it may keep within the sandbox, such as "CAP_SYS_ADMIN" to split
        namespaces further.
    """
    if status is None:
        return subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr,
            pass_fds=pass_fds, env=dict(view.environment), start_new_session=True,
        )  # fmt: skip
    content = {place: memory_file(data) for place, data in view.files.items()}
    try:
        return subprocess.Popen(
            [*_bwrap(status, view, content, tmp_bytes=Limits().tmp_bytes, capabilities=capabilities), *argv],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr,
            pass_fds=(*pass_fds, *content.values(), *_namespaces(status)), env={}, start_new_session=True,
        )  # fmt: skip
    finally:
        for fd in content.values():
            os.close(fd)


def run_sandboxed(
    argv: Sequence[str],
    *,
    limits: Limits | None = None,
    view: View | None = None,
    stdin: bytes = b"",
    unsafe_no_sandbox: bool = False,
) -> Completed:
    """Run a program to its end, inside, within its limits.

    Args: argv: The program and its arguments, as seen from inside. limits: What it may use. view: What it
        sees besides the system. stdin: What it reads. unsafe_no_sandbox: Keep the limits, but run in the
        open; the view's files are written to a temporary folder, which is then the working directory.

    Raises: VerifierError: There is no sandbox here; the message says the fix.
    """
    status = require_sandbox(unsafe_no_sandbox=unsafe_no_sandbox)
    limits, view = limits or Limits(), view or View()
    return _run_open(argv, limits, view, stdin) if status is None else _run(status, argv, limits, view, stdin)


def _run(status: SandboxStatus, argv: Sequence[str], limits: Limits, view: View, stdin: bytes) -> Completed:
    interpreter = sys.executable
    view = View(
        readable=(*view.readable, *python_paths(interpreter)),
        mounted={**view.mounted, "/opt/ttscale/confine.py": str(INSIDE / "confine.py")},
        files=view.files, environment=view.environment, directory=view.directory,
    )  # fmt: skip
    uid = own_uid() if status.users else None
    content = {place: memory_file(data) for place, data in view.files.items()}
    capabilities = ("CAP_SYS_ADMIN", *(("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP") if status.users else ()))
    command = _bwrap(status, view, content, tmp_bytes=limits.tmp_bytes, capabilities=capabilities)
    command += [interpreter, "-I", "-S", "/opt/ttscale/confine.py"]
    fds = (*content.values(), *_namespaces(status))
    try:
        return watch(command, argv, limits, stdin, uid=uid, namespaces=True, pass_fds=fds)
    finally:
        for fd in content.values():
            os.close(fd)


def _namespaces(status: SandboxStatus) -> tuple[int, ...]:
    """Return the descriptor of the user namespace that a sandbox enters, where it does not make its own or needs none."""
    namespace = namespace_of_users() if status.users and not status.as_root else None
    return () if namespace is None else (namespace,)


def _run_open(argv: Sequence[str], limits: Limits, view: View, stdin: bytes) -> Completed:
    with tempfile.TemporaryDirectory() as folder:
        for place, data in view.files.items():
            (Path(folder) / Path(place).name).write_bytes(data)
        inside = {place: str(Path(folder) / Path(place).name) for place in view.files}
        limits = beside_the_users_own(limits)
        confine = [sys.executable, "-I", "-S", str(INSIDE / "confine.py")]
        argv = [inside.get(argument, argument) for argument in argv]
        return watch(confine, argv, limits, stdin, cwd=folder, env=view.environment)


def _bwrap(
    status: SandboxStatus,
    view: View,
    content: Mapping[str, int],
    *,
    tmp_bytes: int,
    capabilities: Sequence[str],
) -> list[str]:
    """Return the bwrap command line up to the program."""
    assert status.program is not None
    has = status.features.__contains__
    command = [*_FIRST_TO_GO, status.program, "--die-with-parent", "--new-session"]
    command += ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    for fd in _namespaces(status):
        command += ["--userns", str(fd)]
    if not status.users:
        command += ["--unshare-user", *(["--disable-userns"] if has("--disable-userns") else [])]
    command += ["--hostname", "sandbox", "--cap-drop", "ALL"]
    for capability in capabilities:
        command += ["--cap-add", capability]
    for path in _SYSTEM:
        command += _system_path(Path(path))
    command += ["--dir", "/etc"]  # bwrap would make it too, but for root alone
    for path in _SYSTEM_FILES:
        command += ["--ro-bind-try", path, path]
    command += _devices(permissions=has("--perms"))
    command += [*(["--size", str(tmp_bytes)] if has("--size") else [])]
    command += [*(["--perms", "1777"] if has("--perms") else []), "--tmpfs", "/tmp"]
    readable = [entry for path in view.readable for entry in (_entries(path) if status.users else [path])]
    shown = {**{path: path for path in readable}, **view.mounted}
    for folder in sorted({str(parent) for place in shown for parent in Path(place).parents} - {"/", "/tmp"}):
        command += ["--dir", folder]
    for place, path in shown.items():
        command += ["--ro-bind", path, place]
    for place, fd in content.items():
        command += ["--file", str(fd), place]
    command += ["--remount-ro", "/dev", "--remount-ro", "/"]
    command += ["--clearenv"] if has("--clearenv") else []
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": "/tmp",
        "LANG": "C.UTF-8",
        **view.environment,
    }
    for name, value in environment.items():
        command += ["--setenv", name, value]
    return [*command, "--chdir", view.directory, "--"]


def _devices(*, permissions: bool) -> list[str]:
    """Show the devices that programs use; no terminals, of which the machine has a number in all."""
    command = [*(["--perms", "0755"] if permissions else []), "--tmpfs", "/dev", "--dir", "/dev/shm"]
    for path in DEVICES:
        command += ["--dev-bind", path, path]
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        command += ["--symlink", f"/proc/self/fd/{number}", f"/dev/{name}"]
    return [*command, "--symlink", "/proc/self/fd", "/dev/fd"]


def _entries(path: str) -> list[str]:
    """Return a path, or what is in it where it is a folder closed to others, as `mktemp -d` makes them.

    The user inside is another one, and could not enter it; the folder that holds the entries inside is open.
    """
    folder = Path(path)
    if not folder.is_dir() or folder.stat().st_mode & 0o005 == 0o005:
        return [path]
    return [str(entry) for entry in sorted(folder.iterdir()) if entry.exists()]


def _system_path(path: Path) -> list[str]:
    """Show a system directory read-only, keeping it a link where it is one (/bin -> usr/bin)."""
    if path.is_symlink():
        return ["--symlink", str(path.readlink()), str(path)]
    return ["--ro-bind-try", str(path), str(path)]
