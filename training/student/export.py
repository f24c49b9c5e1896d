"""The model artifact: weights for each engine, tokenizer and lineage."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import shlex
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from transformers import GenerationConfig, PreTrainedTokenizerBase

from serving.export.chat_template import (
    leaves_calls_out,
    llama_cpp_takes_calls,
    served_template,
    takes_tools,
    tool_parser,
)
from serving.export.comparison import compare, next_token_of
from serving.export.gguf_file import require_exportable, write_gguf
from serving.export.settings import write_settings
from serving.llama_cpp.build import BUILD
from stratos.contracts.artifact import gguf_name
from stratos.contracts.distillation import DistillResult
from stratos.contracts.jobs import DistillConfig
from stratos.contracts.records import TrainingRecord
from stratos.errors import NotExportable
from stratos.outside_text import markdown, markdown_code, one_line
from stratos.spec import CpuPrecision, Weights
from training.models.hub_folder import commit_of
from training.student.adapter import BASE, FOLDER, is_named, write_adapter
from training.student.student import Student

_SECONDS_OF_A_FILE = 3.0
"""To start llama.cpp and compare."""
_SECONDS_PER_BILLION: dict[CpuPrecision, float] = {
    "float32": 30.0,
    "float16": 25.0,
    "q8_0": 50.0,
    "q4_k_m": 160.0,
}
"""To quantise, write and read back a billion weights. Quantising was measured on two busy CPUs: 5,
26 and 132 s for float16, q8_0 and q4_k_m; the rest is a disk of 200 MB/s, assumed."""
_SECONDS_OF_A_STUDENT = 3.0
_READING_SECONDS_PER_BILLION = 20.0
"""To read the student once more and ask it for its logits; four bytes a weight from that disk."""
_BASE_SECONDS_PER_BILLION = 20.0
"""To write an adapter's base, four bytes a weight to that disk."""
_COMPARED_RECORDS = 8
_log = logging.getLogger(__name__)


def export(student: Student, folder: Path, base: Weights | None = None) -> str:
    """Write the weights (merged, and the adapter where there is one), tokenizer and generation
    config, and return the SHA-256 over the weights.

    The weights are stored as those of the base model were.

    Args:
        base: What the base model was read from, which an adapter names; None if from nowhere.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model, tokenizer = student.model, student.local.tokenizer
    if student.method == "lora":
        write_adapter(student, base, folder)
        model = student.trained.merge_and_unload()
    # Not by `model.to`, which a model that was sharded refuses.
    stored = student.local.stored
    for parameter in model.parameters():
        parameter.data = parameter.data.to(stored)
    model.generation_config = GenerationConfig()
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.chat_template = served_template(tokenizer)
    _save_tokenizer(tokenizer, folder)
    write_settings(folder, tokenizer, sorted(student.local.chat.eos))
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        digest.update(bytes.fromhex(_sha256(path)))
    return digest.hexdigest()


def _save_tokenizer(tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write a tokenizer so that it gives the same tokens when it is read again."""
    legacy = getattr(tokenizer, "legacy", None)
    if legacy is not None:
        # Where Llama 2 puts a blank before text: Transformers reads this, and does not write it.
        tokenizer.init_kwargs["legacy"] = legacy
    tokenizer.save_pretrained(folder)


def exportable(
    student: Student, config: DistillConfig, records: Sequence[TrainingRecord] = ()
) -> tuple[CpuPrecision, ...]:
    """What can be exported for llama.cpp; nothing of a student that only vLLM can serve.

    Args:
        records: What it is to be taught.

    Raises:
        NotExportable: it can be nothing, and the plan needs it; or no engine would tell it of the
            records' tools and calls, or read its own calls.
    """
    if any(record.tools for record in records):
        _require_tools(student, config)
    called = (message.tool_calls for record in records for message in record.messages)
    if any(called) and leaves_calls_out(student.local.tokenizer):
        raise NotExportable(
            f"the records have calls in past turns, and the chat template of {config.student.name} "
            "leaves them out; choose a student whose template writes them"
        )
    ends = sorted(student.local.chat.eos)
    try:
        if any(record.tools for record in records):
            _require_llama_cpp_calls(student, config)
        require_exportable(student.model.config, student.local.tokenizer, ends)
    except NotExportable as error:
        return _without_gguf(config, error)
    return config.gguf


def _require_tools(student: Student, config: DistillConfig) -> None:
    if not takes_tools(student.local.tokenizer):
        raise NotExportable(
            f"the records have tools, and the chat template of {config.student.name} has no word "
            "for them; choose a student whose template has"
        )
    if not config.gguf_required and tool_parser(student.local.tokenizer) is None:
        raise NotExportable(
            f"vLLM has no parser for tool calls as the chat template of {config.student.name} "
            "writes them; choose another student, or one that llama.cpp serves on CPUs"
        )


def _require_llama_cpp_calls(student: Student, config: DistillConfig) -> None:
    if not llama_cpp_takes_calls(student.local.tokenizer):
        raise NotExportable(
            f"the chat template of {config.student.name} writes tool calls in Qwen3-Coder's tags, "
            "which llama.cpp takes only where a reply begins with <|im_start|>assistant; choose a "
            "student with that model's template, or one that vLLM serves"
        )


def gguf_seconds(num_parameters: int, precisions: Sequence[CpuPrecision]) -> float:
    """How long `export_gguf` may take."""
    if not precisions:
        return 0.0
    billions = num_parameters / 1e9
    files = sum(_SECONDS_OF_A_FILE + billions * _SECONDS_PER_BILLION[one] for one in precisions)
    return files + _SECONDS_OF_A_STUDENT + billions * _READING_SECONDS_PER_BILLION


def base_seconds(student: Student, config: DistillConfig) -> float:
    """How long `export` may take for the base of an adapter, where that goes with it."""
    if config.method != "lora" or is_named(student, config.student):
        return 0.0
    return student.num_parameters / 1e9 * _BASE_SECONDS_PER_BILLION


def export_gguf(
    folder: Path, config: DistillConfig, records: Sequence[TrainingRecord] = ()
) -> tuple[CpuPrecision, ...]:
    """Write an exported student for llama.cpp, and ask llama.cpp for tokens, prompts and logits.

    Args:
        records: What it was taught; the prompts of some that have tools are compared, too.

    Returns:
        What was written: `config.gguf`, or nothing where no plan needs it and it could not be.

    Raises:
        NotExportable: llama.cpp would answer another prompt than the student was taught.
    """
    if not config.gguf:
        return ()
    try:
        ours = next_token_of(folder)
        taught = list(islice((record for record in records if record.tools), _COMPARED_RECORDS))
        for precision in config.gguf:
            _log.info("writing %s", gguf_name(precision))
            path = write_gguf(folder, precision, name=config.student.name)
            compared = compare(folder, path, precision, ours, taught)
            mib = path.stat().st_size / 2**20
            _log.info("%s: %s, %.1f MiB, %s", path.name, precision, mib, compared)
    except NotExportable as error:
        found = _without_gguf(config, error)
        for precision in config.gguf:
            (folder / gguf_name(precision)).unlink(missing_ok=True)
        return found
    return config.gguf


def _without_gguf(config: DistillConfig, error: NotExportable) -> tuple[CpuPrecision, ...]:
    if config.gguf_required:
        raise error
    _log.warning("%s is exported without GGUF, for vLLM alone: %s", config.student.name, error)
    return ()


def describe(
    folder: Path,
    config: DistillConfig,
    result: DistillResult,
    *,
    base: str,
    records_sha256: str,
    num_records: int,
) -> None:
    """Add what describes the artifact: metrics, README.md, manifest.json."""
    (folder / "metrics.json").write_text(result.model_dump_json(indent=2), encoding="utf-8")
    card = _card(folder, config, result, base, num_records)
    (folder / "README.md").write_text(card, encoding="utf-8")
    manifest: dict[str, Any] = {
        "run_id": config.run_id,
        "base_model": base,
        "base_revision": commit_of(config.student),
        "licence": config.student.licence,
        "layers": config.student.layers,
        "method": config.method,
        "precision": config.precision,
        "training": config.training.model_dump(),
        "records": {"sha256": records_sha256, "count": num_records},
        "rights": list(config.rights),
        "weights_sha256": result.weights_sha256,
        "gguf": {
            gguf_name(precision): {"precision": precision, "llama_cpp": BUILD}
            for precision in config.gguf
        },
        "files": {
            str(path.relative_to(folder)): _sha256(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        },
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2), encoding="utf-8")


def _card(
    folder: Path, config: DistillConfig, result: DistillResult, base: str, num_records: int
) -> str:
    licence = config.student.licence
    head = f"license: {_yaml(licence.lower())}\n" if licence else ""
    teacher = config.teacher.name if config.teacher else "see the run"
    kept = config.student.layers
    layers = "" if kept is None else f", {kept} of its layers, evenly spaced"
    loss = result.best_validation_loss
    return f"""---
base_model: {_yaml(base)}
library_name: transformers
pipeline_tag: text-generation
{head}tags: [distillation, stratos]
---

# {markdown(base.rpartition("/")[2])}, distilled

Made by run `{config.run_id}` of Stratos.

| | |
|---|---|
| Base model | {markdown(base)}{layers} |
| Teacher | {markdown(teacher)} |
| Parameters | {result.num_parameters:,} ({result.num_trainable_parameters:,} trained) |
| Method | {config.method}, {config.training.optimizer}, {config.precision} |
| Verified records | {num_records:,} |
| Steps | {result.steps:,} of {result.planned_steps:,} ({result.stopped_by}) |
| Tokens | {result.training_tokens:,} |
| Training loss | {result.final_loss:.4f} |
| Validation loss | {"none" if loss is None else f"{loss:.4f}"} |

The held-out accuracy, with its interval and baselines, is in the run's `run.json`.
The final answer follows the last {markdown_code(config.judging.answer_marker)}.
{_rights(config)}
{_usage(folder, config)}"""


def _yaml(text: str) -> str:
    """A value of the card's head: plain where YAML reads it as the same words, else quoted."""
    return text if re.fullmatch(r"[A-Za-z][\w./-]*", text) else json.dumps(text)


def _rights(config: DistillConfig) -> str:
    if not config.rights:
        return ""
    lines = "\n".join(f"- {markdown(line)}" for line in config.rights)
    return f"\n## Who may train on the teacher's answers, as far as it is known\n\n{lines}\n"


def _adapter_row(folder: Path, config: DistillConfig) -> str:
    if config.method != "lora":
        return ""
    named = f"{markdown(config.student.hub or '')} at the revision in its adapter_config.json"
    base = f"the base in `{BASE}`" if (folder / BASE).is_dir() else named
    return (
        f"\n| `{FOLDER}` | the LoRA adapter alone, for {base}; "
        f'`AutoPeftModelForCausalLM.from_pretrained("{FOLDER}")` in this folder |'
    )


_OLLAMA = """
Ollama has not been tried with it. It takes the template from the file:

```
printf 'FROM ./{file}\\nPARAMETER temperature 0\\n' > Modelfile
ollama create distilled --file Modelfile
ollama run distilled
```
"""


def _usage(folder: Path, config: DistillConfig) -> str:
    rows = "\n".join(f"| `{gguf_name(kind)}` | {kind}, llama.cpp {BUILD} |" for kind in config.gguf)
    served = f"llama-server --model {gguf_name(config.gguf[-1])} --temp 0\n" if config.gguf else ""
    ollama = _OLLAMA.format(file=gguf_name(config.gguf[-1])) if config.gguf else ""
    return f"""## Ask it

It was taught and measured with greedy answers. Its chat template renders the prompts of training.

| File | Holds |
|---|---|
| `model.safetensors` | the weights, in the precision of the base model |
{rows}{_adapter_row(folder, config)}

transformers:

```python
from transformers import pipeline

ask = pipeline("text-generation", model=".")
print(ask([{{"role": "user", "content": "..."}}], return_full_text=False)[0]["generated_text"])
```

llama.cpp, then `POST /v1/chat/completions` on port 8080; vLLM, then the same on port 8000:

```
{served}vllm serve . --served-model-name {shlex.quote(one_line(config.student.name))}
```

`stratos serve .` starts whichever of the two is there.
{ollama}"""


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
