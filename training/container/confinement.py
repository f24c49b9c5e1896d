"""How a process shuts itself off, so that code of a stranger can run in it.

The kernel's filter of system calls (seccomp, https://docs.kernel.org/userspace-api/seccomp_filter.html)
needs no privilege and no namespace, works in Docker's containers under their default profile, and
cannot be taken off again. What may be called is listed; all else is refused with EPERM: sockets,
files, other processes and threads, signals to others, other limits, and what kernels learn later.

Only the standard library is imported: the process holds as little as it can.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from stratos.errors import CheckerFailed

Instruction = tuple[int, int, int, int]
"""Of Berkeley's packet filter: code, jump if true, jump if false, operand."""

_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""Column in the tables of numbers, and AUDIT_ARCH_* as the kernel names them to a filter."""
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
_MODE_FILTER = 2
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000 | 1, 0x80000000
"""SECCOMP_RET_*; a refused call answers EPERM."""
_LOAD_WORD, _EQUAL, _AND, _RETURN = 0x20, 0x15, 0x54, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
"""Offsets in `struct seccomp_data`."""


@dataclass(frozen=True)
class AllowedCall:
    """A system call that stays allowed.

    Attributes:
        numbers: On x86-64 and on AArch64; None where there is no such call.
            Source: asm/unistd_64.h and asm-generic/unistd.h of Linux 6.1.
        argument: Index of the one that is looked at; None for none.
        mask: Its bits that must equal `value`.
        value: None stands for the process's own id.
    """

    numbers: tuple[int | None, int | None]
    argument: int | None = None
    mask: int = 0xFFFFFFFF
    value: int | None = 0


_WRITING = os.O_ACCMODE | os.O_CREAT | os.O_TRUNC
COMPUTING = {
    "read": AllowedCall((0, 63)),
    "write": AllowedCall((1, 64)),
    "close": AllowedCall((3, 57)),
    "fstat": AllowedCall((5, 80)),
    "poll": AllowedCall((7, None)),
    "lseek": AllowedCall((8, 62)),
    "mmap": AllowedCall((9, 222)),
    "mprotect": AllowedCall((10, 226)),
    "munmap": AllowedCall((11, 215)),
    "brk": AllowedCall((12, 214)),
    "rt_sigaction": AllowedCall((13, 134)),
    "rt_sigprocmask": AllowedCall((14, 135)),
    "rt_sigreturn": AllowedCall((15, 139)),
    "readv": AllowedCall((19, 65)),
    "writev": AllowedCall((20, 66)),
    "select": AllowedCall((23, None)),
    "sched_yield": AllowedCall((24, 124)),
    "mremap": AllowedCall((25, 216)),
    "madvise": AllowedCall((28, 233), argument=2, mask=~31 & 0xFFFFFFFF),  # not: offline a page
    "nanosleep": AllowedCall((35, 101)),
    "getitimer": AllowedCall((36, 102)),
    "alarm": AllowedCall((37, None)),
    "setitimer": AllowedCall((38, 103)),  # its signals go to the process itself
    "getpid": AllowedCall((39, 172)),
    "exit": AllowedCall((60, 93)),
    "uname": AllowedCall((63, 160)),
    "getcwd": AllowedCall((79, 17)),
    "gettimeofday": AllowedCall((96, 169)),
    "getrusage": AllowedCall((98, 165)),
    "sysinfo": AllowedCall((99, 179)),
    "times": AllowedCall((100, 153)),
    "getuid": AllowedCall((102, 174)),
    "getgid": AllowedCall((104, 176)),
    "geteuid": AllowedCall((107, 175)),
    "getegid": AllowedCall((108, 177)),
    "getppid": AllowedCall((110, 173)),
    "sigaltstack": AllowedCall((131, 132)),
    "gettid": AllowedCall((186, 178)),
    "time": AllowedCall((201, None)),
    "futex": AllowedCall((202, 98)),
    "sched_getaffinity": AllowedCall((204, 123)),
    "restart_syscall": AllowedCall((219, 128)),
    "clock_gettime": AllowedCall((228, 113)),
    "clock_getres": AllowedCall((229, 114)),
    "clock_nanosleep": AllowedCall((230, 115)),
    "exit_group": AllowedCall((231, 94)),
    "tgkill": AllowedCall((234, 131), argument=0, value=None),  # abort() raises its own signal
    "pselect6": AllowedCall((270, 72)),
    "ppoll": AllowedCall((271, 73)),
    "set_robust_list": AllowedCall((273, 99)),
    "getcpu": AllowedCall((309, 168)),
    "getrandom": AllowedCall((318, 278)),
    "membarrier": AllowedCall((324, 283)),
}
"""What computing takes, and using files that are open already."""
READING = COMPUTING | {
    "open": AllowedCall((2, None), argument=1, mask=_WRITING),
    "stat": AllowedCall((4, None)),
    "lstat": AllowedCall((6, None)),
    "pread64": AllowedCall((17, 67)),
    "access": AllowedCall((21, None)),
    "dup": AllowedCall((32, 23)),
    "fcntl": AllowedCall((72, 25)),
    "readlink": AllowedCall((89, None)),
    "prctl": AllowedCall((157, 167), argument=0, value=_PR_SET_SECCOMP),  # for the second filter
    "getdents64": AllowedCall((217, 61)),
    "prlimit64": AllowedCall((302, 261), argument=0, value=None),
    "openat": AllowedCall((257, 56), argument=2, mask=_WRITING),
    "newfstatat": AllowedCall((262, 79)),
    "readlinkat": AllowedCall((267, 78)),
    "faccessat": AllowedCall((269, 48)),
    "statx": AllowedCall((332, 291)),
    "faccessat2": AllowedCall((439, 439)),
}
"""What importing modules and a limit for memory take besides."""


def leave_only_reading() -> None:
    """Give up the network, other processes, and all writing to files, once and for all.

    Whatever happens to the parent or to the machine's memory, this process ends first.

    Raises:
        CheckerFailed: when this system has no such filter.
    """
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _prctl(_PR_SET_DUMPABLE, 0)  # no core file, and no other process of this user looks inside
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _install(tuple(READING.values()))


def limit_memory(more_bytes: int) -> None:
    """Let this process have so much more address space than it has. Files must be readable.

    What it has is not the checker's: libraries map gigabytes that they never use.
    """
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
    allowed = int(pages) * resource.getpagesize() + more_bytes
    _, most = resource.prlimit(os.getpid(), resource.RLIMIT_AS)
    if most != resource.RLIM_INFINITY:
        allowed = min(allowed, most)
    resource.prlimit(os.getpid(), resource.RLIMIT_AS, (allowed, allowed))


def leave_only_computing() -> None:
    """Give up files, too: none can be opened or looked up any more. Comes after the other."""
    _install(tuple(COMPUTING.values()))
    _require_refusal("opening a file", lambda: os.open("/", os.O_RDONLY))
    _require_refusal("opening a socket", socket.socket)


def filter_program(calls: Sequence[AllowedCall], machine: str, pid: int) -> list[Instruction]:
    """The filter for one architecture: each allowed call, and a refusal at the end.

    Raises:
        CheckerFailed: when the numbers of its calls are not known.
    """
    if machine not in _ARCHITECTURES:
        raise CheckerFailed(
            f"this machine is a {machine}, and the filter that confines a checker knows "
            f"{' and '.join(_ARCHITECTURES)}; run it there, or leave `checker` out of the spec"
        )
    column, architecture = _ARCHITECTURES[machine]
    program = [
        (_LOAD_WORD, 0, 0, _ARCHITECTURE_AT),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD_WORD, 0, 0, _NUMBER_AT),
    ]
    for call in calls:
        number = call.numbers[column]
        if number is not None:
            program += _instructions(call, number, pid)
    return [*program, (_RETURN, 0, 0, _REFUSE)]


def _instructions(call: AllowedCall, number: int, pid: int) -> Iterator[Instruction]:
    if call.argument is None:
        yield (_EQUAL, 0, 1, number)
        yield (_RETURN, 0, 0, _ALLOW)
        return
    value = pid if call.value is None else call.value
    yield (_EQUAL, 0, 5, number)
    yield (_LOAD_WORD, 0, 0, _ARGUMENTS_AT + 8 * call.argument)
    yield (_AND, 0, 0, call.mask)
    yield (_EQUAL, 0, 1, value)
    yield (_RETURN, 0, 0, _ALLOW)
    yield (_RETURN, 0, 0, _REFUSE)


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("if_true", ctypes.c_uint8),
        ("if_false", ctypes.c_uint8),
        ("operand", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("first", ctypes.POINTER(_Instruction)))


def _install(calls: Sequence[AllowedCall]) -> None:
    _load(filter_program(calls, platform.machine(), os.getpid()))


def _load(program: Sequence[Instruction]) -> None:
    array = (_Instruction * len(program))(*(_Instruction(*one) for one in program))
    _prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(_Program(len(program), array)))


def _prctl(option: int, *values: object) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    given = [ctypes.c_ulong(value) if isinstance(value, int) else value for value in values]
    if library.prctl(option, *given, *[ctypes.c_ulong(0)] * (4 - len(given))) != 0:
        raise CheckerFailed(
            f"this system cannot confine a checker: prctl({option}) says "
            f"{os.strerror(ctypes.get_errno())}. Linux with CONFIG_SECCOMP_FILTER is needed, in "
            "a container whose profile allows prctl; or leave `checker` out of the spec"
        )


def _require_refusal(what: str, attempt: Callable[[], object]) -> None:
    try:
        attempt()
    except PermissionError:
        return
    raise CheckerFailed(
        f"the filter that confines a checker is installed, and yet {what} was not refused; this "
        "kernel does not keep to it. Run it elsewhere, or leave `checker` out of the spec"
    )
