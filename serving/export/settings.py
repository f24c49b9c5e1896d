"""`generation_config.json`: how engines answer when a request does not say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from transformers import PreTrainedTokenizerBase
from transformers import __version__ as transformers_version


def write_settings(folder: Path, tokenizer: PreTrainedTokenizerBase, ends: Sequence[int]) -> None:
    """Write what ends an answer, and that it is greedy; nothing is kept of the base model's.

    Each engine reads its own setting: transformers `do_sample`, vLLM `temperature`. transformers
    logs that it ignores the latter; no other form is greedy in both.
    """
    settings: dict[str, object] = {
        "do_sample": False,
        "temperature": 0.0,
        "eos_token_id": sorted(ends),
        "transformers_version": transformers_version,
    }
    for name in ("bos_token_id", "pad_token_id"):
        if getattr(tokenizer, name) is not None:
            settings[name] = getattr(tokenizer, name)
    text = json.dumps(settings, indent=2, sort_keys=True) + "\n"
    (folder / "generation_config.json").write_text(text, encoding="utf-8")
