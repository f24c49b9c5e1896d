"""A user's file of questions, as the requests of a batch."""

from __future__ import annotations

import codecs
import json
from pathlib import Path
from typing import Any

from stratos.contracts.records import ROLES
from stratos.errors import BatchRejected
from stratos.hosting.chat_request import chat_request
from stratos.units import MIB

_SHOWN = 10
"""Problems that are listed; the others are counted."""


def read_questions(path: Path, model_name: str, max_tokens: int, max_mib: int) -> list[str]:
    """The requests of a file, one a line, in its order.

    A `.jsonl` file holds JSON objects: a chat (`messages`) or one plain question (`inputs` or
    `prompt`). In any other file, each line is a question. Length of the answer and temperature, if
    a request omits them, are those with which the model was measured.

    Args:
        max_tokens: Longest answer, if a line does not say.
        max_mib: Of one request.

    Raises:
        BatchRejected: with every line that cannot be asked.
    """
    try:
        content = path.read_bytes().removeprefix(codecs.BOM_UTF8)
        # As bytes: text may contain line separators that do not end a line of the file.
        lines = [line.decode() for line in content.splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise BatchRejected(f"{path} cannot be read: {error}; give a text file in UTF-8") from None
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise BatchRejected(f"{path} holds no question; put one on each line")
    as_json = path.suffix in (".jsonl", ".json")
    requests, problems = [], []
    for number, line in enumerate(lines, 1):
        try:
            asked = _of_json(line) if as_json else _of_text(line)
        except ValueError as error:
            problems.append(f"line {number}: {error}")
            continue
        given = chat_request((), model_name, max_tokens) | asked
        request = json.dumps(given | {"model": model_name})  # the only one the server has
        if len(request) > max_mib * MIB:  # its characters are of one byte each
            problems.append(f"line {number}: it is over {max_mib} MB, the limit of one request")
        requests.append(request)
    if problems:
        more = f"; {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise BatchRejected(
            f"{path}: {len(problems)} of {len(lines)} lines cannot be asked, and nothing was "
            f"started. {'; '.join(problems[:_SHOWN])}{more}"
        )
    return requests


def _of_text(line: str) -> dict[str, Any]:
    if not line.strip():
        raise ValueError("it is empty; put a question on each line")
    return {"messages": [{"role": "user", "content": line}]}


def _of_json(line: str) -> dict[str, Any]:
    """The request's own fields.

    Raises:
        ValueError: why it is not a request.
    """
    try:
        given = json.loads(line)
    except ValueError as error:
        raise ValueError(f"it is not JSON ({error})") from None
    if not isinstance(given, dict):
        raise ValueError("it is not a JSON object; give one with `messages`")
    if given.get("stream"):
        raise ValueError("`stream` has no meaning in a batch; leave it out")
    if "messages" in given:
        _check_messages(given["messages"])
        return given
    question = given.get("inputs", given.get("prompt"))
    if not isinstance(question, str) or not question.strip():
        raise ValueError("it has neither `messages` nor one question as `inputs` or `prompt`")
    if unknown := sorted(set(given) - {"inputs", "prompt"}):
        raise ValueError(f"{', '.join(unknown)} beside a plain question; use `messages` for that")
    return _of_text(question)


def _check_messages(messages: object) -> None:
    if not isinstance(messages, list) or not messages:
        raise ValueError("`messages` must be a list with at least one message")
    for message in messages:
        if not isinstance(message, dict) or not isinstance(message.get("content"), str):
            raise ValueError("a message needs `role` and `content`, both text")
        if message.get("role") not in ROLES:
            raise ValueError(
                f"role {message.get('role')!r} of a message is not one of {', '.join(ROLES)}"
            )
