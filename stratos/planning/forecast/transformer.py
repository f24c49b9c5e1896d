"""The sizes of a model that determine its costs."""

from __future__ import annotations

from dataclasses import dataclass

from stratos.catalog.model_card import ModelCard


@dataclass(frozen=True)
class Transformer:
    """A model card with nothing missing."""

    name: str
    parameters: float
    active_parameters: float
    layers: int
    hidden_size: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    heads: int = 0
    """0 if the card does not say."""
    inner: int = 0
    """Width of the feed-forward block, likewise."""
    attention_layers: int = 0
    """Those that keep keys and values; 0 is all."""
    window_layers: int = 0
    """Of these, those that see `window_tokens` alone."""
    window_tokens: int = 0
    experts_per_token: int = 0
    """Feed-forward blocks that a token passes through side by side; 0 where there is but one."""

    def splits_over(self, devices: int) -> bool:
        """Whether vLLM can give each of so many devices an equal part of every layer.

        Query heads and the feed-forward block are divided; key-value heads are divided, or each is
        copied to equally many devices.
        """
        heads = self.heads or max(1, self.hidden_size // self.head_dim)
        fewer, more = sorted((self.kv_heads, devices))
        return heads % devices == 0 and self.inner % devices == 0 and more % fewer == 0

    @property
    def query_width(self) -> int:
        """Of all query heads together; the hidden size if the card does not say."""
        return self.heads * self.head_dim or self.hidden_size

    @property
    def key_width(self) -> int:
        return self.kv_heads * self.head_dim

    @property
    def inner_width(self) -> float:
        """Of the feed-forward block; inferred from the parameter count if the card does not say."""
        if self.inner:
            return self.inner
        body = max(0.0, self.parameters - 2.0 * self.table_parameters)
        attention = 2.0 * self.hidden_size * (self.query_width + self.key_width)
        return max(2.0 * self.hidden_size, (body / self.layers - attention) / 3 / self.hidden_size)

    @property
    def table_parameters(self) -> float:
        """Of the embedding, and of the head as well."""
        return float(self.vocabulary * self.hidden_size)

    @property
    def is_tied(self) -> bool:
        """Whether embedding and head are one table, by what the layers leave of the parameters."""
        attention = 2.0 * self.hidden_size * (self.query_width + self.key_width)
        block = 3.0 * self.hidden_size * (self.inner or 3 * self.hidden_size)
        return self.parameters < self.layers * (attention + block) + 1.5 * self.table_parameters

    @property
    def body_parameters(self) -> float:
        """Of the layers, without tables."""
        return max(0.0, self.parameters - self.table_parameters * (1 if self.is_tied else 2))

    @property
    def active_body_parameters(self) -> float:
        """Of those, what one token passes through."""
        inactive = self.parameters - self.active_parameters
        return max(0.0, self.body_parameters - inactive)

    @property
    def kv_values_per_token(self) -> float:
        """Keys and values of one token over all layers: 2 · L · kv_heads · head_dim."""
        return 2.0 * (self.attention_layers or self.layers) * self.kv_heads * self.head_dim

    def kv_values(self, tokens: float) -> float:
        """Keys and values of a text; a layer with a window keeps no more than that."""
        windowed = self.window_layers * max(0.0, tokens - self.window_tokens)
        return tokens * self.kv_values_per_token - 2.0 * windowed * self.kv_heads * self.head_dim


def transformer(card: ModelCard) -> Transformer:
    """Read a card.

    Raises:
        ValueError: naming what the card lacks.
    """
    needed = {
        "num_parameters": card.num_parameters,
        "num_layers": card.num_layers,
        "hidden_size": card.hidden_size,
        "num_kv_heads": card.num_kv_heads,
        "head_dim": card.head_dim,
    }
    lacking = [name for name, value in needed.items() if not value]
    if lacking:
        raise ValueError(f"the card of {card.name} lacks {', '.join(lacking)}")
    return Transformer(
        name=card.name,
        parameters=float(card.num_parameters or 0),
        active_parameters=float(card.num_active_parameters or card.num_parameters or 0),
        layers=card.num_layers or 0,
        hidden_size=card.hidden_size or 0,
        kv_heads=card.num_kv_heads or 0,
        head_dim=card.head_dim or 0,
        vocabulary=card.vocabulary_size or 0,
        heads=card.num_heads or 0,
        inner=card.intermediate_size or 0,
        attention_layers=card.num_attention_layers or 0,
        window_layers=card.num_window_layers,
        window_tokens=card.window_tokens or 0,
        experts_per_token=card.experts_per_token or 0,
    )
