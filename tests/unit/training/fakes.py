"""Teachers that answer from a script, or for money."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from stratos.contracts.messages import Message
from training.models.chat import ModelReply
from training.teachers.teacher import Completion, ModelUsage, OnAnswer, Request, Teacher


def ask(content: str, **settings: Any) -> Request:
    """A user's question, of at most 16 tokens unless told otherwise."""
    return Request((Message(role="user", content=content),), **{"max_new_tokens": 16} | settings)


def answer_all(
    teacher: Teacher, requests: Sequence[Request], stop: Callable[[], bool] = lambda: False
) -> list[Completion | None]:
    return teacher.generate(requests, stop=stop, on_answer=lambda *_: None)


class ScriptedTeacher:
    """Answers each request by a function of it, one token a word, and remembers what it was asked.

    A reply of None is cut off at the token limit; one with calls is a `ModelReply`.
    """

    name = "scripted"

    def __init__(self, reply: Callable[[Request], str | ModelReply | None]) -> None:
        self._reply = reply
        self.usage = ModelUsage()
        self.asked: list[Request] = []

    def generate(
        self,
        requests: Sequence[Request],
        *,
        stop: Callable[[], bool],
        on_answer: OnAnswer,
    ) -> list[Completion | None]:
        answered: list[Completion | None] = []
        for request in requests:
            if stop():
                answered.append(None)
                continue
            self.asked.append(request)
            reply = self._reply(request)
            said = reply if isinstance(reply, ModelReply) else ModelReply(reply or "")
            completion = Completion(
                said.text,
                reply is not None,
                5,
                len(said.text.split()) + len(said.tool_calls),
                tool_calls=said.tool_calls,
            )
            answered.append(completion)
            self.usage.add(completion)
            on_answer(len(answered) - 1, completion)
        return answered


class PaidTeacher(ScriptedTeacher):
    """Answers at one price a call."""

    usd = 0.25

    def __init__(self) -> None:
        super().__init__(lambda _: "paid for")

    def generate(
        self, requests: Sequence[Request], *, stop: Callable[[], bool], on_answer: OnAnswer
    ) -> list[Completion | None]:
        def priced(index: int, completion: Completion) -> None:
            paid = replace(completion, usd=self.usd)
            self.usage.usd += paid.usd
            on_answer(index, paid)

        return super().generate(requests, stop=stop, on_answer=priced)
