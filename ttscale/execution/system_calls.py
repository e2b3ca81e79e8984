"""The system calls that a confined program may not make, as a filter for the kernel (seccomp, in classic BPF).

What is refused is what leaves something behind, or shows something of other programs, where no namespace parts them: kernel keys,
System V IPC and message queues, watches on files, the load of the machine, the page cache, sockets of other families than UNIX and IP.
So is what has no use in a program but to attack the kernel. docs/programs.md says which channel is closed by which call.

Calls of other kinds, which a 64-bit program can make as well (``int 0x80``, x32), are all refused: they have numbers of their own.
"""

import errno
import platform
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from ttscale.execution.inside.confine import FORK_BY_PARENT

_LOAD, _JUMP_IF, _JUMP_IF_AT_LEAST, _JUMP_IF_ANY, _RETURN = (
    0x20,
    0x15,
    0x35,
    0x45,
    0x06,
)  # <linux/bpf_common.h>
_ALLOW, _REFUSE, _END = (
    0x7FFF0000,
    0x00050000,
    0x80000000,
)  # <linux/seccomp.h>: SECCOMP_RET_ALLOW, RET_ERRNO with the error added, RET_KILL_PROCESS
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
_X32 = 0x40000000
_NEW_NAMESPACES = 0x7E020000  # CLONE_NEW*: mount, cgroup, UTS, IPC, user, PID, network
_NEW_USERS = 0x10000000  # CLONE_NEWUSER
_UNIX, _IP, _IP6, _NETLINK = 1, 2, 10, 16

_Calls = Mapping[str, tuple[int | None, int | None]]

_CALLS: _Calls = {
    # left behind: keys live longer than processes; the others would need a namespace of their own
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "shmdt": (67, 197),
    "semget": (64, 190), "semop": (65, 193), "semctl": (66, 191), "semtimedop": (220, 192),
    "msgget": (68, 186), "msgsnd": (69, 189), "msgrcv": (70, 188), "msgctl": (71, 187),
    "mq_open": (240, 180), "mq_unlink": (241, 181), "mq_timedsend": (242, 182), "mq_timedreceive": (243, 183),
    # what others do: opened files, load and memory of the machine, which pages of files are in memory, clocks' state
    "inotify_init": (253, None), "inotify_init1": (294, 26), "inotify_add_watch": (254, 27),
    "fanotify_init": (300, 262), "fanotify_mark": (301, 263),
    "sysinfo": (99, 179), "adjtimex": (159, 171), "clock_adjtime": (305, 266),
    "mincore": (27, 232), "cachestat": (451, 451), "preadv2": (327, 286), "pwritev2": (328, 287), "move_pages": (279, 239),
    # of which the machine has a number in all
    "io_setup": (206, 0), "io_destroy": (207, 1), "io_submit": (209, 2), "io_cancel": (210, 3), "io_getevents": (208, 4),
    # other processes, and namespaces; without clone3, libraries use clone, whose flags can be seen
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "process_madvise": (440, 440),
    "kcmp": (312, 272), "pidfd_getfd": (438, 438), "clone3": (435, 435), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "open_tree": (428, 428),
    "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "mount_setattr": (442, 442), "statmount": (457, 457), "listmount": (458, 458), "open_tree_attr": (467, 467),
    # the kernel's surface
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "userfaultfd": (323, 282),
    "bpf": (321, 280), "perf_event_open": (298, 241), "memfd_secret": (447, 447), "modify_ldt": (154, None),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "lookup_dcookie": (212, 18), "syslog": (103, 116),
    "acct": (163, 89), "quotactl": (179, 60), "quotactl_fd": (443, 443), "swapon": (167, 224), "swapoff": (168, 225),
    "reboot": (169, 142), "kexec_load": (246, 104), "kexec_file_load": (320, 294), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "iopl": (172, None), "ioperm": (173, None), "vhangup": (153, 58),
}  # fmt: skip
"""Refused calls with their numbers: on x86-64, and where the generic table is used. They do not exist, as far as a program sees."""

_NAMING: _Calls = {"bind": (49, 200)}
"""What a program without a network of its own could leave a name by: the one that it has is shared."""

_SENDING: _Calls = {"sendmsg": (46, 211), "sendmmsg": (307, 269)}
"""What descriptors are sent by. The kernel counts those in flight by user, and says when there are too many."""

_IDLE: _Calls = {"sync": (162, 81), "syncfs": (306, 267), "fadvise64": (221, 223)}
"""Calls that succeed and do nothing: they would write out the disk, or throw shared files out of the page cache."""

_Test = tuple[int, int, int]


class _Rule(NamedTuple):
    """One call that depends on its arguments.

    Attributes:
        number: Of the call, as above.
        tests: Argument, how to compare (a jump), with what.
        error: What the call returns if all of them hold.
    """

    number: tuple[int, int]
    tests: tuple[_Test, ...]
    error: int


def _is(argument: int, value: int) -> tuple[_Test]:
    return ((argument, _JUMP_IF, value),)


_SOCKETS = ((41, 198), (53, 199))
"""socket and socketpair."""

_RULES = (
    _Rule((56, 220), ((0, _JUMP_IF_ANY, _NEW_NAMESPACES),), errno.EPERM),  # clone
    _Rule(
        (272, 97), ((0, _JUMP_IF_ANY, _NEW_USERS),), errno.EPERM
    ),  # unshare; the other kinds need a right that no program has
    *(_Rule((72, 25), _is(1, command), errno.EINVAL) for command in (1024, 1025, 1026, 1031)),
    *(_Rule((28, 233), _is(2, advice), 0) for advice in (20, 21)),
    *(_Rule((55, 209), (*_is(1, 1), *_is(2, option)), errno.ENOPROTOOPT) for option in (57, 71)),
)
"""New namespaces; fcntl's leases, notices of others' doings and larger pipes, of which a user has a number in all; madvise to
throw pages out; sockets' numbers in the order in which the machine made them."""

_COMPUTING: _Calls = {
    # memory, time, and an end
    "mmap": (9, 222), "mprotect": (10, 226), "munmap": (11, 215), "brk": (12, 214), "mremap": (25, 216),
    "nanosleep": (35, 101), "clock_nanosleep": (230, 115), "clock_gettime": (228, 113), "clock_getres": (229, 114),
    "gettimeofday": (96, 169), "time": (201, None), "times": (100, 153), "getrusage": (98, 165), "sched_yield": (24, 124),
    "futex": (202, 98), "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "sigaltstack": (131, 132),
    "restart_syscall": (219, 128), "getrandom": (318, 278), "exit": (60, 93), "exit_group": (231, 94),
    # files that are there, as an import reads them
    "fstat": (5, 80), "newfstatat": (262, 79), "stat": (4, None), "lstat": (6, None), "statx": (332, 291), "access": (21, None),
    "faccessat": (269, 48), "faccessat2": (439, 439), "readlink": (89, None), "readlinkat": (267, 78), "getcwd": (79, 17),
    "getdents64": (217, 61), "read": (0, 63), "pread64": (17, 67), "readv": (19, 65), "lseek": (8, 62), "close": (3, 57),
    "dup": (32, 23), "dup2": (33, None), "dup3": (292, 24), "close_range": (436, 436),
    # what it was given: a conversation, or an output
    "write": (1, 64), "writev": (20, 66), "sendto": (44, 206), "recvfrom": (45, 207), "recvmsg": (47, 212), "getsockname": (51, 204), "poll": (7, None), "ppoll": (271, 73),
}  # fmt: skip
"""All that a program needs which computes and no more, with numbers as above; none leaves anything, or shows anything of others."""

_COMPUTING_IF = (
    (
        (257, 56),
        2,
        _JUMP_IF_ANY,
        (0o3 | 0o100 | 0o1000,),
        False,
    ),  # openat: to read, with no file created or cut
    (
        (16, 29),
        1,
        _JUMP_IF,
        (0x5401, 0x5421, 0x5450, 0x5451),
        True,
    ),  # ioctl: TCGETS, FIONBIO, FIONCLEX, FIOCLEX
    ((72, 25), 1, _JUMP_IF, (1, 2, 3), True),  # fcntl: F_GETFD, F_SETFD, F_GETFL
    ((28, 233), 2, _JUMP_IF, (4, 8), True),  # madvise: MADV_DONTNEED, MADV_FREE
    ((302, 261), 0, _JUMP_IF, (0,), True),  # prlimit64: of the process itself
    (
        (56, 220),
        0,
        _JUMP_IF,
        (FORK_BY_PARENT,),
        True,
    ),  # clone: programs have no process left to start (RLIMIT_NPROC)
)
"""Numbers of a call, argument, comparison, values, and whether it is allowed where one of them compares."""

_MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1), "riscv64": (0xC00000F3, 1)}
"""Kind of machine -> its number in <linux/audit.h>, and the column of its calls' numbers."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Filters in hexadecimal; empty where the numbers of calls are not known.

    A process that confines others works behind them, too: what it needs for that, such as mount, needs rights that programs lack.

    Attributes:
        online: For a program with a network of its own.
        offline: For one without: it can make no sockets but those of UNIX without a name.
        computing: For one that needs nothing but to compute: any other call ends it (SIGSYS).
    """

    online: str = ""
    offline: str = ""
    computing: str = ""


@cache
def filters_of(machine: str = platform.machine(), *, sends_descriptors: bool = True) -> Filters:
    """Return the filters for a kind of machine, under which programs may send descriptors to each other or not."""
    if machine not in _MACHINES:
        return Filters()
    architecture, column = _MACHINES[machine]
    start = [
        _line(_LOAD, _ARCHITECTURE),
        _line(_JUMP_IF, architecture, 1, 0),
        _refuse(errno.ENOSYS),
        _line(_LOAD, _NUMBER),
    ]
    if machine == "x86_64":
        start += [_line(_JUMP_IF_AT_LEAST, _X32, 0, 1), _refuse(errno.ENOSYS)]
    start += [*_refused(_CALLS, column, errno.ENOSYS), *_refused(_IDLE, column, 0)]
    if not sends_descriptors:
        start += _refused(_SENDING, column, errno.EPERM)
    start += [line for rule in _RULES for line in _ruled(rule, column)]
    online = [line for call in _SOCKETS for line in _families(call[column])]
    offline = [line for call in _SOCKETS for line in _unix_alone(call[column])]
    offline += _refused(_NAMING, column, errno.EPERM)
    filters = [[*start, *sockets, _line(_RETURN, _ALLOW)] for sockets in (online, offline)]
    return Filters(*(b"".join(lines).hex() for lines in (*filters, _computing(architecture, column))))


def _computing(architecture: int, column: int) -> list[bytes]:
    """Return the filter that names what is allowed, and ends a program that asks for more."""
    lines = [_line(_LOAD, _ARCHITECTURE), _line(_JUMP_IF, architecture, 1, 0), _line(_RETURN, _END)]
    lines.append(_line(_LOAD, _NUMBER))
    for numbers, argument, jump, values, allowed in _COMPUTING_IF:
        left = len(values)
        tests = [_line(jump, value, left - at, 0) for at, value in enumerate(values)]
        ends = [_line(_RETURN, _END), _line(_RETURN, _ALLOW)]
        body = [_argument(argument), *tests, *(ends if allowed else reversed(ends))]
        lines += [_line(_JUMP_IF, numbers[column], 0, len(body)), *body]
    known = [pair[column] for pair in _COMPUTING.values()]
    numbers_alone = [number for number in known if number is not None]
    left = len(numbers_alone)
    lines += [_line(_JUMP_IF, number, left - at, 0) for at, number in enumerate(numbers_alone)]
    return [*lines, _line(_RETURN, _END), _line(_RETURN, _ALLOW)]


def _line(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """Return one instruction; jumps say how many to leave out."""
    return struct.pack("HBBI", code, if_true, if_false, value)


def _refuse(error: int) -> bytes:
    return _line(_RETURN, _REFUSE | error)


def _argument(number: int) -> bytes:
    """Load the lower half of an argument: the whole of an int, on machines that write it first."""
    return _line(_LOAD, _ARGUMENTS + 8 * number)


def _refused(calls: _Calls, column: int, error: int) -> list[bytes]:
    """Return the lines that refuse calls by their number alone."""
    numbers = [pair[column] for pair in calls.values()]
    known = [number for number in numbers if number is not None]
    last = len(known) - 1
    lines = [_line(_JUMP_IF, number, last - at, int(at == last)) for at, number in enumerate(known)]
    return [*lines, _refuse(error)]


def _ruled(rule: _Rule, column: int) -> list[bytes]:
    """Return the lines of one rule; the number of the call is loaded before and after."""
    tests: list[bytes] = []
    for at, (argument, jump, value) in enumerate(rule.tests):
        left = 2 * (len(rule.tests) - 1 - at)
        tests += [_argument(argument), _line(jump, value, 0, left + 1)]
    body = [*tests, _refuse(rule.error), _line(_LOAD, _NUMBER)]
    return [_line(_JUMP_IF, rule.number[column], 0, len(body)), *body]


def _families(number: int) -> list[bytes]:
    """Return the lines that leave sockets of UNIX and IP, and of netlink those that tell of addresses."""
    body = [
        _argument(0), *(_line(_JUMP_IF, family, 6 - at, 0) for at, family in enumerate((_UNIX, _IP, _IP6))),
        _line(_JUMP_IF, _NETLINK, 0, 2), _argument(2), _line(_JUMP_IF, 0, 1, 0),
        _refuse(errno.EAFNOSUPPORT), _line(_RETURN, _ALLOW),
    ]  # fmt: skip
    return [_line(_JUMP_IF, number, 0, len(body)), *body]


def _unix_alone(number: int) -> list[bytes]:
    """Return the lines that leave sockets of UNIX only."""
    body = [_argument(0), _line(_JUMP_IF, _UNIX, 1, 0), _refuse(errno.EAFNOSUPPORT), _line(_RETURN, _ALLOW)]
    return [_line(_JUMP_IF, number, 0, len(body)), *body]
