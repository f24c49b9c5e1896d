"""Answers held to a JSON Schema: which tokens may come next, by llguidance."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import torch
from llguidance import LLMatcher, LLParserLimits, LLTokenizer
from llguidance.hf import from_tokenizer
from transformers import PreTrainedTokenizerBase

MAX_SCHEMA_CHARACTERS = 32_768
# Fractions of the library's defaults: a hostile schema costs tenths of a second at most.
_LIMITS = LLParserLimits(
    initial_lexer_fuel=200_000, step_lexer_fuel=50_000, step_max_items=10_000,
    max_lexer_states=20_000, max_grammar_size=50_000, verbose_errors=False,
)  # fmt: skip
ANY_OBJECT: Mapping[str, Any] = {"type": "object"}


class SchemaRejected(ValueError):
    """A JSON Schema that cannot be turned into a grammar."""


class Vocabulary:
    """The tokens as bytes. Built when first needed: most requests do not."""

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, num_logits: int, eos_token_ids: frozenset[int]
    ) -> None:
        self._tokenizer = tokenizer
        self._num_logits = num_logits
        self._eos_token_ids = eos_token_ids

    def bytes_of(self, token: int) -> bytes:
        """The exact bytes of a token, which need not be whole characters."""
        return bytes(self._tokens.decode_bytes([token]))

    def constrain(self, schema: Mapping[str, Any]) -> JsonConstraint:
        """Compile a schema.

        Raises:
            SchemaRejected: with the library's reason.
        """
        text = json.dumps(schema)
        if len(text) > MAX_SCHEMA_CHARACTERS:
            raise SchemaRejected(
                f"it has {len(text)} characters; at most {MAX_SCHEMA_CHARACTERS} are accepted"
            )
        grammar = LLMatcher.grammar_from_json_schema(
            text,
            # One space where JSON allows any: a weak model would fill its answer with blank lines.
            overrides={"whitespace_flexible": True, "whitespace_pattern": r"\x20"},
        )
        matcher = LLMatcher(self._tokens, grammar, log_level=0, limits=_LIMITS)
        if error := matcher.get_error():
            raise SchemaRejected(error.strip().splitlines()[0])
        return JsonConstraint(matcher, self._num_logits)

    @cached_property
    def _tokens(self) -> LLTokenizer:
        # A model may have rows to spare; a tokenizer may hold tokens its model cannot produce.
        size = max(self._num_logits, len(self._tokenizer))
        return from_tokenizer(self._tokenizer, size, sorted(self._eos_token_ids))


class JsonConstraint:
    """One answer on its way through a grammar."""

    def __init__(self, matcher: LLMatcher, num_logits: int) -> None:
        self._matcher = matcher
        self._num_logits = num_logits

    def forbidden(self) -> torch.Tensor:
        """Which tokens may not come next: bool [vocabulary], on the CPU.

        Raises:
            SchemaRejected: when the schema turns out too complex at this point of the answer.
        """
        bias = bytearray(self._matcher.compute_logit_bias())
        if self._matcher.is_error():
            raise SchemaRejected(self._matcher.get_error())
        return torch.frombuffer(bias, dtype=torch.uint8)[: self._num_logits] == 0

    def accept(self, token: int) -> None:
        """Take the token that was drawn."""
        self._matcher.consume_token(token)

    @property
    def complete(self) -> bool:
        """Whether nothing can follow."""
        return bool(self._matcher.is_stopped())
