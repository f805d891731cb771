"""Run a program that can open no socket but a local one, nor can any program that it starts.

    python no_network.py PROGRAM [ARGUMENT ...]

A seccomp filter (Linux, x86-64 and arm64) ends a process that asks the kernel for a socket of any
other family than AF_UNIX, by the signal SIGSYS, be it Python or native; it cannot be taken off
again and is inherited. io_uring, which can open sockets too, is refused. The exit code is 77 where
this kernel has no such filters.
"""

import ctypes
import os
import platform
import struct
import sys

UNAVAILABLE = 77
# Of each machine: what the kernel calls its system calls, and the number of socket.
MACHINES = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
IO_URING_SETUP, FIRST_X32 = 425, 0x40000000
AF_UNIX = 1
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050001, 0x80000000  # refuse: EPERM
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
# Where struct seccomp_data has them; the lower half of the first argument is the family.
NUMBER, ARCHITECTURE, FAMILY = 0, 4, 16


def program(architecture: int, socket: int) -> list[tuple[int, int, int, int]]:
    """Instructions (code, jump if true, jump if false, operand), as <linux/filter.h> has them."""
    return [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, architecture),
        (RETURN, 0, 0, KILL),  # another machine's system calls have other numbers
        (LOAD, 0, 0, NUMBER),
        (AT_LEAST, 5, 0, FIRST_X32),
        (EQUAL, 5, 0, IO_URING_SETUP),
        (EQUAL, 0, 2, socket),
        (LOAD, 0, 0, FAMILY),
        (EQUAL, 0, 1, AF_UNIX),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, KILL),
        (RETURN, 0, 0, REFUSE),
    ]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def forbid() -> bool:
    """Install the filter in this process; whether the kernel has taken it."""
    if sys.platform != "linux" or platform.machine() not in MACHINES:
        return False
    instructions = program(*MACHINES[platform.machine()])
    content = b"".join(struct.pack("=HBBI", *each) for each in instructions)
    kept = ctypes.create_string_buffer(content, len(content))
    whole = _Program(len(instructions), ctypes.cast(kept, ctypes.c_void_p))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    return bool(
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
        and prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(whole), 0, 0) == 0
    )


if __name__ == "__main__":
    if not forbid():
        sys.exit(UNAVAILABLE)
    os.execvp(sys.argv[1], sys.argv[1:])
