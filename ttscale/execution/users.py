"""Whose processes the kernel counts: a user namespace in which programs become users of their own, as root's can outside one.

The kernel limits the processes of users, and never those of the machine's root, whatever namespace he is in. So where root may not switch
users on the machine itself, he hands a range of them on to a namespace, and programs become one of these.
"""

import os
import subprocess
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

from ttscale.execution.inside.confine import FIRST_UID, N_UIDS, Limits

_APART = "import ctypes, sys; ctypes.CDLL(None).unshare(0x10000000); print(flush=True); sys.stdin.read()"
"""CLONE_NEWUSER of <linux/sched.h>; where it is refused, the map below cannot be written."""


@cache
def namespace_of_users() -> int | None:
    """Return a descriptor of such a namespace, one for all sandboxes of this process, or None where it cannot be made.

    It takes CAP_SETUID, CAP_SETGID and CAP_SETFCAP, which containers give to their root.
    """
    mapped = f"0 {{}} 1\n{FIRST_UID} {FIRST_UID} {N_UIDS}\n"
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _APART], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        try:
            process.stdout.readline()
            for name, number in ("uid_map", os.getuid()), ("gid_map", os.getgid()):
                Path(f"/proc/{process.pid}/{name}").write_text(mapped.format(number), encoding="ascii")
            return os.open(f"/proc/{process.pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        finally:
            process.kill()


_UNCONFINED = 1000
"""Processes that a program without a sandbox may have beside all of its user's: these come and go while it runs."""


def beside_the_users_own(limits: Limits) -> Limits:
    """Return the limits of a program without a sandbox: the kernel counts its processes with all others of its user (root's never)."""
    uid, alive = os.getuid(), 0
    for each in Path("/proc").glob("[0-9]*/task"):
        with suppress(OSError):  # it may be gone
            status = each.stat()
            alive += (status.st_nlink - 2) * (status.st_uid == uid)
    return limits._replace(processes=alive + max(_UNCONFINED, limits.processes))
