"""A GGUF as the model folder that everything else reads.

Weights are turned back into plain numbers by Transformers. Configuration and tokenizer are ours,
since Transformers passes over some of what the file says; llama.cpp is asked whether both agree.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import json
import logging
import os
import shutil
import tempfile
from functools import partial
from pathlib import Path

from transformers import AutoConfig, AutoModelForCausalLM, GgufConfig, PreTrainedModel
from transformers.utils import logging as transformers_logging

from serving.export.comparison import compare_reading
from stratos.catalog.files import FilesOnDisk
from stratos.catalog.gguf_config import gguf_config
from stratos.catalog.gguf_header import GgufHeader, is_gguf, read_gguf_header
from stratos.catalog.gguf_tokenizer import gguf_ends, gguf_tokenizer, gguf_tokenizer_config
from stratos.errors import NotExportable
from stratos.spec.folder import template_beside

_PREFIX = "stratos-gguf-"
_DONE, _USERS = "complete", "users"
_log = logging.getLogger(__name__)


def find_gguf(channel: Path, name: str) -> Path | None:
    """The file of that name in a channel, if it is a GGUF."""
    path = channel / name
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return path if is_gguf(file.read(4)) else None


def folder_of_gguf(path: Path, name: str) -> Path:
    """Return the model folder of a GGUF, there until the last process of the job has ended.

    Args:
        name: Of the model, for messages.

    Raises:
        ValueError: it cannot be read, or llama.cpp reads it otherwise.
    """
    temporary = Path(tempfile.gettempdir())
    parts = [one for one in (path, Path(template_beside(str(path)))) if one.exists()]
    about = [f"{one.resolve()} {one.stat().st_size} {one.stat().st_mtime_ns}" for one in parts]
    key = hashlib.sha256("\n".join(about).encode())
    folder = temporary / f"{_PREFIX}{key.hexdigest()[:16]}"
    _hold(folder)
    # A job that was killed removed nothing.
    for other in temporary.glob(f"{_PREFIX}*"):
        _remove_unused(other)
    # The processes of a job share the machine: one makes it, the others wait.
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / _DONE).exists():
            convert(path, folder / "model", name)
            (folder / _DONE).touch()
    return folder / "model"


def _hold(folder: Path) -> None:
    """Make a folder that is removed when the last process that holds it ends."""
    while True:
        folder.mkdir(mode=0o700, exist_ok=True)
        try:
            users = os.open(folder / _USERS, os.O_RDWR | os.O_CREAT, 0o600)
        except FileNotFoundError:
            continue
        fcntl.flock(users, fcntl.LOCK_SH)
        try:
            # It may have been removed before the lock was there.
            if os.path.samestat(os.fstat(users), (folder / _USERS).stat()):
                break
        except FileNotFoundError:
            pass
        os.close(users)
    atexit.register(_leave, folder, users)


def _leave(folder: Path, users: int) -> None:
    os.close(users)
    _remove_unused(folder)


def _remove_unused(folder: Path) -> None:
    """Remove a folder that no process holds."""
    try:
        with (folder / _USERS).open("r+") as users:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:  # held, gone, or another user's
        return


def convert(path: Path, folder: Path, name: str) -> None:
    """Write config, weights, tokenizer and chat template of a GGUF as a model folder.

    A template that lies beside the file takes the place of its own.

    Raises:
        ValueError: it cannot be read, or llama.cpp reads it otherwise.
    """
    folder.mkdir(parents=True, exist_ok=True)
    read_range = partial(FilesOnDisk(path.parent).read_range, path.name)
    header = read_gguf_header(read_range, name)
    _log.info("%s: reading %s tensors of a GGUF", name, f"{len(header.tensors):,}")
    _write(folder / "config.json", gguf_config(header, read_range, name))
    _write(folder / "tokenizer.json", gguf_tokenizer(header, name))
    _write(folder / "tokenizer_config.json", gguf_tokenizer_config(header))
    beside = Path(template_beside(str(path)))
    if beside.is_file():
        shutil.copyfile(beside, folder / "chat_template.jinja")
    with tempfile.TemporaryDirectory() as linked:
        # Transformers tells a GGUF by its ending, which a blob of Ollama has not.
        link = Path(linked) / "model.gguf"
        link.symlink_to(path.resolve())
        model = _dequantised(link, folder, header, name)
        model.save_pretrained(folder, safe_serialization=True)
        _write(folder / "generation_config.json", {"eos_token_id": gguf_ends(header)})
        try:
            compare_reading(folder, link, model)
        except NotExportable as error:
            raise ValueError(
                f"{name} is not read as llama.cpp reads it: {error}. Upload the model's folder of "
                "safetensors instead, or name it by `hub`"
            ) from error


def _dequantised(path: Path, folder: Path, header: GgufHeader, name: str) -> PreTrainedModel:
    config = AutoConfig.from_pretrained(folder)
    transformers_logging.disable_progress_bar()
    model, loaded = AutoModelForCausalLM.from_pretrained(
        path.parent,
        gguf_file=path.name,
        config=config,
        dtype=config.dtype,
        quantization_config=GgufConfig(dequantize=True),
        output_loading_info=True,
    )
    wrong = {kind: sorted(map(str, keys)) for kind, keys in loaded.items() if keys}
    if wrong:
        kind, keys = next(iter(wrong.items()))
        raise ValueError(
            f"{name}: {kind.replace('_', ' ')} where Transformers reads the GGUF, {keys[0]} first "
            f"of {len(keys)}; upload the model's folder of safetensors instead"
        )
    found: PreTrainedModel = model.eval()
    return found


def _write(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
