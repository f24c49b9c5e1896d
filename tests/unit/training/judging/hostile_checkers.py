"""Checkers that try what none may do, each harmless, run as a user without any privilege.

`python -m tests.unit.training.judging.hostile_checkers` gives up its privileges and the right to
make namespaces, and prints what came of each checker's first call.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

from stratos.errors import CheckerFailed
from training.container import confinement
from training.judging.checker import ConfinedChecker
from training.judging.checker_worker import CheckerLimits

_NOBODY = 65534
_PR_CAPBSET_DROP = 24
PATIENT = CheckerLimits(cpu_seconds=60, seconds=600)
"""What fails within these fails by itself."""
_LIBC = "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"
_CALL = "    if {call} != 0: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))"
_LOOP = "    while True:\n        "
_ALL_PIPES = "for fd in range(3, 32):\n            try: os.write(fd, b'x' * 4096)\n"


def _check(body: str, before: str = "import os") -> str:
    return f"{before}\ndef check(question, answer, rationale):\n{body}\n"


def _system_call(call: str) -> str:
    return _check(_CALL.format(call=call), _LIBC)


SOURCES = {
    "write the result": _check("    open('/opt/ml/output/result.json', 'w')"),
    "write its temp folder": _check("    open('/tmp/checker', 'w')"),
    "fill the disk": _check("    os.open('/tmp', os.O_TMPFILE | os.O_RDWR)"),
    "keep a file in memory": _system_call("libc.memfd_create(b'x', 0)"),
    "read the dataset": _check("    open('/opt/ml/input/data/dataset/heldout.jsonl')"),
    "read its parent's environment": _check("    open(f'/proc/{os.getppid()}/environ')"),
    "read its parent's memory": _check("    os.open(f'/proc/{os.getppid()}/mem', os.O_RDWR)"),
    "list a folder": _check("    os.listdir('/')"),
    "delete a file": _check("    os.unlink('/opt/ml/output/result.json')"),
    "open a socket": _check("    socket.create_connection(('169.254.170.2', 80))", "import socket"),
    "open a Unix socket": _check("    socket.socketpair()", "import socket"),
    "start a program": _check("    subprocess.run(['true'])", "import subprocess"),
    "leave a daemon behind": _check("    os.fork() or os.setsid()"),
    "start a thread": _check("    _thread.start_new_thread(print, ())", "import _thread"),
    "end its parent": _check("    os.kill(os.getppid(), 15)"),
    "trace its parent": _system_call("libc.ptrace(16, os.getppid(), 0, 0)"),
    "read memory by a call": _system_call("libc.process_vm_readv(os.getppid(), 0, 0, 0, 0, 0)"),
    "make a namespace": _system_call("libc.unshare(0x10000000)"),
    "use io_uring": _system_call("libc.syscall(425, 1, 0)"),
    "lift the filter": _system_call("libc.prctl(22, 0, 0, 0, 0)"),
    "raise its limit": _system_call("libc.prlimit(0, 9, (ctypes.c_ulong * 2)(-1, -1), 0)"),
    "print without end": _check(_LOOP + "print('x' * 4096)"),
    "write without end": _check(_LOOP + _ALL_PIPES + "            except OSError: pass"),
    "compute without end": _check(_LOOP + "pass"),
    "sleep on, deaf to SIGTERM": _check(
        "    time.sleep(86_400)", "import signal, time\nsignal.signal(15, signal.SIG_IGN)"
    ),
    "allocate without end": _check("    held = []\n" + _LOOP + "held.append(bytearray(2**20))"),
    "read the job's environment": _check("    return sorted(os.environ)"),
    "end its process": _check("    os._exit(3)"),
    "crash": _check("    ctypes.string_at(0)", "import ctypes"),
    "answer twice": _check('    os.write(4, b\'{"call": 1, "problems": []}\\n\' * 2)'),
}
LIMITS = {
    "print without end": CheckerLimits(cpu_seconds=0.2, seconds=600),
    "compute without end": CheckerLimits(cpu_seconds=0.2, seconds=600),
    "sleep on, deaf to SIGTERM": CheckerLimits(seconds=0.3),
    "allocate without end": CheckerLimits(cpu_seconds=60, seconds=600, memory_bytes=2**28),
}


def main() -> None:
    """Run them all."""
    _become_ordinary()
    os.environ["AWS_SECRET_ACCESS_KEY"] = "harmless"
    outcomes = {name: _outcome(name, source) for name, source in SOURCES.items()}
    sys.stdout.write(
        json.dumps({"outcomes": outcomes, "rights": _rights(), "children": _children()})
    )


def _outcome(name: str, source: str) -> list[str]:
    checker = ConfinedChecker("checker.py", source.encode(), LIMITS.get(name, PATIENT))
    try:
        return checker("question", "answer", "rationale")
    except CheckerFailed as error:
        return [str(error)]
    finally:
        checker.close()


def _become_ordinary() -> None:
    """Begin anew as nobody, or as a root without any right where nobody may read these files."""
    if "--without-privileges" not in sys.argv:
        again = [sys.executable, "-m", __spec__.name, "--without-privileges"]
        if os.getuid() == 0 and _nobody_can_run_python():
            os.setgroups([])
            os.setgid(_NOBODY)
            os.setuid(_NOBODY)
        for capability in range(64):
            ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
        os.execv(sys.executable, again)
    _refuse_namespaces()


def _nobody_can_run_python() -> bool:
    command = [sys.executable, "-c", "import pydantic, training.judging"]
    tried = subprocess.run(
        command, user=_NOBODY, group=_NOBODY, extra_groups=[], stderr=subprocess.DEVNULL
    )
    return tried.returncode == 0


def _refuse_namespaces() -> None:
    """As on a machine where they are off: unshare, setns, and clone with any of CLONE_NEW*."""
    unshare, setns, clone = {"x86_64": (272, 308, 56)}.get(platform.machine(), (97, 268, 220))
    confinement._prctl(38, 1)
    program = [(0x20, 0, 0, 0)]
    for number in (unshare, setns):
        program += [(0x15, 0, 1, number), (0x06, 0, 0, 0x00050001)]
    program += [(0x15, 0, 3, clone), (0x20, 0, 0, 16), (0x45, 0, 1, 0x7E020000)]
    program += [(0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7FFF0000)]
    confinement._load(program)
    assert ctypes.CDLL(None).unshare(0x10000000) == -1  # os.unshare is of Python 3.12


def _rights() -> int:
    """The capabilities that this process has, as the kernel writes them."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("CapEff:")[2].split()[0], 16)


def _children() -> list[int]:
    task = Path(f"/proc/self/task/{os.getpid()}/children")
    return [int(pid) for pid in task.read_text().split()]


if __name__ == "__main__":
    main()
