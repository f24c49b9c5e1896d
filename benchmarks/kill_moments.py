"""The moments of a run at which its embedded cloud is killed: lines of the cloud's journal."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

SEED, NUM_KILLS = 20_261_130, 20
WITNESS = "kills-witness"
"""A table, and the beginning of keys in the bucket, whose lines are no moments."""

Entry = dict[str, Any]


class JournalTail:
    """Lines of a cloud's journal from now on, whatever file they are in."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._files: dict[int, BinaryIO] = {}
        self._cut: dict[int, bytes] = {}
        self.new()

    def new(self) -> list[Entry]:
        """Those that came since the last look. A file that was deleted is read to its end."""
        for path in self._directory.glob("journal-*.jsonl"):
            number = int(path.stem.partition("-")[2])
            if number not in self._files:
                with suppress(FileNotFoundError):
                    self._files[number] = path.open("rb")
        return [entry for number in sorted(self._files) for entry in self._read(number)]

    def close(self) -> None:
        for file in self._files.values():
            file.close()

    def _read(self, number: int) -> Iterator[Entry]:
        *lines, last = (self._cut.get(number, b"") + self._files[number].read()).split(b"\n")
        for line in filter(None, lines):
            with suppress(ValueError):
                yield json.loads(line)
        # The end of a line comes with the next: it may be whole, or still be written.
        try:
            entry = json.loads(last)
        except ValueError:
            self._cut[number] = last
        else:
            self._cut[number] = b""
            yield entry


def told(entry: Entry, name: str) -> str:
    """What a line is, the same for every run; empty for what the witness wrote.

    Args:
        name: The spec's.
    """
    if "object" in entry:
        key = entry["object"]["key"]
        return "" if key.startswith(WITNESS) else f"object {_general(key, name)}"
    if "item" in entry:
        item = entry["item"]
        if item["table"] == WITNESS:
            return ""
        fields = item["item"] or {}
        words = [next(iter(fields[f].values())) for f in ("status", "state") if f in fields]
        keys = [_general(str(next(iter(value.values()))), name) for value in item["key"].values()]
        return " ".join(map(str, ["row", *keys, *words]))
    if "errand" in entry:
        return f"{entry['errand']['kind']} taken on"
    if "execution" in entry:
        return "execution started" if "aborted" in entry["execution"] else "execution ended"
    return "errand done"


def _general(text: str, name: str) -> str:
    """Without what is another one in each run."""
    return re.sub(r"[0-9a-f]{8,}|\d+", "N", re.sub(rf"{name}(-[0-9a-f]+)?", "RUN", text))


@dataclass(frozen=True)
class Moment:
    """The first line of a kind, and so many lines after it."""

    line: str
    then: int


def moments(lines: Sequence[str]) -> list[Moment]:
    """As the seed has it, in no order.

    Args:
        lines: Those of a run that nothing disturbed, from its spec on.
    """
    kinds = list(dict.fromkeys(lines))
    chosen = random.Random(SEED)
    places = [*range(len(kinds))] * (NUM_KILLS // len(kinds) + 1)
    return [
        Moment(kinds[at], chosen.choice((0, 0, 1, 3))) for at in chosen.sample(places, NUM_KILLS)
    ]
