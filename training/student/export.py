"""The model artifact: weights, tokenizer, lineage, and the code that serves it."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from stratos.contracts.jobs import DistillConfig, DistillResult
from training.student.student import Student

_INFERENCE = '''"""Entry point of AWS's inference toolkit: the server is the package beside it."""

from serving.toolkit import model_fn, transform_fn

__all__ = ["model_fn", "transform_fn"]
'''
_CODE_PACKAGES = ("serving", "stratos")


def export(student: Student, folder: Path) -> str:
    """Write the weights (merged, and the adapter where there is one), tokenizer and generation
    config, and return the SHA-256 over the weights."""
    folder.mkdir(parents=True, exist_ok=True)
    model = student.model
    if student.method == "lora":
        student.trained.save_pretrained(folder / "adapter", safe_serialization=True)
        model = student.trained.merge_and_unload()
    model.generation_config.eos_token_id = sorted(student.local.chat.eos)
    # Sampling settings of the base model do not suit a student that is judged greedily.
    model.generation_config.do_sample = False
    for setting in ("temperature", "top_p", "top_k"):
        setattr(model.generation_config, setting, None)
    model.save_pretrained(folder, safe_serialization=True)
    student.local.tokenizer.save_pretrained(folder)
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        digest.update(bytes.fromhex(_sha256(path)))
    return digest.hexdigest()


def describe(
    folder: Path,
    config: DistillConfig,
    result: DistillResult,
    *,
    base: str,
    records_sha256: str,
    num_records: int,
) -> None:
    """Add what describes and serves the artifact: metrics, README.md, code/, manifest.json."""
    (folder / "metrics.json").write_text(result.model_dump_json(indent=2), encoding="utf-8")
    (folder / "README.md").write_text(_card(config, result, base, num_records), encoding="utf-8")
    _copy_code(folder / "code")
    manifest: dict[str, Any] = {
        "run_id": config.run_id,
        "base_model": base,
        "licence": config.student.licence,
        "layers": config.student.layers,
        "method": config.method,
        "precision": config.precision,
        "training": config.training.model_dump(),
        "records": {"sha256": records_sha256, "count": num_records},
        "weights_sha256": result.weights_sha256,
        "files": {
            str(path.relative_to(folder)): _sha256(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        },
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2), encoding="utf-8")


def _copy_code(folder: Path) -> None:
    source = Path(__file__).resolve().parents[2]
    folder.mkdir(parents=True, exist_ok=True)
    for package in _CODE_PACKAGES:
        shutil.copytree(
            source / package,
            folder / package,
            ignore=shutil.ignore_patterns("__pycache__"),
            dirs_exist_ok=True,
        )
    shutil.copy(source / "serving" / "requirements.txt", folder / "requirements.txt")
    (folder / "inference.py").write_text(_INFERENCE, encoding="utf-8")


def _card(config: DistillConfig, result: DistillResult, base: str, num_records: int) -> str:
    licence = f"license: {config.student.licence.lower()}\n" if config.student.licence else ""
    teacher = config.teacher.name if config.teacher else "see the run"
    kept = config.student.layers
    layers = "" if kept is None else f", {kept} of its layers, evenly spaced"
    loss = result.best_validation_loss
    return f"""---
base_model: {base}
library_name: transformers
pipeline_tag: text-generation
{licence}tags: [distillation, stratos]
---

# {base.rpartition("/")[2]}, distilled

Made by run `{config.run_id}` of Stratos.

| | |
|---|---|
| Base model | {base}{layers} |
| Teacher | {teacher} |
| Parameters | {result.num_parameters:,} ({result.num_trainable_parameters:,} trained) |
| Method | {config.method}, {config.training.optimizer}, {config.precision} |
| Verified records | {num_records:,} |
| Steps | {result.steps:,} of {result.planned_steps:,} ({result.stopped_by}) |
| Tokens | {result.training_tokens:,} |
| Training loss | {result.final_loss:.4f} |
| Validation loss | {"none" if loss is None else f"{loss:.4f}"} |

The held-out accuracy, with its interval and baselines, is in the run's `run.json`.
The final answer follows the last `{config.judging.answer_marker}`.
"""


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
