"""Which text models of transformers can teach and be taught: each built tiny, saved, read and run.

Writes `stratos/catalog/data/families.csv`, by which a spec is refused before anything is paid.

    python -m benchmarks.families
"""

from __future__ import annotations

import csv
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
from transformers.utils import logging as transformers_logging

from tests.tiny_families import FAMILIES, make_tiny
from tests.unit.training.tiny_models import make_tokenizer
from training.models.chat import ChatFormat
from training.models.generation import Sampling, generate_batch
from training.models.weights import LocalModel, load_model
from training.objectives.losses import cross_entropy
from training.student.batches import TokenizedExample, micro_batches
from training.student.student import Student

TARGET = Path("stratos/catalog/data/families.csv")
FIELDS = ("model_type", "untried", "teacher_obstacle", "student_obstacle")
_LARGEST_TINY = 60_000_000
_SHAPE: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "moe_intermediate_size": 16,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "num_experts": 4,
    "num_local_experts": 4,
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "head_dim": 8,
    "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 8,
    "v_head_dim": 8,
    "kv_lora_rank": 16,
    "q_lora_rank": 16,
    "eos_token_id": 1,
    "pad_token_id": 0,
    "is_decoder": True,
}
_PROMPTS = [[9, 10, 11, 12, 13], [20, 21, 22]]
_ENCODER = "it has an encoder, and is no decoder of chats"
_SAMPLING = Sampling(6, frozenset({1}))


def tiny(model_type: str, vocabulary: int) -> PreTrainedModel:
    """Build a model of a type from its own configuration class.

    Raises:
        ValueError: it cannot be made small by the usual names of sizes.
    """
    if model_type in FAMILIES:
        return make_tiny(model_type, vocabulary)
    config = AutoConfig.for_model(model_type)
    known = {key: value for key, value in _SHAPE.items() if hasattr(config, key)}
    config = AutoConfig.for_model(model_type, **known, vocab_size=vocabulary)
    with torch.device("meta"):
        size = sum(p.numel() for p in AutoModelForCausalLM.from_config(config).parameters())
    if size > _LARGEST_TINY:
        raise ValueError(f"built tiny it still has {size:,} parameters")
    torch.manual_seed(0)
    built: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    return built.eval()


def teaches(built: PreTrainedModel, folder: Path) -> LocalModel:
    """Save and read a tiny model, and hold what we decode against `generate`.

    Raises:
        Exception: of whatever kind, where it cannot be asked as a teacher is.
    """
    tokenizer = make_tokenizer()
    built.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    local = load_model("tiny", str(folder))
    written = generate_batch(local.model, _PROMPTS, _SAMPLING)
    for prompt, found in zip(_PROMPTS, written, strict=True):
        tokens = torch.tensor([prompt])
        expected = local.model.generate(
            tokens,
            attention_mask=torch.ones_like(tokens),
            max_new_tokens=_SAMPLING.max_new_tokens,
            do_sample=False,
            eos_token_id=1,
            pad_token_id=0,
        )
        if expected[0, len(prompt) :].tolist() != found.written:
            raise ValueError("in a batch it decodes other tokens than alone")
    return local


def learns(local: LocalModel) -> None:
    """Hold a loss of training against the model's own, and adapt it with LoRA.

    Raises:
        Exception: of whatever kind, where it cannot be trained.
    """
    (batch,) = micro_batches([TokenizedExample([*range(5, 25)], 4)], 64)
    with torch.no_grad():
        logits = local.model(batch.tokens).logits[batch.predicts]
    expected = cross_entropy(logits, batch.targets)
    for method in ("full", "lora"):
        chat = ChatFormat(local.tokenizer)
        student = Student(
            LocalModel("tiny", local.model, local.tokenizer, chat), method, "float32", 2, 0
        )
        student.trained.eval()  # without dropout
        loss = student.loss(batch, lambda logits, rows: cross_entropy(logits, batch.targets[rows]))
        loss.backward()  # type: ignore[no-untyped-call]
        if not torch.isclose(loss, expected, rtol=1e-3):
            raise ValueError("its loss in training is not the model's own")


def row(model_type: str) -> dict[str, str]:
    """What stands against a type as a teacher, and as a student; or why neither was tried."""
    found = dict.fromkeys(FIELDS, "")
    found["model_type"] = model_type
    if AutoConfig.for_model(model_type).is_encoder_decoder:
        found["teacher_obstacle"] = found["student_obstacle"] = _ENCODER
        return found
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            built = tiny(model_type, len(make_tokenizer()))
            with torch.no_grad():
                built(input_ids=torch.tensor(_PROMPTS[:1]))
        except Exception as error:
            found["untried"] = _reason(error)
            return found
        try:
            local = teaches(built, Path(folder))
        except Exception as error:
            found["teacher_obstacle"] = found["student_obstacle"] = _reason(error)
            return found
        try:
            learns(local)
        except Exception as error:
            found["student_obstacle"] = _reason(error)
    return found


def rows() -> Iterator[dict[str, str]]:
    for number, model_type in enumerate(sorted(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)):
        found = row(model_type)
        print(number, found, file=sys.stderr, flush=True)
        yield found


def _reason(error: Exception) -> str:
    words = " ".join(str(error).split())
    if isinstance(error, ValueError):
        return words.partition(". ")[0].replace("tiny", "a tiny one")[:200]
    return f"{type(error).__name__}: {words}"[:200]


def main() -> None:
    torch.set_num_threads(1)
    transformers_logging.set_verbosity_error()
    with TARGET.open("w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        for found in rows():
            writer.writerow(found)
            file.flush()


if __name__ == "__main__":
    main()
