"""One interface to every model that answers questions, wherever it runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from stratos.contracts.messages import (
    Message,
    Tool,
    ToolCall,
    ToolChoice,
    offered_tools,
)


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
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None

    @property
    def offered_tools(self) -> tuple[Tool, ...]:
        """Tools that are shown."""
        return offered_tools(self.tools, self.tool_choice)

    @property
    def callable_tools(self) -> tuple[Tool, ...]:
        """Tools whose calls are read in the reply; the others are only shown."""
        return () if self.tool_choice == "none" else self.offered_tools


@dataclass(frozen=True)
class Completion:
    """What a model answered.

    Attributes:
        finished: False when it was cut off at `max_new_tokens`.
        usd: What the call cost; 0 for weights on our own server.
        thinking: What a service writes beside the text; thinking between tags stays in it.
    """

    text: str
    finished: bool
    prompt_tokens: int
    completion_tokens: int
    usd: float = 0.0
    tool_calls: tuple[ToolCall, ...] = ()
    thinking: str = ""

    @property
    def whole(self) -> str:
        """The text after its thinking, between tags: as a model writes it that has no field."""
        return f"<think>\n{self.thinking}\n</think>\n\n{self.text}" if self.thinking else self.text


@dataclass(frozen=True)
class Charge:
    """What one call is taken to have cost."""

    prompt_tokens: int
    completion_tokens: int
    usd: float


@dataclass
class ModelUsage:
    """What a model's calls add up to so far.

    Attributes:
        under_way: Tokens written for calls that are not answered yet, as far as that is known.
        unpaid: Calls that were not made because the money was spent.
    """

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: float = 0.0
    seconds: float = 0.0
    timed_tokens: int = 0
    under_way: int = 0
    unpaid: int = 0

    def add(self, completion: Completion, *, timed: bool = True) -> None:
        """Count one answered call.

        Args:
            timed: False when it was answered before `seconds` began to run.
        """
        self.timed_tokens += completion.completion_tokens if timed else 0
        self.calls += 1
        self.bill(completion)

    def bill(self, cost: Charge | Completion) -> None:
        """Count what was paid, whatever it brought."""
        self.prompt_tokens += cost.prompt_tokens
        self.completion_tokens += cost.completion_tokens
        self.usd += cost.usd

    def plus(self, other: ModelUsage) -> ModelUsage:
        """Return the sum of both."""
        return ModelUsage(
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.usd + other.usd,
            self.seconds + other.seconds,
            self.timed_tokens + other.timed_tokens,
            unpaid=self.unpaid + other.unpaid,
        )

    @property
    def tokens_per_second(self) -> float:
        """Completion tokens by the seconds spent waiting for them."""
        return self.timed_tokens / self.seconds if self.seconds else 0.0


OnAnswer = Callable[[int, Completion], None]
"""Called with a request's index and its completion, as soon as it is there, from any thread."""


class Teacher(Protocol):
    """Answers requests and counts what that costs."""

    @property
    def name(self) -> str: ...

    @property
    def usage(self) -> ModelUsage: ...

    def generate(
        self,
        requests: Sequence[Request],
        *,
        stop: Callable[[], bool],
        on_answer: OnAnswer,
    ) -> list[Completion | None]:
        """Answer requests in their order; None where `stop`, the budget or a refusal came first.

        Args:
            stop: Asked now and then; once true, nothing more is asked.

        Raises:
            TeacherFailed: when it cannot be asked at all.
            BudgetExhausted: when there is no money for even one call.
        """
        ...
