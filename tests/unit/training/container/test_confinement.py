"""What is left to a process that shut itself off.

A filter is run here as the kernel runs it, so that it can be looked at for other machines, too.
"""

import json
import os
import struct
import subprocess
import sys

import pytest

from stratos.errors import CheckerFailed
from training.container import confinement
from training.container.confinement import COMPUTING, READING, filter_program

PID = 4321
ALLOWED, REFUSED, KILLED = 0x7FFF0000, 0x00050001, 0x80000000
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}


def answer(program, architecture, number, arguments=()):
    """What the kernel does at a call: the five instructions that the filter is made of."""
    given = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("<IIQ6Q", number, architecture, 0, *given)
    at = held = 0
    while True:
        code, if_true, if_false, operand = program[at]
        at += 1
        match code:
            case 0x20:
                (held,) = struct.unpack_from("<I", data, operand)
            case 0x54:
                held &= operand
            case 0x15:
                at += if_true if held == operand else if_false
            case 0x06:
                return operand


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("rules", [COMPUTING, READING], ids=["computing", "reading"])
def test_what_is_not_listed_is_refused(machine, rules):
    column, architecture = MACHINES[machine]
    program = filter_program(tuple(rules.values()), machine, PID)
    listed = {rule.numbers[column] for rule in rules.values()} - {None}
    arguments = [PID, os.O_RDONLY, os.O_RDONLY]
    allowed = {
        number
        for number in (*range(600), *range(2**30, 2**30 + 600))
        if answer(program, architecture, number, arguments) == ALLOWED
    }
    prctl = {READING["prctl"].numbers[column]} & listed  # of another argument
    assert allowed == listed - prctl


@pytest.mark.parametrize("machine", MACHINES)
def test_a_call_is_allowed_with_the_named_argument_only(machine):
    column, architecture = MACHINES[machine]
    program = filter_program(tuple(READING.values()), machine, PID)

    def told(name, *arguments):
        return answer(program, architecture, READING[name].numbers[column], arguments)

    assert told("tgkill", PID, PID, 6) == ALLOWED
    assert told("tgkill", PID + 1, PID + 1, 9) == REFUSED
    assert told("openat", 0, 0, os.O_RDONLY | os.O_CLOEXEC) == ALLOWED
    for writing in (os.O_WRONLY, os.O_RDWR, os.O_CREAT, os.O_TRUNC, os.O_TMPFILE | os.O_RDWR):
        assert told("openat", 0, 0, writing) == REFUSED
    assert told("madvise", 0, 0, 4) == ALLOWED
    assert told("madvise", 0, 0, 100) == REFUSED
    assert told("prlimit64", PID) == ALLOWED
    assert told("prlimit64", PID + 1) == REFUSED
    assert told("prctl", 22) == ALLOWED
    assert told("prctl", 4, 1) == REFUSED


def test_calls_of_another_architecture_end_the_process():
    program = filter_program(tuple(COMPUTING.values()), "x86_64", PID)
    assert answer(program, 0x40000003, 3) == KILLED


def test_a_machine_whose_calls_are_not_known_is_refused():
    with pytest.raises(CheckerFailed, match=r"is a riscv64, and the filter .* knows x86_64 and aa"):
        filter_program(tuple(COMPUTING.values()), "riscv64", PID)


TRIES = """
import json, os, socket, sys
from training.container.confinement import leave_only_computing, leave_only_reading

def tried():
    found = {}
    for name, attempt in {
        "read": lambda: open(os.devnull).close(),
        "write": lambda: open(os.devnull, "w").close(),
        "socket": lambda: socket.socket(),
        "fork": lambda: os.fork() or os._exit(0),
        "signal": lambda: os.kill(os.getppid(), 0),
        "compute": lambda: sum(range(10)),
    }.items():
        try:
            attempt()
            found[name] = True
        except PermissionError:
            found[name] = False
    return found

leave_only_reading()
first = tried()
leave_only_computing()
print(json.dumps([first, tried()]))
"""


def run(source):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-B", "-c", source], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_process_keeps_reading_first_and_then_computing_alone():
    nothing = dict.fromkeys(("read", "write", "socket", "fork", "signal"), False)
    assert run(TRIES) == [nothing | {"read": True, "compute": True}, nothing | {"compute": True}]


MEMORY = """
import json, mmap, resource
held = mmap.mmap(-1, 2**31)
from training.container.confinement import leave_only_computing, leave_only_reading, limit_memory

leave_only_reading()
limit_memory(2**28)
leave_only_computing()
found = [len(bytearray(2**27))]
for attempt in (
    lambda: bytearray(2**29),
    lambda: resource.setrlimit(resource.RLIMIT_AS, (2**40, 2**40)),
    lambda: resource.prlimit(0, resource.RLIMIT_AS, (2**20, 2**20)),
):
    try:
        found.append(attempt() is None)
    except (MemoryError, OSError, ValueError) as error:
        found.append(type(error).__name__)
print(json.dumps(found))
"""


def test_memory_is_limited_beyond_what_a_process_has():
    told = run(MEMORY)
    assert told[:2] == [2**27, "MemoryError"]
    assert True not in told


def test_a_system_without_the_filter_is_refused(monkeypatch):
    class Library:
        def prctl(self, *_):
            confinement.ctypes.set_errno(22)
            return -1

    monkeypatch.setattr(confinement.ctypes, "CDLL", lambda *_, **__: Library())
    with pytest.raises(CheckerFailed, match=r"prctl\(22\) says Invalid argument. Linux with CONF"):
        confinement.leave_only_computing()


def test_a_filter_that_refuses_nothing_is_noticed(monkeypatch):
    monkeypatch.setattr(confinement, "_install", lambda _: None)
    with pytest.raises(CheckerFailed, match="and yet opening a file was not refused"):
        confinement.leave_only_computing()
