"""Whether a model's chat template takes the conversations of a dataset."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache

from stratos.catalog.files import Files
from stratos.frozen import FrozenModel

CPU_SECONDS = 10
"""That rendering may compute."""
_WALL_SECONDS = 120
"""Beyond what the process may compute: machines are busy."""
_TOKENS = ("bos_token", "eos_token", "pad_token", "unk_token")
Conversation = Sequence[tuple[str, str]]
"""Role and content of each message."""


class Spoken(FrozenModel):
    role: str
    content: str


class Rendering(FrozenModel):
    """What is to be rendered."""

    template: str
    tokens: dict[str, str]
    """Special tokens by their names, such as `bos_token`."""
    conversations: tuple[tuple[Spoken, ...], ...]


class Rendered(FrozenModel):
    """What a template makes of a conversation."""

    text: str | None
    """The prompt; None where there is none."""
    refusal: str | None
    """Why it cannot be used; None where it can."""


def require_template(files: Files, folder: str, conversations: Sequence[Conversation]) -> None:
    """Refuse a model folder without a chat template, or with one that refuses a conversation.

    Raises:
        ValueError: naming the roles that are refused, and what to do.
    """
    for conversation, one in zip(
        conversations, render_template(files, folder, conversations), strict=True
    ):
        if one.refusal is None:
            continue
        roles = ", ".join(role for role, _ in conversation)
        raise ValueError(
            f"the chat template of {folder} does not take the roles {roles}, which the dataset "
            f"has: {one.refusal}. Put those messages into the user's, or use a model whose "
            "template takes them"
        )


def render_template(
    files: Files, folder: str, conversations: Sequence[Conversation]
) -> list[Rendered]:
    """Each conversation as the chat template of a model folder renders it.

    Raises:
        ValueError: there is no template, or it does not come to an end.
    """
    template, tokens = find_template(files, folder)
    asked = Rendering(
        template=template,
        tokens=tokens,
        conversations=tuple(
            tuple(Spoken(role=role, content=content) for role, content in conversation)
            for conversation in conversations
        ),
    )
    return [Rendered.model_validate(one) for one in _render(folder, asked.model_dump_json())]


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
def _render(folder: str, asked: str) -> list[dict[str, str | None]]:
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
    rendered: list[dict[str, str | None]] = json.loads(done.stdout)
    return rendered
