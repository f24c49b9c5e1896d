"""Load what the distillation job exported: merged weights, or a LoRA adapter beside its base."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to decode."""

    name: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    eos_token_ids: frozenset[int]
    max_tokens: int


def load_model(model_dir: Path, name: str | None = None) -> LoadedModel:
    """Read a model folder; only safetensors, never remote code.

    Raises:
        FileNotFoundError: naming what the folder lacks.
    """
    for needed in ("config.json", "tokenizer.json"):
        if not (model_dir / needed).is_file():
            found = ", ".join(sorted(p.name for p in model_dir.iterdir())) or "nothing"
            raise FileNotFoundError(f"{model_dir} holds no {needed}; it holds {found}")
    on_gpu = torch.cuda.is_available()
    config = AutoConfig.from_pretrained(model_dir)
    model = AutoModelForCausalLM.from_pretrained(
        model_dir,
        config=config,
        # Half precision is slower than single on CPUs at these widths, and less exact.
        dtype=torch.bfloat16 if on_gpu else torch.float32,
        use_safetensors=True,
        trust_remote_code=False,
        attn_implementation="sdpa",
    )
    adapter = model_dir / "adapter"
    if adapter.is_dir():
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    if on_gpu:
        model = model.to("cuda")
    tokenizer = AutoTokenizer.from_pretrained(model_dir, trust_remote_code=False)
    return LoadedModel(
        name=name or model_dir.name,
        model=model.eval(),
        tokenizer=tokenizer,
        eos_token_ids=_eos_token_ids(model_dir, tokenizer),
        max_tokens=int(config.max_position_embeddings),
    )


def _eos_token_ids(model_dir: Path, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    ids = {tokenizer.eos_token_id}
    if (model_dir / "generation_config.json").is_file():
        eos = GenerationConfig.from_pretrained(model_dir).eos_token_id
        ids |= set(eos) if isinstance(eos, list) else {eos}
    return frozenset(i for i in ids if i is not None)
