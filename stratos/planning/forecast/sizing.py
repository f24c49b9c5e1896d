"""How long a request an endpoint must hold."""

from __future__ import annotations

import math
from dataclasses import dataclass

from stratos.catalog.model_card import ModelCard
from stratos.catalog.servers import Runtime
from stratos.planning.forecast.llama_cpp import padded_context
from stratos.planning.request import DatasetFacts
from stratos.spec import Spec

MOST_TEMPLATE_TOKENS = 64
"""Of the chat template around a prompt, with a system prompt of its own: a bound, where
`workload.TEMPLATE_TOKENS` is expected. Assumed."""
COUNT_MARGIN = 1.25
"""An estimate of tokens without the tokenizer is out by a quarter at most."""
LONGEST_OVER_MEAN = 4.0
"""Where only the mean length of prompts is known; assumed."""


@dataclass(frozen=True)
class Requests:
    """The requests of a spec, as long as they may be."""

    spec: Spec
    facts: DatasetFacts

    def longest_prompt_tokens(self, student: ModelCard) -> float:
        """As the engine counts it, with its template."""
        longest = self.facts.longest_prompt_tokens
        if longest is None:
            longest = LONGEST_OVER_MEAN * self.facts.prompt_tokens
        declared = float(self.spec.load.prompt_tokens or 0)
        template = max(MOST_TEMPLATE_TOKENS, COUNT_MARGIN * (student.template_tokens or 0.0))
        return template + COUNT_MARGIN * max(longest, declared)

    def context_tokens(self, student: ModelCard, runtime: Runtime) -> int:
        """Of the longest prompt with the longest reply, within what the student can hold there."""
        most = student.context_on(runtime)
        needed = math.ceil(self.longest_prompt_tokens(student)) + self.spec.task.max_reply_tokens
        padded = padded_context(needed)
        return padded if most is None else min(padded, most)

    def obstacle(self, student: ModelCard, runtime: Runtime) -> str | None:
        """Why a student cannot hold them; None if it can, or if nothing is known for sure."""
        most, prompt = student.context_on(runtime), self.facts.longest_prompt_tokens
        # Whole, as each request asks for it: vLLM refuses what could go beyond the context.
        reply = self.spec.task.max_reply_tokens
        if most is None or prompt is None or prompt + reply <= most:
            return None
        return (
            f"its context of {most:,} tokens cannot hold the longest prompt, about {prompt:,.0f} "
            f"tokens, and a reply of {reply:,}; lower task.max_reply_tokens or shorten prompts"
        )
