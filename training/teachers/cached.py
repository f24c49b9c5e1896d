"""A teacher that is never asked the same thing twice, even by a job that was killed in between."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from training.teachers import Completion, OnAnswer, Request, Teacher, Usage


class CachedTeacher:
    """Answers from a file where it can, and writes every new answer there as it comes.

    Entries are addressed by the content of the request. The file lies in the checkpoint folder,
    which SageMaker synchronises with S3 and gives to the next attempt of the job.
    """

    def __init__(self, teacher: Teacher, path: Path) -> None:
        """Open the file; a last line that a kill cut short is dropped."""
        self._teacher, self._path = teacher, path
        self._writing = threading.Lock()
        self._known: dict[str, Completion] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
        if lines and not lines[-1].endswith("\n"):
            path.write_text("".join(lines[:-1]), encoding="utf-8")
            lines.pop()
        for line in lines:
            entry = json.loads(line)
            key = entry.pop("key")
            self._known[key] = Completion(**entry)
        # What an earlier attempt of this job spent belongs to the job.
        for completion in self._known.values():
            teacher.usage.add(completion, timed=False)

    @property
    def name(self) -> str:
        return self._teacher.name

    @property
    def usage(self) -> Usage:
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
                with self._path.open("a", encoding="utf-8") as out:
                    out.write(json.dumps({"key": key, **asdict(completion)}) + "\n")
            for index in positions[key]:
                on_answer(index, completion)

        first = [requests[positions[key][0]] for key in asked]
        if first:
            self._teacher.generate(first, stop=stop, on_answer=remember)
        return [self._known.get(key) for key in keys]

    def _key(self, request: Request) -> str:
        content = {
            "teacher": self.name,
            "messages": [message.model_dump() for message in request.messages],
            "max_new_tokens": request.max_new_tokens,
            "temperature": request.temperature,
            "sample": request.sample,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
