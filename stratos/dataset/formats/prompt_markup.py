"""Prompts that are written in a model's own markup, as the turns that they hold.

InvokeModel of Bedrock takes whole prompts of Llama, Mistral, DeepSeek, and Claude before Messages.
A prompt is read only if all of it is what the provider's published template writes, up to where the
assistant begins to write. White space beside the marks is the template's, which trims texts, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from stratos.contracts.messages import Message, Role

_ROLES: dict[str, Role] = {
    "system": "system",
    "user": "user",
    "assistant": "assistant",
    "ipython": "tool",
    "tool": "tool",
}
_LLAMA_3 = ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
_LLAMA_4 = ("<|header_start|>", "<|header_end|>", "<|eot|>")
_CHATML = ("<|im_start|>", "\n", "<|im_end|>")
"""Before a role, behind it, and behind what it says."""
_BEGIN = "<|begin_of_text|>"
_USER, _ASSISTANT = "<｜User｜>", "<｜Assistant｜>"
_DEEPSEEK_BEGIN, _DEEPSEEK_END = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"
_THINKS = "<think>"
_HUMAN = re.compile(r"(?:\A\s*|\n\n)(Human|Assistant):")
_INST = re.compile(r"(\[/?INST\])")
_SYSTEM = re.compile(r"\s*<<SYS>>(.*?)<</SYS>>(.*)", re.DOTALL)
_MARKS = (
    _LLAMA_3[0], _LLAMA_4[0], _CHATML[0], _USER, "[INST]", "\n\nHuman:", "\n\nAssistant:"
)  # fmt: skip

Turns = Sequence[tuple[Role, str]]


def has_markup(prompt: str) -> bool:
    """Whether any of the known marks is in a prompt."""
    if "<" not in prompt and "[" not in prompt and "\n\n" not in prompt:
        return prompt.startswith("Human:")  # each other mark begins with one of these
    return any(mark in prompt for mark in _MARKS) or prompt.startswith("Human:")


def turns_in(prompt: str) -> tuple[Message, ...] | None:
    """The turns of a prompt; None if it is not all in one known markup, or asks nothing."""
    for mark, read in _READERS.items():
        if mark in prompt:
            turns = read(prompt)
            return None if turns is None else _sound(turns)
    return None


def _sound(turns: Turns) -> tuple[Message, ...] | None:
    """The messages, if a user's or a tool's is the last and none but a system's is empty."""
    said = tuple(Message(role=role, content=text.strip()) for role, text in turns)
    said = tuple(one for one in said if one.content or one.role != "system")
    asked = bool(said) and said[-1].role in ("user", "tool") and any(_is_user(one) for one in said)
    if not asked or not all(one.content for one in said):
        return None
    return None if any(has_markup(one.content) for one in said) else said


def _is_user(message: Message) -> bool:
    return message.role == "user"


def _headed(marks: tuple[str, str, str]) -> Callable[[str], Turns | None]:
    """Llama 3 and 4, and ChatML: each message behind a header, the last header without one."""
    opens, names, closes = marks

    def read(prompt: str) -> Turns | None:
        before, *parts = prompt.split(opens)
        if before.strip() not in ("", _BEGIN):
            return None
        turns: list[tuple[Role, str]] = []
        for number, part in enumerate(parts, start=1):
            name, named, text = part.partition(names)
            role = _ROLES.get(name.strip())
            if role is None or not named:
                return None
            if number == len(parts):
                return turns if role == "assistant" and not text.strip() else None
            said, closed, after = text.partition(closes)
            if not closed or after.strip():
                return None
            turns.append((role, said))
        return None

    return read


def _bracketed(prompt: str) -> Turns | None:
    """Mistral, and Llama 2 with its system message in the first instruction."""
    first, *parts = _INST.split(prompt)
    if first.strip() not in ("", "<s>") or parts[0::4] != ["[INST]"] * len(parts[0::4]):
        return None
    if parts[2::4] != ["[/INST]"] * len(parts[0::4]):
        return None
    asked, answered = parts[1::4], parts[3::4]
    if not answered or answered[-1].strip():
        return None
    turns: list[tuple[Role, str]] = []
    if system := _SYSTEM.fullmatch(asked[0]):
        turns.append(("system", system[1]))
        asked[0] = system[2]
    for question, answer in zip(asked, answered[:-1], strict=False):
        said, ended, after = answer.partition("</s>")
        if not ended or after.strip() not in ("", "<s>"):
            return None
        turns += [("user", question), ("assistant", said)]
    return [*turns, ("user", asked[-1])]


def _humans(prompt: str) -> Turns | None:
    """Claude before Messages; a system prompt precedes the first turn."""
    first, *parts = _HUMAN.split(prompt)
    names, texts = parts[0::2], parts[1::2]
    if len(names) % 2 or names != ["Human", "Assistant"] * (len(names) // 2):
        return None
    if not texts or texts[-1].strip():
        return None
    turns: list[tuple[Role, str]] = [("system", first)]
    for name, text in zip(names[:-1], texts, strict=False):
        turns.append(("user" if name == "Human" else "assistant", text))
    return turns


def _deepseek(prompt: str) -> Turns | None:
    """DeepSeek; its prompt may end with the beginning of thinking."""
    first, *parts = re.split(f"({_USER}|{_ASSISTANT})", prompt)
    names, texts = parts[0::2], parts[1::2]
    if len(names) % 2 or names != [_USER, _ASSISTANT] * (len(names) // 2):
        return None
    if not texts or texts[-1].strip() not in ("", _THINKS):
        return None
    turns: list[tuple[Role, str]] = [("system", first.strip().removeprefix(_DEEPSEEK_BEGIN))]
    for name, text in zip(names[:-1], texts, strict=False):
        if name == _USER:
            turns.append(("user", text))
            continue
        said, ended, after = text.partition(_DEEPSEEK_END)
        if not ended or after.strip():
            return None
        turns.append(("assistant", said))
    return turns


_READERS: dict[str, Callable[[str], Turns | None]] = {
    _LLAMA_3[0]: _headed(_LLAMA_3),
    _LLAMA_4[0]: _headed(_LLAMA_4),
    _CHATML[0]: _headed(_CHATML),
    _USER: _deepseek,
    "[INST]": _bracketed,
    "Human:": _humans,
}
"""A mark → how the rest is read."""
