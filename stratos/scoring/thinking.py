"""Thinking that a model writes before its answer, between tags."""

from __future__ import annotations

import re

_CLOSING = r"</think>|</thinking>|\[/THINK\]"
_TAG = re.compile(
    # A tag in the midst of a sentence is spoken about, and opens nothing.
    r"(?P<opening>(?:^|(?<=</think>)|(?<=</thinking>)|(?<=\[/THINK\]))[ \t]*"
    rf"(?:<think>|<thinking>|\[THINK\]))|{_CLOSING}",
    re.IGNORECASE | re.MULTILINE,
)


def without_thinking(text: str) -> str:
    """Return what a model says besides its thinking, stripped; empty where it only thought.

    Some templates open the thinking in the prompt, so that a reply has the closing tag alone.
    What is opened and never closed is thinking to its end.
    """
    if "<" not in text and "[" not in text:
        return text.strip()
    said: list[str] = []
    position, thinks = 0, False
    for number, tag in enumerate(_TAG.finditer(text)):
        if tag["opening"] is not None:
            if not thinks:
                said.append(text[position : tag.start()])
            thinks = True
        elif thinks or number == 0:
            position, thinks = tag.end(), False
    if not thinks:
        said.append(text[position:])
    return "".join(said).strip()
