"""The innermost layer of a sandbox: limits and privileges that a process gives up before foreign code runs.

Runs inside the sandbox, under any Python 3.10 or later, with the standard library alone. As a script
(``confine.py '{"limits": {...}, "uid": null, "filter": ""}' PROGRAM ARGUMENTS...``) it confines itself and
becomes the program.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import resource
import socket
import struct
import sys
from collections.abc import Iterable
from typing import Any, NamedTuple

CLONE_NEWNS = 0x00020000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC = 1, 2, 4, 32, 4096, 16384
MS_OF_ST = {
    2: 2,
    4: 4,
    8: 8,
    1024: 1024,
    2048: 2048,
    4096: 1 << 21,
}  # what statvfs says of a mount, for mount(2)
PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
PR_CAPBSET_READ, PR_CAPBSET_DROP = 23, 24
_LAST_CAPABILITY = 63
_CAPABILITY_VERSION_3 = 0x20080522
"""Constants of <linux/sched.h>, <linux/mount.h>, <linux/prctl.h>, <linux/seccomp.h>,
<linux/capability.h>, <linux/sockios.h> and <linux/if.h>."""

DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
"""The devices that a program sees. They are the machine's own, which all programs share."""

FORK_BY_PARENT = 0x8000 | 17
"""CLONE_PARENT | SIGCHLD: how processes are forked for programs that only compute, and no library forks."""

FIRST_UID, N_UIDS = 61184, 4000  # the range that systemd keeps for dynamic users: no person, no service

_libc = ctypes.CDLL(None, use_errno=True)


class Limits(NamedTuple):
    """What one program may use.

    Attributes:
        wall_s: Seconds from start to end, watched from outside.
        cpu_s: Seconds of CPU, rounded up to whole ones (RLIMIT_CPU); None follows `wall_s`.
        memory_bytes: Address space of each process (RLIMIT_AS).
        processes: Processes and threads together (RLIMIT_NPROC).
        file_bytes: Size of a written file (RLIMIT_FSIZE).
        output_bytes: Standard output, and as much again of standard error, watched from outside.
        tmp_bytes: Size of the private /tmp; it lives in memory.
        open_files: File descriptors (RLIMIT_NOFILE).
    """

    wall_s: float = 10.0
    cpu_s: float | None = None
    memory_bytes: int = 1 << 30
    processes: int = 16
    file_bytes: int = 16 << 20
    output_bytes: int = 4 << 20
    tmp_bytes: int = 64 << 20
    open_files: int = 64

    def as_dict(self) -> dict[str, Any]:
        """Return the limits as plain data, for the way into the sandbox."""
        return self._asdict()


def _check(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def unshare(flags: int) -> None:
    """Leave the parent's namespaces (unshare(2))."""
    _check(_libc.unshare(flags), "unshare")


def set_namespaces(process: int, flags: int) -> None:
    """Enter the namespaces of these kinds of a process, given as a pidfd (setns(2), Linux 5.8)."""
    _check(_libc.setns(process, flags), "setns")


def mount_private_tmp(size_bytes: int, keep: Iterable[str] = ()) -> None:
    """Cover /tmp with an empty one that this mount namespace alone sees, but for folders below it that stay as they are."""
    options = f"size={size_bytes},mode=1777".encode()
    kept = {path: os.open(path, os.O_PATH) for path in keep}
    _check(_libc.mount(b"tmpfs", b"/tmp", b"tmpfs", MS_NOSUID | MS_NODEV, options), "mount /tmp")
    for path, fd in kept.items():
        os.makedirs(path, exist_ok=True)  # noqa: PTH103 - pathlib would cost every fork its memory
        os.fchdir(fd)  # what is covered by now is reached from within alone
        _check(_libc.mount(b".", path.encode(), None, MS_BIND | MS_REC, None), f"keep {path}")
        os.close(fd)


def share_tmp_as_shm() -> None:
    """Let /dev/shm be /tmp, for semaphores between processes: a second file system would take as long as the first."""
    _check(_libc.mount(b"/tmp", b"/dev/shm", None, MS_BIND, None), "mount /dev/shm")


def make_devices_read_only() -> None:
    """Take from this mount namespace the right to change modes and times of devices; reading and writing them stays."""
    for path in DEVICES:
        shown = os.statvfs(path).f_flag
        kept = sum(flag for bit, flag in MS_OF_ST.items() if shown & bit)
        flags = MS_REMOUNT | MS_BIND | MS_RDONLY | kept
        _check(_libc.mount(None, path.encode(), None, flags, None), f"make {path} read-only")


def own_uid() -> int:
    """Return a user id for the inside that no other sandbox of this machine is likely to use now.

    The kernel limits and counts much per user, so programs that shared one would see what others take.
    """
    return FIRST_UID + int.from_bytes(os.urandom(4), "big") % N_UIDS


def raise_loopback() -> None:
    """Let 127.0.0.1 be reached in a network namespace of one's own."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def limit_resources(limits: Limits) -> None:
    """Set every resource limit, soft and hard, for this process and its children."""
    cpu_s = limits.wall_s if limits.cpu_s is None else limits.cpu_s
    wanted = {
        resource.RLIMIT_AS: limits.memory_bytes,
        resource.RLIMIT_CPU: resource.RLIM_INFINITY if cpu_s == float("inf") else int(cpu_s) + 1,
        resource.RLIMIT_FSIZE: limits.file_bytes,
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_NPROC: limits.processes,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    for which, value in wanted.items():
        _, hard = resource.getrlimit(which)
        finite = [limit for limit in (value, hard) if limit != resource.RLIM_INFINITY]
        allowed = min(finite, default=resource.RLIM_INFINITY)
        resource.setrlimit(which, (allowed, allowed))


def forbid_capabilities() -> None:
    """Let no program that is started from here have more rights than are held; a second time costs little."""
    if _libc.prctl(PR_CAPBSET_READ, 0, 0, 0, 0) == 0:
        return
    for capability in range(_LAST_CAPABILITY + 1):
        _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # fails beyond the kernel's last one, harmlessly


def drop_privileges(uid: int | None) -> None:
    """Give up every capability for good, and become user `uid` where one is given (needs CAP_SETUID)."""
    forbid_capabilities()
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    _check(_libc.capset(header, nothing), "capset")
    _check(_libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")


def filter_system_calls(program: str) -> None:
    """Have the kernel refuse system calls, as a filter in hexadecimal says; an empty one refuses none."""
    if not program:
        return
    lines = ctypes.create_string_buffer(bytes.fromhex(program))
    described = struct.pack("HP", len(program) // 16, ctypes.addressof(lines))  # struct sock_fprog
    _check(_libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, described, 0, 0), "filter system calls")


def main() -> None:
    """Confine this process as argv[1] says, tell that it worked, and become the program argv[2:]."""
    settings = json.loads(sys.argv[1])
    if settings["namespaces"]:
        unshare(CLONE_NEWNS)
        make_devices_read_only()
    drop_privileges(settings["uid"])
    limit_resources(Limits(**settings["limits"]))
    filter_system_calls(settings["filter"])
    os.write(settings["ready_fd"], b"ready")
    os.close(settings["ready_fd"])
    try:
        os.execvp(sys.argv[2], sys.argv[2:])
    except OSError as error:
        print(f"{sys.argv[2]}: {error.strerror}", file=sys.stderr)
        os._exit(127)  # as a shell would


if __name__ == "__main__":
    main()
