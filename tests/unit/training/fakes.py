"""A teacher that answers from a script."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from training.teachers import Completion, Request, Usage


class ScriptedTeacher:
    """Answers each request by a function of it, one token a word, and remembers what it was asked.

    A reply of None is cut off at the token limit.
    """

    name = "scripted"

    def __init__(self, reply: Callable[[Request], str | None]) -> None:
        self._reply = reply
        self.usage = Usage()
        self.asked: list[Request] = []

    def generate(
        self,
        requests: Sequence[Request],
        *,
        stop: Callable[[], bool],
        on_done: Callable[[int], None],
    ) -> list[Completion | None]:
        answered: list[Completion | None] = []
        for request in requests:
            if stop():
                answered.append(None)
                continue
            self.asked.append(request)
            reply = self._reply(request)
            text = reply or ""
            answered.append(Completion(text, reply is not None, 5, len(text.split())))
            on_done(len(self.asked))
        self.usage.calls += len(answered)
        return answered
