"""Whether a model can teach or be taught, by its config.json, before anything is paid."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from stratos.catalog.shipped import shipped_rows
from stratos.frozen import FrozenModel

SHOWN_STUDENTS = "Llama, Qwen, Mistral, Gemma 3, SmolLM3, Phi-4, Granite or OLMo"

_DEQUANTISED = frozenset({"fp8", "mxfp4", "mxfp8"})
"""Methods whose weights transformers turns into bfloat16 as it reads them, by itself."""


class TriedFamily(FrozenModel):
    """A `model_type` as `benchmarks/families.py` found it: a row of `data/families.csv`."""

    model_type: str
    untried: str | None = None
    """Why no tiny model of it was built and run: nothing is known against it."""
    teacher_obstacle: str | None = None
    student_obstacle: str | None = None


@cache
def families() -> dict[str, TriedFamily]:
    """Every text model of the jobs' release of transformers, by `model_type`."""
    rows = map(TriedFamily.model_validate, shipped_rows("families.csv"))
    return {row.model_type: row for row in rows}


def teaching_obstacle(config: Mapping[str, object]) -> str | None:
    """Why a model of this config.json cannot be asked or read as a teacher; None if it can."""
    family = _family(config)
    if family is None:
        return _unknown(config)
    if family.teacher_obstacle is not None:
        return _refused(family, family.teacher_obstacle)
    method = _quantization(config)
    if method is not None and method not in _DEQUANTISED:
        return (
            f"its weights are quantised ({method}), which takes packages that the jobs do not "
            "have; give the model as it was before, in bfloat16, or as a GGUF, or quantised with "
            f"{' or '.join(sorted(_DEQUANTISED))}"
        )
    return None


def training_obstacle(config: Mapping[str, object]) -> str | None:
    """Why a model of this config.json cannot be a student; None if nothing is known against it."""
    family = _family(config)
    if family is None:
        return _unknown(config)
    obstacle = family.teacher_obstacle or family.student_obstacle
    if obstacle is not None:
        return _refused(family, obstacle)
    method = _quantization(config)
    if method is not None:
        return (
            f"its weights are quantised ({method}), and cannot be trained as they are; give the "
            "model as it was before, in bfloat16"
        )
    return None


def _quantization(config: Mapping[str, object]) -> str | None:
    """How the weights are quantised; None if they are not."""
    for part in (config, config.get("text_config")):
        quantized = part.get("quantization_config") if isinstance(part, Mapping) else None
        if isinstance(quantized, Mapping):
            return str(quantized.get("quant_method", "an unknown method"))
    return None


def _family(config: Mapping[str, object]) -> TriedFamily | None:
    """Of a model of several parts that of its text, which alone is read."""
    nested = config.get("text_config")
    inner = nested.get("model_type") if isinstance(nested, Mapping) else None
    return families().get(str(inner or config.get("model_type")))


def _unknown(config: Mapping[str, object]) -> str:
    return (
        f"config.json says model_type {config.get('model_type')!r}, which the jobs' transformers "
        f"has no language model for, and code that comes with a model is never run; "
        f"pick a model of the {SHOWN_STUDENTS} family"
    )


def _refused(family: TriedFamily, reason: str) -> str:
    return (
        f"models of type {family.model_type!r} are not supported ({reason}); "
        f"pick one of the {SHOWN_STUDENTS} family"
    )
