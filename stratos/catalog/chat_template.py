"""Whether a model's chat template takes the conversations of a dataset."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache

from stratos.catalog.files import Files

CPU_SECONDS = 10
"""That rendering may compute."""
_WALL_SECONDS = 120
"""Beyond what the process may compute: machines are busy."""
_TOKENS = ("bos_token", "eos_token", "pad_token", "unk_token")
Conversation = Sequence[tuple[str, str]]
"""Role and content of each message."""


def require_template(files: Files, folder: str, conversations: Sequence[Conversation]) -> None:
    """Refuse a model folder without a chat template, or with one that refuses a conversation.

    Raises:
        ValueError: naming the roles that are refused, and what to do.
    """
    template, tokens = find_template(files, folder)
    asked = {
        "template": template,
        "tokens": tokens,
        "conversations": [
            [{"role": role, "content": content} for role, content in conversation]
            for conversation in conversations
        ],
    }
    reasons = _render(folder, json.dumps(asked))
    for conversation, reason in zip(conversations, reasons, strict=True):
        if reason is None:
            continue
        roles = ", ".join(role for role, _ in conversation)
        raise ValueError(
            f"the chat template of {folder} does not take the roles {roles}, which the dataset "
            f"has: {reason}. Put those messages into the user's, or use a model whose template "
            "takes them"
        )


def find_template(files: Files, folder: str) -> tuple[str, dict[str, str]]:
    """The template that Transformers would use, and the special tokens that it may name.

    Raises:
        ValueError: there is none.
    """
    names = set(files.names(folder))
    config = _json(files, folder, "tokenizer_config.json", names)
    tokens = {key: text for key in _TOKENS if (text := _text(config.get(key))) is not None}
    if "chat_template.jinja" in names:
        template = files.read(f"{folder}/chat_template.jinja").decode("utf-8", "replace")
        return template, tokens
    for told in (_json(files, folder, "chat_template.json", names), config):
        found = told.get("chat_template")
        if isinstance(found, list):
            named = {one.get("name"): one.get("template") for one in found}
            found = named.get("default")
        if isinstance(found, str) and found:
            return found, tokens
    raise ValueError(
        f"{folder} has no chat template, neither chat_template.jinja nor one in "
        "tokenizer_config.json; add it, or use an instruction-tuned model"
    )


def _json(files: Files, folder: str, name: str, names: set[str]) -> Mapping[str, object]:
    if name not in names:
        return {}
    try:
        content = json.loads(files.read(f"{folder}/{name}"))
    except ValueError as error:
        raise ValueError(f"{folder}/{name} is not JSON; save the tokenizer again") from error
    return content if isinstance(content, dict) else {}


def _text(token: object) -> str | None:
    """A token as tokenizer_config.json writes it: a text, or an object with one."""
    content = token.get("content") if isinstance(token, dict) else token
    return content if isinstance(content, str) else None


@lru_cache(maxsize=64)
def _render(folder: str, asked: str) -> list[str | None]:
    command = [sys.executable, "-m", "stratos.catalog.rendering", str(CPU_SECONDS)]
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(
            command,
            input=asked,
            env=environ,
            capture_output=True,
            text=True,
            timeout=_WALL_SECONDS,
            check=True,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise ValueError(
            f"the chat template of {folder} was stopped: it did not end within seconds, or took "
            "too much memory. Use the template that the model was published with"
        ) from error
    reasons: list[str | None] = json.loads(done.stdout)
    return reasons
