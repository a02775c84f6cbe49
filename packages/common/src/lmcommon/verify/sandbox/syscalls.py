"""A filter of system calls (Linux seccomp) for the process of a rule.

Runs inside the sandbox's own interpreter: standard library only. `install()` forbids, for good and
for this process, what a rule has no need of: sockets, new processes, programs, signals to others,
changes to files, higher limits. A forbidden call fails with "permission denied". Reading files and
working in memory stay possible.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys

__all__ = ["install", "is_supported"]

_NO_NEW_PRIVS, _SET_SECCOMP, _SET_PDEATHSIG, _FILTER_MODE = 38, 22, 1, 2
_ALLOW, _DENY = 0x7FFF0000, 0x00050000 | 1  # 1: EPERM
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ARCHITECTURE, _NUMBER, _ARGUMENTS = 4, 0, 16
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | 0o20000000
_SAME = (424, 425, 428, 429, 434, 435, 437, 438, 452)
"""pidfd_send_signal, io_uring_setup, open_tree, move_mount, pidfd_open, clone3, openat2,
pidfd_getfd, fchmodat2: the same number on both machines."""
_MACHINES = {
    "x86_64": (
        0xC000003E,
        {"open": (2, 1), "openat": (257, 2)},
        (
            29, 30, 41, 42, 43, 44, 46, 49, 50, 53, 56, 57, 58, 59, 62, 64, 68, 76, 77, 82, 83, 84,
            85, 86, 87, 88, 90, 91, 92, 93, 94, 101, 129, 132, 133, 135, 160, 161, 165, 166, 188,
            189, 190, 197, 198, 199, 200, 234, 235, 240, 248, 249, 250, 258, 259, 260, 261, 263,
            264, 265, 266, 268, 272, 280, 288, 297, 298, 302, 308, 310, 311, 316, 319, 321, 322,
            323,
        ),
    ),
    "aarch64": (
        0xC00000B7,
        {"openat": (56, 2)},
        (
            5, 6, 7, 14, 15, 16, 33, 34, 35, 36, 37, 38, 39, 40, 45, 46, 51, 52, 53, 54, 55, 88,
            92, 97, 117, 129, 130, 131, 138, 164, 180, 186, 190, 194, 196, 198, 199, 200, 201, 202,
            203, 206, 211, 217, 218, 219, 220, 221, 240, 241, 242, 261, 268, 270, 271, 276, 279,
            280, 281, 282,
        ),
    ),
}  # fmt: skip
"""Per machine: its audit number, the calls that open a file with the place of their flags, and the
forbidden calls."""


def is_supported() -> bool:
    """Whether there is a filter for this system and machine."""
    return sys.platform == "linux" and platform.machine() in _MACHINES


def _program() -> list[tuple[int, int, int, int]]:
    """The filter: (code, jump if true, jump if false, value) an instruction."""
    architecture, openers, forbidden = _MACHINES[platform.machine()]
    program = [
        (_LOAD, 0, 0, _ARCHITECTURE), (_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _DENY),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, 0x40000000), (_RETURN, 0, 0, _DENY),  # the second set of calls (x32)
    ]  # fmt: skip
    for number in (*forbidden, *_SAME):
        program += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _DENY)]
    for number, place in openers.values():
        program += [
            (_EQUAL, 0, 4, number), (_LOAD, 0, 0, _ARGUMENTS + 8 * place),
            (_ANY_BIT, 0, 1, _WRITING), (_RETURN, 0, 0, _DENY), (_RETURN, 0, 0, _ALLOW),
        ]  # fmt: skip
    return [*program, (_RETURN, 0, 0, _ALLOW)]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def install() -> None:
    """Put the filter on this process; it also dies with its parent from now on.

    Raises:
        OSError: The kernel does not take it.
    """
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    packed = b"".join(struct.pack("=HBBI", *instruction) for instruction in _program())
    program = _Program(len(packed) // 8, packed)
    steps = (
        (_SET_PDEATHSIG, 9, 0), (_NO_NEW_PRIVS, 1, 0),
        (_SET_SECCOMP, _FILTER_MODE, ctypes.byref(program)),
    )  # fmt: skip
    for option, second, third in steps:
        if prctl(option, second, third, 0, 0) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
