"""The process that a checker runs in: `python -m training.judging.checker_process BYTES`.

Reads a line of JSON with the checker's name and source, and says whether it could be loaded; then
reads [number, question, answer, rationale] in each line, and answers with the problems. The
modules that the source names are imported before any of it runs, because no file can be read from
then on. They are the job's own, so they are trusted; they cannot write either. BYTES is the
address space that the checker may take besides theirs.
"""

from __future__ import annotations

import ast
import io
import json
import os
import signal
import sys
from collections.abc import Callable
from types import ModuleType, TracebackType

from stratos.errors import CheckerFailed
from training.container.confinement import (
    leave_only_computing,
    leave_only_reading,
    limit_memory,
)
from training.judging.early_imports import import_early

SHOWN_CHARACTERS = 300
SHOWN_PROBLEMS = 20
"""Of the problems of one rationale; only the first is counted."""
_MODULE = "stratos_domain_checker"
_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
_ADVICE = {
    ImportError: "jobs have the standard library and what AWS's PyTorch image holds; import it at "
    "the top of the file",
    MemoryError: "it has only so much memory",
    PermissionError: "it has no files, no network, no threads and no other processes",
}


def main() -> None:
    """Answer until there are no more questions."""
    requests, replies = _own_pipes()
    given = json.loads(requests.readline())
    name, source = given["name"], given["source"].encode("latin-1")
    try:
        leave_only_reading()
        try:
            import_early(ast.parse(source, name))
            limit_memory(int(sys.argv[1]))
        finally:
            leave_only_computing()
        check = _load(name, source)
    except CheckerFailed as error:
        _write(replies, {"call": 0, "refused": str(error)})
        return
    except BaseException as error:
        told = f"{name} cannot be loaded: {_describe(error, name)}"
        _write(replies, {"call": 0, "refused": told})
        return
    _write(replies, {"call": 0, "problems": []})
    while line := requests.readline():
        number, *request = json.loads(line)
        _write(replies, {"call": number, **_answer(check, name, request)})


def _own_pipes() -> tuple[io.BufferedReader, int]:
    """Take the pipes from where a checker would print and read; it finds nothing there."""
    requests, replies = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    return os.fdopen(requests, "rb"), replies


def _load(name: str, source: bytes) -> Callable[[str, str, str], object]:
    module = sys.modules[_MODULE] = ModuleType(_MODULE)
    module.__file__ = name
    exec(compile(source, name, "exec"), module.__dict__)
    check = getattr(module, "check", None)
    if not callable(check):
        raise CheckerFailed(
            f"{name} defines no function `check`; "
            "add check(question, answer, rationale) -> list[str]"
        )
    found: Callable[[str, str, str], object] = check
    return found


def _answer(
    check: Callable[[str, str, str], object], name: str, request: list[str]
) -> dict[str, object]:
    try:
        try:
            problems = check(*request)
        finally:
            _stop_timers()
        if not isinstance(problems, list | tuple):
            kind = type(problems).__name__
            raise TypeError(f"check returned {kind}; a list of texts is needed, empty if all holds")
        return {"problems": [_shown(problem) for problem in problems[:SHOWN_PROBLEMS]]}
    except BaseException as error:
        return {"failed": type(error).__name__, "told": _describe(error, name)}


def _stop_timers() -> None:
    """Let no alarm that was set for one rationale strike at the next."""
    for timer in _TIMERS:
        signal.setitimer(timer, 0)


def _describe(error: BaseException, name: str) -> str:
    """An error in a line: what, where in the checker, and what a checker cannot have."""
    told = _shown(error)
    place = _line_of(error.__traceback__, name)
    words = f"{type(error).__name__}: {told}" if told else type(error).__name__
    words += f" ({name}, line {place})" if place else ""
    advice = [words for kind, words in _ADVICE.items() if isinstance(error, kind)]
    return "; ".join([words, *advice])


def _line_of(trace: TracebackType | None, name: str) -> int | None:
    """The last line of the checker itself that an error came by."""
    found = None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == name:
            found = trace.tb_lineno
        trace = trace.tb_next
    return found


def _shown(value: object) -> str:
    try:
        text = str(value)
    except BaseException:  # a stranger's code writes it
        text = f"a {type(value).__name__} that cannot be written"
    return text[:SHOWN_CHARACTERS].encode("utf-8", "backslashreplace").decode("utf-8")


def _write(replies: int, reply: dict[str, object]) -> None:
    left = memoryview(json.dumps(reply).encode() + b"\n")
    while left:
        left = left[os.write(replies, left) :]


if __name__ == "__main__":
    main()
