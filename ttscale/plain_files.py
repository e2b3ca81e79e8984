"""What a user names is a plain file: a pipe that nobody writes to would be waited for, and a device has no end."""

import os
import stat
from pathlib import Path

from ttscale.errors import InvalidInputError, TtscaleError

MOST_TEXT_BYTES = 4 << 20
"""Of a configuration or a file of prices."""
_OPENED = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")
"""Where a shell puts what it has opened for this process: `ttscale run /dev/stdin`, `ttscale run <(...)`."""
_KINDS = {
    stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device", stat.S_IFDIR: "a folder",
}  # fmt: skip


def user_path(path: Path | str, error: type[TtscaleError] = InvalidInputError) -> Path:
    """Return the path that a user names, a leading `~` spelt out; nothing need be there.

    Raises:
        InvalidInputError: Or `error`: see `require_possible`.
    """
    spelt_out = Path(os.path.expanduser(path))  # noqa: PTH111 - Path's own raises for a user that is not there
    require_possible(spelt_out, error)
    return spelt_out


def real_path(path: Path | str, error: type[TtscaleError] = InvalidInputError) -> Path:
    """Return where a path really lies, all links followed; nothing need be there.

    Raises:
        InvalidInputError: Or `error`: see `require_possible`.
    """
    require_possible(path, error)
    try:
        return Path(path).resolve()
    except (OSError, ValueError, RuntimeError) as odd:  # a circle of links behind what is not there
        raise error(_impossible(path, odd)) from odd


def require_possible(path: Path | str, error: type[TtscaleError] = InvalidInputError) -> None:
    """Refuse a path at which nothing can be, or nobody can look.

    Raises:
        InvalidInputError: Or `error`: a name is too long or has what no name may have, links go in a circle, or a folder may not be searched.
    """
    try:
        Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, ValueError) as odd:
        raise error(_impossible(path, odd)) from odd


def _impossible(path: Path | str, odd: Exception) -> str:
    return f"{path} is no path that can be followed: {getattr(odd, 'strerror', None) or odd}. Give another, or mend what lies there."


def require_plain(path: Path, error: type[TtscaleError] = InvalidInputError) -> None:
    """Refuse what is there and is neither a plain file nor a folder of such; what is not there is another matter.

    Raises:
        InvalidInputError: Or `error`: it names the first that is none.
    """
    odd = _odd(path)
    for folder, folders, names in os.walk(path) if odd is None and "\0" not in str(path) else ():
        folders.sort()
        odd = odd or next(filter(None, (_odd(Path(folder, name)) for name in sorted(names))), None)
    if odd is not None:
        raise error(odd)


def read_plain_text(path: Path, error: type[TtscaleError], *, most: int = MOST_TEXT_BYTES) -> str:
    """Read a short UTF-8 file as a whole.

    Raises:
        OSError, ValueError: It cannot be read.
        InvalidInputError: Or `error`: see `read_plain_bytes`.
    """
    return read_plain_bytes(path, error, most=most).decode("utf-8-sig")


def read_plain_bytes(path: Path, error: type[TtscaleError], *, most: int = MOST_TEXT_BYTES) -> bytes:
    """Read a short file as a whole.

    Raises:
        OSError: It cannot be read.
        InvalidInputError: Or `error`: it is no plain file, or one of more than `most` bytes.
    """
    require_plain(path, error)
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise error(f"{path} is larger than {most >> 20} MB, as no such file is.")
    return content


def _is_of_the_kernel(status: os.stat_result) -> bool:
    """Tell whether a file lies under /proc: it looks plain there, but some are waited for and some have no end."""
    try:
        return status.st_dev == os.stat("/proc/self/").st_dev  # noqa: PTH116
    except OSError:
        return False


def _odd(path: Path) -> str | None:
    """Return what is wrong with a path, None where nothing is."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None  # whoever opens it says so
    kind = stat.S_IFMT(status.st_mode)
    is_plain = kind in (stat.S_IFREG, stat.S_IFDIR) and not _is_of_the_kernel(status)
    if is_plain or str(path).startswith(_OPENED):
        return None
    return f"{path} is {_KINDS.get(kind, 'of the kernel')}, where a plain file is needed. Copy what it holds into a file."
