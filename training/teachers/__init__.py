"""One interface to every model that answers questions, wherever it runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from stratos.records import Message


@dataclass(frozen=True)
class Request:
    """One question to a model.

    Attributes:
        temperature: 0 is greedy.
        sample: Tells repeated requests apart, so that each draws its own completion.
    """

    messages: tuple[Message, ...]
    max_new_tokens: int
    temperature: float = 0.0
    sample: int = 0


@dataclass(frozen=True)
class Completion:
    """What a model answered.

    Attributes:
        finished: False when it was cut off at `max_new_tokens`.
    """

    text: str
    finished: bool
    prompt_tokens: int
    completion_tokens: int


@dataclass
class Usage:
    """What a model's calls have come to so far."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: float = 0.0
    seconds: float = 0.0

    @property
    def tokens_per_second(self) -> float:
        """Completion tokens by the seconds spent waiting for them."""
        return self.completion_tokens / self.seconds if self.seconds else 0.0


class Teacher(Protocol):
    """Answers requests and counts what that costs."""

    @property
    def name(self) -> str: ...

    @property
    def usage(self) -> Usage: ...

    def generate(
        self,
        requests: Sequence[Request],
        *,
        stop: Callable[[], bool],
        on_done: Callable[[int], None],
    ) -> list[Completion | None]:
        """Answer requests in their order; None where `stop` came first.

        Args:
            stop: Asked now and then; once true, nothing more is asked.
            on_done: Told how many of the requests are answered.

        Raises:
            TeacherFailed: when it cannot be asked at all.
        """
        ...
