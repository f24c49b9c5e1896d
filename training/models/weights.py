"""Models read from safetensors in a folder, whatever that was fetched or made from."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers import PreTrainedTokenizerBase as Tokenizer
from transformers.utils import logging as transformers_logging

from stratos.catalog.architecture import is_head, is_of_text
from stratos.catalog.files import FilesOnDisk
from stratos.catalog.safetensors import StoredTensor, stored_tensors
from stratos.contracts.plan import Precision, ServedPrecision
from stratos.spec import Weights
from training.models.chat import ChatFormat
from training.models.gguf_folder import find_gguf, folder_of_gguf
from training.models.hub_folder import folder_of_hub
from training.models.pruning import prune

_STORED = {"BF16": torch.bfloat16, "F16": torch.float16}
"""What safetensors call the types that are kept; all others become float32."""

_TEXT_NAMES = {
    r"^language_model\.lm_head\.": "lm_head.",
    r"^(?:model\.)?language_model\.(?:model\.)?": "model.",
}
"""Of a model of several parts: what its text is called → what it is called alone."""


@dataclass(frozen=True)
class LocalModel:
    """Weights in memory with the tokenizer that belongs to them.

    Attributes:
        source: The folder that they were read from; empty if they were not.
        stored: What most of its numbers are stored as there, whatever they are in memory.
    """

    name: str
    model: PreTrainedModel
    tokenizer: Tokenizer
    chat: ChatFormat
    source: str = ""
    stored: torch.dtype = torch.float32

    @property
    def num_parameters(self) -> int:
        """Distinct parameters: tied ones count once."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    @property
    def num_bytes(self) -> int:
        """Of the parameters as they lie in memory."""
        return sum(parameter.nbytes for parameter in self.model.parameters())

    @property
    def vocabulary_size(self) -> int:
        return int(self.model.config.vocab_size)

    @property
    def max_positions(self) -> int:
        return int(getattr(self.model.config, "max_position_embeddings", 1 << 30))


def locate(weights: Weights, channel: Path | None) -> str:
    """Return the folder of a model: of the channel, of the Hub, or made of a GGUF.

    Raises:
        ValueError: when there is no model that can be read.
    """
    if weights.hub is not None:
        return str(folder_of_hub(weights))
    if channel is None:
        raise ValueError(f"the job has no channel with the weights of {weights.name!r}")
    gguf = find_gguf(channel, weights.folder)
    if gguf is not None:
        return str(folder_of_gguf(gguf, weights.folder))
    folder = channel if (channel / "config.json").exists() else channel / weights.folder
    found = sorted(path.name for path in channel.glob("*"))
    if not (folder / "config.json").exists():
        raise ValueError(
            f"{weights.name!r} has no config.json, only {found}; upload config.json, "
            "tokenizer.json, tokenizer_config.json and *.safetensors into its folder"
        )
    if not any(folder.glob("*.safetensors")):
        raise ValueError(
            f"{weights.name!r} has no *.safetensors, only {found}; "
            "other weight formats can run code when read and are never loaded"
        )
    return str(folder)


def load_model(
    name: str,
    source: str,
    precision: Precision | None = None,
    layers: int | None = None,
    *,
    device: str | None = None,
) -> LocalModel:
    """Read a model; only safetensors, and never code that comes with it.

    Args:
        source: A folder, as `locate` finds it.
        precision: Of the weights in memory; float32 on a CPU and as stored on a GPU by default.
        layers: Keep only so many; see `prune`.
        device: Where its weights go; to the GPU by default, where there is one.
    """
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    dtype: torch.dtype | str = "auto" if device == "cuda" else torch.float32
    if precision is not None:
        dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    transformers_logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    folder = Path(source)
    tensors = stored_tensors(FilesOnDisk(folder.parent), folder.name)
    model = _whole_model(name, source, dtype, tensors)
    if layers is not None:
        model = prune(model, layers)
    model.to(device).eval()
    chat = ChatFormat(tokenizer, end_tokens(model, tokenizer))
    return LocalModel(name, model, tokenizer, chat, source, _stored_dtype(tensors))


def _whole_model(
    name: str, source: str, dtype: torch.dtype | str, tensors: Sequence[StoredTensor]
) -> PreTrainedModel:
    """Read a model of whose weights none is missing, left over or of another shape.

    Of a model of several parts, such as text and images, the text alone is read.

    Raises:
        ValueError: naming what does not fit. Transformers would draw it at random.
    """
    config = AutoConfig.from_pretrained(source, trust_remote_code=False)
    in_parts = hasattr(config, "text_config")
    quantized = getattr(config, "quantization_config", None)
    if in_parts:
        config = config.get_text_config()
        # The whole model's setting, which its text need not have.
        config.tie_word_embeddings = not any(is_head(tensor.name) for tensor in tensors)
    if quantized is not None:
        # On GPUs its kernels would be fetched from the Hub, and those run code.
        config.quantization_config = {**quantized, "dequantize": True}
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()  # what it would report is an error here
    try:
        model, loaded = AutoModelForCausalLM.from_pretrained(
            source,
            config=config,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            key_mapping=_TEXT_NAMES if in_parts else None,
        )
    finally:
        transformers_logging.set_verbosity(verbosity)
    mismatched = {key for key, *_ in loaded["mismatched_keys"]}
    unexpected = {key for key in loaded["unexpected_keys"] if not in_parts or is_of_text(key)}
    for what, keys in (
        ("are missing", set(loaded["missing_keys"]) - mismatched),
        ("have no place in it", unexpected),
        ("have another shape than config.json says", mismatched),
    ):
        if keys:
            raise ValueError(
                f"{len(keys)} weights of {name} {what}, {min(keys)} first. They are not what "
                f"{type(model).__name__} saves: upload the folder that save_pretrained() wrote"
            )
    if in_parts:
        # Saving would undo the renaming, by patterns, and the text alone needs none.
        del model._weight_conversions
    whole: PreTrainedModel = model
    return whole


def _stored_dtype(tensors: Sequence[StoredTensor]) -> torch.dtype:
    """What most numbers of a model are stored as."""
    numbers: Counter[torch.dtype] = Counter()
    for tensor in tensors:
        numbers[_STORED.get(tensor.dtype, torch.float32)] += tensor.num_elements
    return numbers.most_common(1)[0][0]


def precision_of(model: PreTrainedModel) -> ServedPrecision:
    """The precision of a model's weights in memory."""
    names: dict[torch.dtype, ServedPrecision] = {
        torch.bfloat16: "bfloat16",
        torch.float16: "float16",
    }
    return names.get(model.dtype, "float32")


def end_tokens(model: PreTrainedModel, tokenizer: Tokenizer) -> list[int]:
    """Token ids that the model's own configuration ends on."""
    configured = getattr(model.generation_config, "eos_token_id", None)
    ids = configured if isinstance(configured, list) else [configured]
    return sorted({int(i) for i in (*ids, tokenizer.eos_token_id) if i is not None})


def tokenizer_hash(tokenizer: Tokenizer) -> str:
    """Hash what decides token ids; equal hashes mean that token distributions can be compared."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        state: object = sorted(tokenizer.get_vocab().items())
    else:
        state = json.loads(backend.to_str())
        assert isinstance(state, dict)
        # Padding and truncation are settings of a call, not of the vocabulary.
        state = {key: state[key] for key in sorted(state) if key not in ("padding", "truncation")}
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()
