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
from dataclasses import fields
from pathlib import Path

import torch
import transformers
from transformers import CONFIG_MAPPING, AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
from transformers.utils import logging as transformers_logging

from benchmarks.family_sizes import COMMON, NO_DECODER_OF_CHATS, OWN
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
_PROMPTS = [[9, 10, 11, 12, 13], [20, 21, 22]]
_ENCODER = "it has an encoder, and is no decoder of chats"
_NO_TEXT = "transformers has no language model for its text alone"
_LOGITS = "changes its logits in a way that training does not know"
_SAMPLING = Sampling(6, frozenset({1}))


class ObstacleError(ValueError):
    """Said in words that a refusal can repeat."""


def tiny(model_type: str, vocabulary: int) -> PreTrainedModel:
    """Build a model of a type from its own configuration class.

    Raises:
        ObstacleError: it cannot be made small by the usual names of sizes.
    """
    if model_type in FAMILIES:
        return make_tiny(model_type, vocabulary)
    config_class = CONFIG_MAPPING[model_type]
    shape = COMMON | {"vocab_size": vocabulary} | OWN.get(model_type, {})
    names = _names(config_class) | set(OWN.get(model_type, ()))
    config = config_class(**{key: value for key, value in shape.items() if key in names})
    with torch.device("meta"):
        size = sum(p.numel() for p in AutoModelForCausalLM.from_config(config).parameters())
    if size > _LARGEST_TINY:
        raise ObstacleError(f"built tiny it still has {size:,} parameters")
    torch.manual_seed(0)
    built: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    return built.eval()


def _names(config_class: type[PreTrainedConfig]) -> set[str]:
    """What a config.json of this class can say, by its own names and by the usual ones."""
    names = {field.name for field in fields(config_class)} | set(config_class.attribute_map)
    return {name for name in names if not isinstance(getattr(config_class, name, None), property)}


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
            raise ObstacleError(
                "in a batch it writes other tokens than transformers' generate() alone"
            )
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
            raise ObstacleError("its loss in training is not the model's own")


def row(model_type: str) -> dict[str, str]:
    """What stands against a type as a teacher, and as a student; or why neither was tried."""
    found = dict.fromkeys(FIELDS, "")
    found["model_type"] = model_type
    instead = no_decoder(model_type)
    if instead is not None:
        found["teacher_obstacle"] = found["student_obstacle"] = instead
        return found
    read = text_type(model_type)
    if read not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        found["teacher_obstacle"] = found["student_obstacle"] = _NO_TEXT
        return found
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            built = tiny(read, len(make_tokenizer()))
            with torch.no_grad():
                built(input_ids=torch.tensor(_PROMPTS[:1]))
        except Exception as error:
            found["untried"] = reason(error)
            return found
        try:
            local = teaches(built, Path(folder))
        except Exception as error:
            found["teacher_obstacle"] = found["student_obstacle"] = reason(error)
            return found
        try:
            learns(local)
        except Exception as error:
            found["student_obstacle"] = reason(error)
    return found


def no_decoder(model_type: str) -> str | None:
    """What a type is instead of a decoder of chats; None if it may be one."""
    if getattr(CONFIG_MAPPING[model_type], "is_encoder_decoder", False):
        return _ENCODER
    return NO_DECODER_OF_CHATS.get(model_type)


def text_type(model_type: str) -> str:
    """Of a model of several parts the type of its text, which alone is read."""
    config_class = CONFIG_MAPPING[model_type]
    if "text_config" not in config_class.sub_configs:
        return model_type
    return str(config_class().get_text_config().model_type)


def rows() -> Iterator[dict[str, str]]:
    for number, model_type in enumerate(sorted(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)):
        found = row(model_type)
        print(number, found, file=sys.stderr, flush=True)
        yield found


def reason(error: Exception) -> str:
    """What went wrong with a tiny model, as a sentence for whoever reads a refusal."""
    words = " ".join(str(error).split())
    print(f"{type(error).__name__}: {words}"[:300], file=sys.stderr)
    if _LOGITS in words:
        return f"it {_LOGITS}"
    if isinstance(error, ObstacleError):
        return words
    return (
        f"transformers {transformers.__version__} fails to run a tiny one ({type(error).__name__})"
    )


def main() -> None:
    torch.set_num_threads(1)
    transformers_logging.set_verbosity_error()
    found = list(rows())
    with TARGET.open("w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)


if __name__ == "__main__":
    main()
