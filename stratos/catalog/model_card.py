"""What is known of a model without running it."""

from __future__ import annotations

from typing import Literal

from stratos.catalog.servers import Runtime
from stratos.frozen import FrozenModel


class ModelCard(FrozenModel):
    """A model by its sizes, prices and published score."""

    name: str
    """As in the spec: the last part of its path, its Hub repository, or its model id."""
    kind: Literal["weights", "bedrock", "openai", "logs"]
    licence: str | None = None
    num_parameters: int | None = None
    num_active_parameters: int | None = None
    num_bytes: int | None = None
    """Of the weights as they are stored."""
    num_layers: int | None = None
    num_attention_layers: int | None = None
    """Layers that keep keys and values; None is all of them."""
    num_window_layers: int = 0
    """Of these, the layers that see only the last `window_tokens`."""
    window_tokens: int | None = None
    hidden_size: int | None = None
    num_heads: int | None = None
    num_kv_heads: int | None = None
    head_dim: int | None = None
    intermediate_size: int | None = None
    """Width of the feed-forward block; of one expert where there are several."""
    experts_per_token: int | None = None
    """Those that one token is sent to; None where there are none, or that is not known."""
    vocabulary_size: int | None = None
    context_tokens: int | None = None
    """The longest text it was made for, prompt and reply together; None is unknown."""
    llama_cpp_context_tokens: int | None = None
    """The longest of which llama.cpp computes what it was trained to; None is no less."""
    template_tokens: float | None = None
    """Of its chat template around a prompt of the dataset, its own system prompt included; None:
    not counted."""
    llama_cpp_obstacle: str | None = None
    """Why llama.cpp, and so a CPU, cannot serve it; None if nothing is known against it."""
    float32_weights: bool = False
    """They are stored in 32 bits, as few are: 16 bits hold all that most published weights are."""
    input_usd_per_million_tokens: float | None = None
    output_usd_per_million_tokens: float | None = None
    prior_accuracy: float | None = None
    """A published score in 0..1 that orders models before they are probed."""

    def context_on(self, runtime: Runtime) -> int | None:
        """The longest text that an endpoint of this kind can hold; None is unknown."""
        limits = [self.context_tokens, self.llama_cpp_context_tokens if runtime == "cpu" else None]
        return min((limit for limit in limits if limit is not None), default=None)
