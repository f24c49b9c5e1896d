"""The KV cache of the sequences being decoded: one slot each, always packed at the front.

Decoding reads keys as a view of the first `active` slots, so a step copies nothing; a finished
sequence costs one copy, when the last slot moves into its place.
"""

from __future__ import annotations

import torch
from transformers import Cache, PreTrainedConfig
from transformers.cache_utils import CacheLayerMixin


class SlotLayer(CacheLayerMixin):  # type: ignore[misc]
    """Keys and values of one layer, shaped [slots, kv_heads, tokens, head_dim]."""

    is_sliding = False

    def __init__(self, slots: SlotCache) -> None:
        super().__init__()
        self.slots = slots

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        heads, head_dim = key_states.shape[1], key_states.shape[3]
        shape = (self.slots.num_slots, heads, self.slots.max_tokens, head_dim)
        self.keys = torch.zeros(shape, dtype=key_states.dtype, device=key_states.device)
        self.values = torch.zeros_like(self.keys)
        self.is_initialized = True

    def store(self, slot: int, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Put a prompt's keys and values, each [kv_heads, tokens, head_dim], into a slot."""
        if not self.is_initialized:
            self.lazy_initialization(keys[None], values[None])
        self.keys[slot, :, : keys.shape[1]] = keys
        self.values[slot, :, : values.shape[1]] = values

    def move(self, source: int, target: int, tokens: int) -> None:
        self.keys[target, :, :tokens] = self.keys[source, :, :tokens]
        self.values[target, :, :tokens] = self.values[source, :, :tokens]

    def update(
        self,
        key_states: torch.Tensor,
        value_states: torch.Tensor,
        *args: object,
        **kwargs: object,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        active = key_states.shape[0]
        lengths = self.slots.lengths[:active]
        rows = self.slots.rows[:active]
        self.keys[rows, :, lengths] = key_states[:, :, 0]
        self.values[rows, :, lengths] = value_states[:, :, 0]
        longest = self.slots.longest + 1
        return self.keys[:active, :, :longest], self.values[:active, :, :longest]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.slots.longest + query_length, 0

    def get_seq_length(self) -> int:
        return self.slots.longest

    def get_max_length(self) -> int:
        return self.slots.max_tokens


class SlotCache:
    """Slots 0..active-1 hold the sequences being decoded.

    Args:
        num_slots: sequences decoded at once.
        max_tokens: longest prompt plus completion, in tokens.
    """

    def __init__(
        self, config: PreTrainedConfig, num_slots: int, max_tokens: int, device: torch.device
    ) -> None:
        self.num_slots = num_slots
        self.max_tokens = max_tokens
        self.active = 0
        self.longest = 0
        self.lengths = torch.zeros(num_slots, dtype=torch.long, device=device)
        self.rows = torch.arange(num_slots, device=device)
        self._columns = torch.arange(max_tokens, device=device)
        self._layers = [SlotLayer(self) for _ in range(config.num_hidden_layers)]
        self.cache = Cache(layers=self._layers)

    def admit(self, prefill: Cache, row: int, tokens: int) -> int:
        """Take the first `tokens` of one row of a prefilled cache; return its slot."""
        slot = self.active
        for layer, filled in zip(self._layers, prefill.layers, strict=True):
            layer.store(slot, filled.keys[row, :, :tokens], filled.values[row, :, :tokens])
        self.lengths[slot] = tokens
        self.active += 1
        self._refresh()
        return slot

    def release(self, slot: int) -> int:
        """Free a slot. Return the slot whose sequence has moved into it (itself, when none did)."""
        last = self.active - 1
        if slot != last:
            for layer in self._layers:
                layer.move(last, slot, int(self.lengths[last]))
            self.lengths[slot] = self.lengths[last]
        self.lengths[last] = 0
        self.active -= 1
        self._refresh()
        return last

    def clear(self) -> None:
        """Forget every sequence."""
        self.active = self.longest = 0
        self.lengths.zero_()

    def mask(self) -> torch.Tensor:
        """Which keys each active sequence may see this step: bool [active, 1, 1, longest + 1]."""
        lengths = self.lengths[: self.active]
        return (self._columns[: self.longest + 1] <= lengths[:, None])[:, None, None, :]

    def advance(self) -> None:
        """Every active sequence has one token more."""
        self.lengths[: self.active] += 1
        self.longest += 1

    def _refresh(self) -> None:
        self.longest = int(self.lengths[: self.active].max()) if self.active else 0
