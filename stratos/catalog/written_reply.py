"""What a chat template writes in the place where a model is to write its reply."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Render = Callable[[Sequence[dict[str, Any]], Sequence[dict[str, Any]], bool], str]
"""Messages, tools, and whether a reply is to follow → the text. Raises what a template raises."""
_PROBE = "Stratos"
_QUESTION = {"role": "user", "content": "?"}


@dataclass(frozen=True)
class ReplyFrame:
    """What stands around a reply of the assistant.

    Attributes:
        head: Between the messages before and the reply.
        tail: Behind the reply.
    """

    head: str
    tail: str

    @classmethod
    def of(cls, render: Render) -> ReplyFrame:
        """Found out with a short reply.

        Raises:
            ValueError: the template does not render it.
        """
        base = render([_QUESTION], [], False)
        whole = render([_QUESTION, {"role": "assistant", "content": _PROBE}], [], False)
        before, found, tail = whole.rpartition(_PROBE)
        if not found:
            raise ValueError("it leaves out what the assistant says")
        head = before.removeprefix(base) if before.startswith(base) else ""
        return cls(head, tail)

    def written(
        self,
        render: Render,
        messages: Sequence[dict[str, Any]],
        tools: Sequence[dict[str, Any]],
        reply: dict[str, Any],
    ) -> str:
        """The reply as the template writes it, without the end of the turn.

        Raises:
            ValueError: the template writes what comes before a reply otherwise once that is there,
                or ends it otherwise, so that no prompt leads to it.
        """
        prompt = render(messages, tools, True)
        whole = render([*messages, reply], tools, False)
        if not whole.startswith(prompt):
            # A prompt may end with what switches thinking off, which no past turn shows.
            start = render(messages, tools, False) + self.head
            if not (whole.startswith(start) and prompt.startswith(start)):
                raise ValueError(
                    "it renders the messages before a reply otherwise once the reply is there"
                )
            prompt = start
        text = whole.removeprefix(prompt)
        if not text.endswith(self.tail):
            raise ValueError(
                f"it ends a turn with calls by {text[-40:]!r}, and any other by {self.tail!r}"
            )
        return text.removesuffix(self.tail)
