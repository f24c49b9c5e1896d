"""From tokens to text as they come, and where to stop."""

from __future__ import annotations

from transformers import PreTrainedTokenizerBase

_LONGEST_UNCERTAIN = 64
"""Tokens that may wait for the rest of a character; beyond it the bytes are simply invalid."""


class TextAssembler:
    """Turns tokens into text; holds back what may turn out to be part of a stop sequence.

    One character may span several tokens, and some tokenizers' text of a token depends on the one
    before. So each piece is the difference that its tokens make behind the piece before it: the
    cost of a token does not grow with the text.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, stops: tuple[str, ...]) -> None:
        self._tokenizer = tokenizer
        self._stops = stops
        self._context: list[int] = []
        self._context_text = ""
        self._new: list[int] = []
        self._held = ""
        self.stopped = False

    def push(self, token: int) -> str:
        """Add a token; return the text that is now certain."""
        self._new.append(token)
        text = self._decode(self._context + self._new)
        if text.endswith("\ufffd") and len(self._new) < _LONGEST_UNCERTAIN:
            return ""
        return self._release(text)

    def flush(self) -> str:
        """Return what was held back."""
        if self.stopped:
            return ""
        certain = self._release(self._decode(self._context + self._new))
        return certain if self.stopped else certain + self._held

    def _release(self, text: str) -> str:
        pending = self._held + text[len(self._context_text) :]
        self._context, self._new = self._new, []
        self._context_text = self._decode(self._context)
        found = [at for stop in self._stops if (at := pending.find(stop)) >= 0]
        if found:
            self.stopped = True
            return pending[: min(found)]
        certain = len(pending) - _overlap(pending, self._stops)
        self._held = pending[certain:]
        return pending[:certain]

    def _decode(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=True))


def _overlap(text: str, stops: tuple[str, ...]) -> int:
    """Longest suffix of `text` that begins a stop sequence."""
    return max(
        (
            size
            for stop in stops
            for size in range(1, min(len(stop), len(text) + 1))
            if text.endswith(stop[:size])
        ),
        default=0,
    )
