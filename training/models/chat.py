"""A model's chat template, as prompt tokens and completion tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase

from stratos.contracts.messages import Message, template_message

_PROBE = "Stratos"
"""A completion rendered once to find out how the template ends a turn."""


class ChatFormat:
    """Renders conversations with a tokenizer's own template.

    Prompt and completion are tokenized apart, as they are at inference: a token never spans both.

    Attributes:
        end_of_turn: Text that the template puts after a completion.
        eos: Token ids that end a completion.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, eos: Sequence[int] = ()) -> None:
        if tokenizer.chat_template is None:
            raise ValueError(
                "the model's tokenizer has no chat template; "
                "add chat_template.jinja to its folder, or pick an instruction-tuned model"
            )
        self._tokenizer = tokenizer
        self.end_of_turn = self._find_end_of_turn()
        self._end_ids = self._encode([self.end_of_turn])[0]
        self.eos = frozenset(eos) | {self._end_ids[0]}

    def prompt_text(self, messages: Sequence[Message]) -> str:
        return self._render(messages, add_generation_prompt=True)

    def prompts(self, conversations: Sequence[Sequence[Message]]) -> list[list[int]]:
        """Tokenize conversations up to where the assistant begins to write."""
        return self._encode([self.prompt_text(messages) for messages in conversations])

    def completions(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokenize completions, each with the token that ends it."""
        return [ids + self._end_ids[:1] for ids in self._encode(list(texts))]

    def text(self, tokens: Sequence[int]) -> str:
        """Return generated tokens as text, without special tokens."""
        decoded = self._tokenizer.decode(tokens, skip_special_tokens=True)
        return str(decoded).strip()

    def _find_end_of_turn(self) -> str:
        asked = [Message(role="user", content="?")]
        prompt = self._render(asked, add_generation_prompt=True)
        answered = [*asked, Message(role="assistant", content=_PROBE)]
        whole = self._render(answered, add_generation_prompt=False)
        _, found, tail = whole.rpartition(_PROBE)
        ends = self._encode([tail])[0] if found and prompt else []
        special = {
            *self._tokenizer.all_special_ids,
            *(i for i, token in self._tokenizer.added_tokens_decoder.items() if token.special),
        }
        if ends and ends[0] in special:
            return str(self._tokenizer.decode(ends[:1]))
        if self._tokenizer.eos_token is None:
            raise ValueError(
                "neither the chat template nor the tokenizer names a token that ends a turn; "
                "set eos_token in tokenizer_config.json"
            )
        return str(self._tokenizer.eos_token)

    def _render(self, messages: Sequence[Message], *, add_generation_prompt: bool) -> str:
        rendered: Any = self._tokenizer.apply_chat_template(
            [template_message(message) for message in messages],
            tokenize=False,
            add_generation_prompt=add_generation_prompt,
            # Hybrid reasoning models would otherwise think before every answer.
            enable_thinking=False,
        )
        return str(rendered)

    def _encode(self, texts: list[str]) -> list[list[int]]:
        if not texts:
            return []
        encoded: list[list[int]] = self._tokenizer(texts, add_special_tokens=False)["input_ids"]
        return encoded
