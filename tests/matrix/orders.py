"""What is to strike a run at which state: told by the matrix, done in the cloud's own process.

The two are processes of their own, and one of them may be killed: what they tell each other lies
in files of the cloud's state directory.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

WORKER = "worker/"
"""Before the name of a state of a worker region's machine: home's may have one of that name."""


@dataclass(frozen=True)
class Order:
    """What strikes a state the first time that a run is at it."""

    act: Literal["fail", "find", "outlast", "hold"]
    """`fail` what the state does, let it `find` other data, put the execution past its time limit,
    or hold the execution there until it is released."""
    error: str = ""
    """Of what fails, as Step Functions names it."""
    cause: str = ""
    after: bool = False
    """Whether it fails once what the state does has been done."""
    alone: bool = False
    """Whether no other state of these orders is struck after it."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """Path, as `$.quality.passed` → what is found there, which may be `copied`, or hold such."""


BROKEN = Order("fail", "KeyError", '{"errorType": "KeyError", "errorMessage": "\'plan\'"}')
"""A fault of ours."""


def copied(path: str, ending: str = "", now: str = "") -> dict[str, str]:
    """What stands at another path when the order is carried out.

    Args:
        ending: Of texts there, in whose place another comes.
        now: That other.
    """
    return {"copied_from": path, "ending": ending, "now": now}


class Orders:
    """The orders for one run at a time, and what came of them."""

    def __init__(self, folder: Path) -> None:
        self._orders = folder / "orders.json"
        self._struck = folder / "struck.jsonl"
        self._released = folder / "released.jsonl"
        self._scenario = folder / "scenario.json"
        self._lock = threading.Lock()

    def give(
        self,
        orders: Mapping[str, Order],
        scenario: str = "",
        steps: Sequence[str] = (),
        *,
        keeps: bool = True,
    ) -> None:
        """State → what strikes it; in place of all that was given before.

        Args:
            scenario: Whose jobs may be kept, and brought again; none where it is empty.
            steps: Beginnings of jobs' labels that are not brought.
            keeps: Whether what jobs make is kept: not if their inputs are changed.
        """
        self._struck.unlink(missing_ok=True)
        self._released.unlink(missing_ok=True)
        _write(self._scenario, [scenario, keeps, *steps])
        _write(self._orders, {state: asdict(order) for state, order in orders.items()})

    def take(self, state: str, acts: tuple[str, ...], execution_arn: str) -> Order | None:
        """The order for a state that an execution is at, once; None where none has these acts."""
        with self._lock:
            given = self._given()
            order = Order(**given[state]) if state in given else None
            if order is None or order.act not in acts:
                return None
            struck = self.struck()
            if state in struck or any(Order(**given[one]).alone for one in struck):
                return None
            with self._struck.open("a") as file:
                file.write(json.dumps([state, execution_arn]) + "\n")
            return order

    def struck(self) -> dict[str, str]:
        """State that was struck → the ARN of the execution that was at it; in order."""
        return dict(_lines(self._struck))

    def scenario(self) -> tuple[str, bool, tuple[str, ...]]:
        """The name, whether jobs are kept, and the steps that were given."""
        try:
            name, keeps, *steps = json.loads(self._scenario.read_text())
        except FileNotFoundError:
            return "", False, ()
        return name, keeps, tuple(steps)

    def release(self, state: str) -> None:
        """Let a run that is held at a state go on."""
        with self._released.open("a") as file:
            file.write(json.dumps(state) + "\n")

    def released(self, state: str) -> bool:
        """Whether a run may go on from a state; so it may where the orders are others by now."""
        return state in _lines(self._released) or state not in self.struck()

    def _given(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self._orders.read_text())
        except FileNotFoundError:
            return {}
        return found


def _write(path: Path, content: Any) -> None:
    """At once, for whoever reads meanwhile."""
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(content))
    draft.replace(path)


def _lines(path: Path) -> list[Any]:
    try:
        return [json.loads(line) for line in path.read_text().splitlines()]
    except FileNotFoundError:
        return []
