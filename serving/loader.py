"""Load what the distillation job exported.

A folder holds either weights that are served as they are (an `adapter/` beside them is merged into
them already, and kept for its lineage), or `base/` and `adapter/`, which are merged here:

    config.json model.safetensors tokenizer.json … [adapter/] [manifest.json]
    base/{config.json, model.safetensors, tokenizer.json, …} adapter/{adapter_config.json, …}
"""

from __future__ import annotations

import hashlib
import json
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

from serving.grammar import Vocabulary

PARAMETERS_PER_THREAD = 4_000_000
"""Below this, a second thread costs more at each layer's barrier than it computes (measured)."""


class ModelFolderError(Exception):
    """A model folder that cannot be served; the message says what is wrong with it."""


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to decode."""

    name: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    eos_token_ids: frozenset[int]
    max_tokens: int
    vocabulary: Vocabulary


def load_model(model_dir: Path, name: str | None = None) -> LoadedModel:
    """Read a model folder; only safetensors, never remote code.

    Raises:
        ModelFolderError: when something is missing, damaged, or does not fit together.
    """
    adapter = model_dir / "adapter"
    unmerged = (model_dir / "base").is_dir() and adapter.is_dir()
    weights_dir = model_dir / "base" if unmerged else model_dir
    _require(weights_dir, "config.json", "tokenizer.json")
    _verify(model_dir)
    try:
        tokenizer = AutoTokenizer.from_pretrained(weights_dir, trust_remote_code=False)
        eos_token_ids = _eos_token_ids(weights_dir, tokenizer)
        model = _read_weights(weights_dir)
        if unmerged:
            model = _merge(model, adapter)
    except ModelFolderError:
        raise
    except Exception as error:  # each reader has errors of its own; all mean the same here
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ModelFolderError(f"{weights_dir} cannot be read as a model: {reason}") from error
    if torch.cuda.is_available():
        model = model.to("cuda")
    _limit_threads(model.num_parameters())
    return LoadedModel(
        name=name or model_dir.name,
        model=model.eval(),
        tokenizer=tokenizer,
        eos_token_ids=eos_token_ids,
        max_tokens=int(model.config.max_position_embeddings),
        vocabulary=Vocabulary(tokenizer, model.config.vocab_size, eos_token_ids),
    )


def _require(folder: Path, *names: str) -> None:
    found = ", ".join(sorted(p.name for p in folder.iterdir())) if folder.is_dir() else ""
    for needed in names:
        if not (folder / needed).is_file():
            raise ModelFolderError(f"{folder} holds no {needed}; it holds {found or 'nothing'}")


def _verify(model_dir: Path) -> None:
    """Compare the files with the digests of their manifest, where the export wrote one."""
    manifest = model_dir / "manifest.json"
    if not manifest.is_file():
        return
    try:
        digests: dict[str, str] = json.loads(manifest.read_bytes())["files"]
    except (ValueError, KeyError) as error:
        raise ModelFolderError(f"{manifest} is no manifest: {error}") from error
    for name, expected in digests.items():
        if not name.endswith((".safetensors", ".json")) or name.startswith("code/"):
            continue
        _require(model_dir, name)
        with (model_dir / name).open("rb") as file:
            actual = hashlib.file_digest(file, "sha256").hexdigest()
        if actual != expected:
            raise ModelFolderError(
                f"{model_dir / name} is damaged: its SHA-256 is {actual[:12]}…, the manifest says "
                f"{expected[:12]}…; download or export the model again"
            )


def _read_weights(folder: Path) -> PreTrainedModel:
    model, loading = AutoModelForCausalLM.from_pretrained(
        folder,
        config=AutoConfig.from_pretrained(folder, trust_remote_code=False),
        dtype=_dtype(),
        use_safetensors=True,
        trust_remote_code=False,
        attn_implementation="sdpa",
        output_loading_info=True,
    )
    # transformers would serve random numbers in their place.
    if missing := sorted(loading["missing_keys"]):
        raise ModelFolderError(
            f"{folder} lacks {len(missing)} weights of its architecture, {missing[0]} among them; "
            "export the model again"
        )
    return model


def _dtype() -> torch.dtype:
    """The fastest that the device computes in."""
    if not torch.cuda.is_available():
        # Half precision is slower than single on CPUs at these widths, and less exact.
        return torch.float32
    # Turing (T4) only emulates bfloat16.
    native = torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if native else torch.float16


def _merge(model: PreTrainedModel, adapter: Path) -> PreTrainedModel:
    from peft import PeftModel

    return PeftModel.from_pretrained(model, adapter).merge_and_unload()


def _limit_threads(num_parameters: int) -> None:
    worthwhile = max(1, num_parameters // PARAMETERS_PER_THREAD)
    torch.set_num_threads(min(torch.get_num_threads(), worthwhile))


def _eos_token_ids(model_dir: Path, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    ids = {tokenizer.eos_token_id}
    if (model_dir / "generation_config.json").is_file():
        eos = GenerationConfig.from_pretrained(model_dir).eos_token_id
        ids |= set(eos) if isinstance(eos, list) else {eos}
    return frozenset(i for i in ids if i is not None)
