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

    def splits_over(self, devices: int) -> bool:
        """Whether vLLM can give each of so many devices an equal part of every layer.

        Query heads and the feed-forward block are divided; key-value heads are divided, or each is
        copied to equally many devices.
        """
        heads = self.heads or max(1, self.hidden_size // self.head_dim)
        fewer, more = sorted((self.kv_heads, devices))
        return heads % devices == 0 and self.inner % devices == 0 and more % fewer == 0

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
    )
