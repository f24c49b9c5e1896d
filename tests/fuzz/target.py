"""What a target of fuzzing is, and how the end of an input is judged."""

from __future__ import annotations

import linecache
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol

from stratos.errors import StratosError

ROOT = Path(__file__).parents[2]
_OURS = tuple(f"{ROOT / room}/" for room in ("stratos", "lambdas", "infra", "training", "serving"))
_LONGEST_MESSAGE = 100_000

Verdict = Literal["accepted", "refused", "failed"]


class Target(Protocol):
    """One kind of input that comes from outside."""

    name: str

    @property
    def inputs_per_process(self) -> int | None:
        """After so many, a new process reads the next; None where no input leaves anything behind.

        A failure is then one of the input only if its process has read nothing else before.
        """
        ...

    def parents(self) -> Sequence[Any]:
        """Valid inputs, each of which is accepted."""
        ...

    def mutate(self, parent: Any, chance: random.Random) -> Any:
        """An input that is made of a valid one; the same for the same seed."""
        ...

    def size(self, given: Any) -> int:
        """Bytes of an input."""
        ...

    def run(self, given: Any) -> None:
        """Read an input and go on with it as the product does.

        Raises:
            Exception: What the reading raised; a refusal is one that our code raises in words.
        """
        ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Outcome:
    """What became of one input."""

    verdict: Verdict
    told: str = ""
    """The refusal, or what failed."""


def outcome(target: Target, given: Any) -> Outcome:
    """Run an input and judge how it ended."""
    try:
        target.run(given)
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
        return Outcome("refused" if is_refusal(error) else "failed", told)
    return Outcome("accepted")


def is_refusal(error: Exception) -> bool:
    """Whether our own code says in words what is wrong: not what Python or a library found."""
    if isinstance(error, AssertionError) or not str(error).strip():
        return False
    if len(str(error)) > _LONGEST_MESSAGE:
        return False
    return isinstance(error, StratosError) or _raised_by_us(error.__traceback__)


def _raised_by_us(traceback: TracebackType | None) -> bool:
    if traceback is None:
        return False
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    file = traceback.tb_frame.f_code.co_filename
    line = linecache.getline(file, traceback.tb_lineno).strip()
    return file.startswith(_OURS) and line.startswith("raise")


def seeded(target: str, number: int) -> random.Random:
    """The chance of one input: the same on every machine."""
    return random.Random(f"{target}:{number}")


def input_of(target: Target, parents: Sequence[Any], number: int) -> tuple[int, Any]:
    """The input with a number, and the place of its parent."""
    chance = seeded(target.name, number)
    place = chance.randrange(len(parents))
    return place, target.mutate(parents[place], chance)
