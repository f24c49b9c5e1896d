"""A teacher that is never asked the same thing twice, even by a job that was killed in between."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path

from stratos.contracts.messages import ToolCall, openai_message, openai_tool, openai_tool_choice
from stratos.errors import BudgetExhausted
from training.teachers.teacher import Completion, ModelUsage, OnAnswer, Request, Teacher

_log = logging.getLogger(__name__)


class CachedTeacher:
    """Answers from a file where it can, and writes every new answer there as it comes.

    Entries are addressed by the content of the request. The file lies in the checkpoint folder,
    which SageMaker synchronises with S3 and gives to the next attempt of the job.
    """

    def __init__(self, teacher: Teacher, path: Path, spent_usd: float = 0.0) -> None:
        """Open the file; a last line that a kill cut short is dropped.

        Args:
            spent_usd: What earlier attempts of the job paid, which its budget no longer holds. It
                stays the same when an interrupted job goes on.
        """
        self._teacher, self._path, self._spent_usd = teacher, path, spent_usd
        self._writing = threading.Lock()
        self._known: dict[str, Completion] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
        if lines and not lines[-1].endswith("\n"):
            path.write_text("".join(lines[:-1]), encoding="utf-8")
            lines.pop()
        for line in lines:
            entry = json.loads(line)
            key, spent_before = entry.pop("key"), entry.pop("spent_usd", 0.0)
            calls = [ToolCall.model_validate(call) for call in entry.pop("tool_calls", ())]
            completion = Completion(**entry, tool_calls=tuple(calls))
            self._known[key] = completion
            # The tokens belong to this job, and so do the dollars that are not in `spent_usd` yet.
            counted = spent_before < spent_usd
            teacher.usage.add(replace(completion, usd=0.0) if counted else completion, timed=False)

    @property
    def name(self) -> str:
        return self._teacher.name

    @property
    def usage(self) -> ModelUsage:
        return self._teacher.usage

    def generate(
        self, requests: Sequence[Request], *, stop: Callable[[], bool], on_answer: OnAnswer
    ) -> list[Completion | None]:
        keys = [self._key(request) for request in requests]
        positions: dict[str, list[int]] = {}
        for index, key in enumerate(keys):
            if key in self._known:
                on_answer(index, self._known[key])
            else:
                positions.setdefault(key, []).append(index)
        asked = list(positions)

        def remember(position: int, completion: Completion) -> None:
            key = asked[position]
            with self._writing:
                self._known[key] = completion
                entry = {"key": key, "spent_usd": self._spent_usd, **_kept(completion)}
                with self._path.open("a", encoding="utf-8") as out:
                    out.write(json.dumps(entry) + "\n")
            for index in positions[key]:
                on_answer(index, completion)

        first = [requests[positions[key][0]] for key in asked]
        try:
            if first:
                self._teacher.generate(first, stop=stop, on_answer=remember)
        except BudgetExhausted as error:
            if not any(key in self._known for key in keys):
                raise
            _log.warning("%d of %d requests stay unanswered: %s", len(first), len(keys), error)
        return [self._known.get(key) for key in keys]

    def _key(self, request: Request) -> str:
        content: dict[str, object] = {
            "teacher": self.name,
            "messages": [openai_message(message) for message in request.messages],
            "max_new_tokens": request.max_new_tokens,
            "temperature": request.temperature,
            "sample": request.sample,
        }
        if request.tools:
            content["tools"] = [openai_tool(tool) for tool in request.tools]
        if request.tool_choice is not None:
            content["tool_choice"] = openai_tool_choice(request.tool_choice)
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _kept(completion: Completion) -> dict[str, object]:
    """A completion as a line of the file; calls only where there are some."""
    entry = {field.name: getattr(completion, field.name) for field in fields(completion)}
    calls = entry.pop("tool_calls")
    if calls:
        entry["tool_calls"] = [call.model_dump(exclude_none=True) for call in calls]
    return entry
