"""Runs a page as a reader would: its commands in order, the output shown beside what came.

A block of commands is fenced as `console`. A line that begins with `$ ` is a command, lines that
begin with `> ` continue it, and what follows is its output. In shown output

- `…` stands for any text of a line, and a line of nothing but `…` for any number of lines;
- runs of spaces are one space, so that tables need not be padded alike;
- a command without output shown may print anything.

A command that ends with ` &` goes on in the background until the page is through. Words that
differ with every run, such as its id, are given as a pattern: the first that comes stands for the
one that is shown.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SECTION = re.compile(r"^## ", re.MULTILINE)
ANY = "…"
_STATE = "session"


@dataclass(frozen=True)
class Step:
    """One command of a page, and what the page says that it prints."""

    command: str
    shown: tuple[str, ...]

    @property
    def in_background(self) -> bool:
        return self.command.endswith(" &")


@dataclass(frozen=True)
class Came:
    """What a command did."""

    exit_code: int
    output: str


def steps_of(page: str) -> Iterator[Step]:
    """The commands of a page, or of a part of it, in order."""
    for block in _BLOCK.findall(page):
        command: list[str] = []
        shown: list[str] = []
        for line in block.splitlines():
            if line.startswith("$ "):
                if command:
                    yield Step("\n".join(command), tuple(shown))
                command, shown = [line.removeprefix("$ ")], []
            elif line.startswith("> ") or line == ">":
                assert not shown, f"a line that continues output: {line}"
                command.append(line.removeprefix(">").removeprefix(" "))
            else:
                assert command, f"output without a command: {line}"
                shown.append(line)
        if command:
            yield Step("\n".join(command), tuple(shown))


def sections(page: str) -> dict[str, str]:
    """Each heading of the second level with what stands below it, in order."""
    parts = _SECTION.split(page)[1:]
    return {part.partition("\n")[0]: part.partition("\n")[2] for part in parts}


def difference(shown: tuple[str, ...], output: str) -> str | None:
    """The first shown line that did not come, with what came; None if all did."""
    came = [_plain(line) for line in output.splitlines() if line.strip()]
    at, may_skip = 0, False
    for line in shown:
        if not line.strip():
            continue
        if line.strip() == ANY:
            may_skip = True
            continue
        pattern = re.compile(".*".join(map(re.escape, _plain(line).split(ANY))))
        last = len(came) if may_skip else min(at + 1, len(came))
        found = next((n for n in range(at, last) if pattern.fullmatch(came[n])), None)
        if found is None:
            return f"shown:\n  {line}\ncame:\n  " + "\n  ".join(came[at:])
        at, may_skip = found + 1, False
    if shown and at < len(came) and not may_skip:
        return "came, and is not shown:\n  " + "\n  ".join(came[at:])
    return None


def _plain(line: str) -> str:
    return " ".join(line.split())


@dataclass
class Session:
    """A reader's shell: what a command exports, and where it goes, holds for the next one.

    Attributes:
        varying: Pattern of words that differ with every run.
    """

    home: Path
    environment: Mapping[str, str]
    varying: re.Pattern[str] = re.compile(r"(?!)")
    met: dict[str, str] = field(default_factory=dict)
    _background: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def follow(self, page: str) -> list[Came]:
        """Run every command of a page.

        Raises:
            AssertionError: A command failed, or printed something else.
        """
        return [self.take(step) for step in steps_of(page)]

    def take(self, step: Step) -> Came:
        """Run one command and compare what it prints."""
        command = self._as_met(step.command)
        if step.in_background:
            self._start(command.removesuffix(" &"))
            return Came(0, "")
        came = self.ask(command)
        assert came.exit_code == 0, f"$ {command}\nended with {came.exit_code}:\n{came.output}"
        self._meet(step.shown, came.output)
        wrong = difference(tuple(map(self._as_met, step.shown)), came.output)
        assert wrong is None, f"$ {command}\n{wrong}"
        return came

    def ask(self, command: str) -> Came:
        """Run a command in this shell; errors and output are one text, as on a screen."""
        done = subprocess.run(
            ["bash", "-c", self._script(command)],
            cwd=self.home,
            env=dict(self.environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Came(done.returncode, done.stdout)

    def close(self) -> None:
        """End what was started in the background."""
        for process in self._background:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()

    def _start(self, command: str) -> None:
        log = (self.home / "background.log").open("ab")
        with log:
            self._background.append(
                subprocess.Popen(
                    ["bash", "-c", self._script(command)],
                    cwd=self.home,
                    env=dict(self.environment),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )

    def _script(self, command: str) -> str:
        """A command between taking up the shell's state and putting it down."""
        state = self.home / f".{_STATE}"
        return (
            f"set -a; [ -f {state} ] && . {state}\n{command}\n"
            f"_code=$?; {{ export -p; echo cd \"'$PWD'\"; }} > {state}; exit $_code"
        )

    def _meet(self, shown: tuple[str, ...], output: str) -> None:
        """Pair the varying words that a page shows first with those that came first."""
        theirs = dict.fromkeys(self.varying.findall("\n".join(shown)))
        for old, new in zip(theirs, dict.fromkeys(self.varying.findall(output)), strict=False):
            self.met.setdefault(old, new)

    def _as_met(self, text: str) -> str:
        return self.varying.sub(lambda word: self.met.get(word[0], word[0]), text)
