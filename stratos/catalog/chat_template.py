"""Whether a model's chat template takes the conversations of a dataset."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache

from pydantic import JsonValue

from stratos.catalog.files import Files, as_saved, read_json, read_text
from stratos.catalog.gguf_header import is_gguf
from stratos.errors import StratosError
from stratos.frozen import FrozenModel
from stratos.spec.folder import template_beside

CPU_SECONDS = 2
"""That rendering may compute; real templates take milliseconds."""
OUT_OF_RESOURCES = 3
"""Exit status of a rendering that needed more than a template may have."""
WALL_SECONDS = 240
"""For those few seconds of computing, on a machine that does much else. A template cannot sleep, so
that this says nothing of the template."""
_INHERITED = ("PATH", "LD_LIBRARY_PATH", "LANG")
"""Of the environment, which holds the credentials of a function; Python lies outside the usual
places there."""
_TOKENS = ("bos_token", "eos_token", "pad_token", "unk_token")
Json = dict[str, JsonValue]


class Conversation(FrozenModel):
    """What a template is given, in the schema that all templates read.

    Attributes:
        reply: An assistant's message with calls, which the template must be able to write.
    """

    messages: tuple[Json, ...]
    tools: tuple[Json, ...] = ()
    reply: Json | None = None

    @property
    def roles(self) -> tuple[str, ...]:
        return tuple(str(message["role"]) for message in self.messages)

    @property
    def has_calls(self) -> bool:
        """Whether tools or calls are in it."""
        return bool(
            self.tools or self.reply or any("tool_calls" in message for message in self.messages)
        )


def spoken(*turns: tuple[str, str]) -> Conversation:
    """A conversation of words alone: role and content of each message."""
    return Conversation(
        messages=tuple({"role": role, "content": content} for role, content in turns)
    )


QUESTION = spoken(("user", "What is 2 + 2?"))


class Rendering(FrozenModel):
    """What is to be rendered."""

    template: str
    tokens: dict[str, str]
    """Special tokens by their names, such as `bos_token`."""
    conversations: tuple[Conversation, ...]


class Rendered(FrozenModel):
    """What a template makes of a conversation."""

    text: str | None
    """The prompt; None where there is none."""
    refusal: str | None
    """Why it cannot be used; None where it can."""


def require_template(files: Files, folder: str, conversations: Sequence[Conversation] = ()) -> None:
    """Refuse a model folder without a chat template, or with one that refuses a conversation.

    Args:
        conversations: Tried beside a plain question, which every template must take.

    Raises:
        ValueError: naming the roles that are refused, and what to do.
    """
    tried = [QUESTION, *conversations]
    for conversation, one in zip(tried, render_template(files, folder, tried), strict=True):
        if one.refusal is None:
            continue
        if conversation.has_calls:
            raise ValueError(_without_tools(folder, one.refusal, _is_gguf(files, folder)))
        if conversation.roles == ("user",):
            raise ValueError(
                f"the chat template of {folder} renders no question: {one.refusal}. Use the "
                "template that the model was published with"
            )
        roles = ", ".join(conversation.roles)
        raise ValueError(
            f"the chat template of {folder} does not take the roles {roles}, which the dataset "
            f"has: {one.refusal}. Write what comes before the last question into it, or "
            "use a model whose template takes these roles"
        )


def render_template(
    files: Files, folder: str, conversations: Sequence[Conversation]
) -> list[Rendered]:
    """Each conversation as the chat template of a model folder renders it.

    Raises:
        ValueError: there is no template, or it does not come to an end.
    """
    template, tokens = find_template(files, folder)
    asked = Rendering(template=template, tokens=tokens, conversations=tuple(conversations))
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
        template = read_text(files, f"{folder}/chat_template.jinja").decode("utf-8", "replace")
        return template, tokens
    for told in (_json(files, folder, "chat_template.json", names), config):
        found = told.get("chat_template")
        if isinstance(found, list):
            with as_saved(folder):
                named = {one["name"]: one["template"] for one in found}
            found = named.get("default")
        if isinstance(found, str) and found:
            return found, tokens
    if _is_gguf(files, folder):
        raise ValueError(
            f"{folder} is a GGUF without a chat template; put the model's own beside it, as "
            f"{template_beside(folder)}, or take a file of an instruction-tuned model"
        )
    raise ValueError(
        f"{folder} has no chat template, neither chat_template.jinja nor one in "
        "tokenizer_config.json; add it, or use an instruction-tuned model"
    )


def _without_tools(folder: str, refusal: str, is_gguf: bool) -> str:
    place = template_beside(folder) if is_gguf else f"{folder}/chat_template.jinja"
    return (
        f"the chat template of {folder} cannot be used with the tools and calls of the dataset: "
        f"{refusal}. Give a template that knows tools as {place}, or use a model that was made "
        "for them"
    )


def _is_gguf(files: Files, path: str) -> bool:
    try:
        return is_gguf(files.read_range(path, 0, 4))
    except (FileNotFoundError, IsADirectoryError):
        return False


def _json(files: Files, folder: str, name: str, names: set[str]) -> Mapping[str, object]:
    if name not in names:
        return {}
    content = read_json(files, f"{folder}/{name}")
    return content if isinstance(content, dict) else {}


def _text(token: object) -> str | None:
    """A token as tokenizer_config.json writes it: a text, or an object with one."""
    content = token.get("content") if isinstance(token, dict) else token
    return content if isinstance(content, str) else None


@lru_cache(maxsize=64)
def _render(folder: str, asked: str) -> list[dict[str, str | None]]:
    command = [sys.executable, "-m", "stratos.catalog.rendering", str(CPU_SECONDS)]
    environ = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    try:
        done = subprocess.run(
            command, input=asked.encode(), env=environ, capture_output=True, timeout=WALL_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        reason = f"did not end within {WALL_SECONDS} s, of which it may compute {CPU_SECONDS}"
        raise StratosError(
            f"the chat template of {folder} was not tried: the process that renders it {reason}. "
            "This machine is too busy; try again later"
        ) from error
    if done.returncode != 0:
        raise _failure(folder, done.returncode, done.stderr.decode("utf-8", "replace").strip())
    rendered: list[dict[str, str | None]] = json.loads(done.stdout)
    return rendered


def _failure(folder: str, returncode: int, errors: str) -> Exception:
    """What the end of the process says: of the template, or of this machine."""
    if returncode == -signal.SIGXCPU:
        return ValueError(_stopped(folder, f"it computed for more than {CPU_SECONDS} s"))
    if returncode == -signal.SIGKILL:
        return ValueError(_stopped(folder, "the system had no memory left for it"))
    if returncode == OUT_OF_RESOURCES:
        return ValueError(_stopped(folder, errors))
    last = errors.rpartition("\n")[2] or f"exit status {returncode}"
    return StratosError(
        f"the chat template of {folder} was not tried: the process that renders it failed on this "
        f"machine ({last}). Install Stratos again, with what it needs: `pip install stratos[cli]`"
    )


def _stopped(folder: str, reason: str) -> str:
    return (
        f"the chat template of {folder} was stopped: {reason}. Use the template that the model was "
        "published with"
    )
