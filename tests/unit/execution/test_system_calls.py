"""The filter's lines, run here by an interpreter of our own: what the kernel would say of a call."""

import errno
import struct

import pytest

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


def test_a_machine_whose_numbers_are_not_known_has_no_filter() -> None:
    assert filters_of("s390x") == Filters()


@pytest.mark.parametrize(
    ("call", "answer"),
    [((41, 1, 1), "allowed"), ((41, 2, 1), errno.EAFNOSUPPORT), ((53, 1, 1), "allowed"), ((53, 16, 3), errno.EAFNOSUPPORT), ((49, 3), errno.EPERM), ((0,), "allowed"), ((250,), errno.ENOSYS)],
)  # fmt: skip
def test_without_a_network_sockets_have_no_names(call: tuple[int, ...], answer: int | str) -> None:
    assert said(bytes.fromhex(filters_of("x86_64").offline), *call) == answer
