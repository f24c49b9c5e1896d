"""`stratos serve`: answers from a pulled model, on this machine."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from stratos.cli.screen import echo
from stratos.contracts.artifact import GGUF_IN_FULL, gguf_name
from stratos.errors import ModelNotFound, NoEngine
from stratos.spec import QUANTISED

HOST = "127.0.0.1"
_PROGRAM, _WHEEL, _VLLM = "llama-server", "xllamacpp", "vllm"


@dataclass(frozen=True)
class ServedHere:
    """A model file, or a folder of safetensors, and the name it answers to."""

    path: Path
    name: str

    @property
    def is_gguf(self) -> bool:
        return self.path.suffix == ".gguf"


def serve_command(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder that `stratos pull` has filled.")
    ],
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to answer on.")] = 8080,
    precision: Annotated[
        str | None,
        typer.Option(help="Which of its GGUF files: q8_0, q4_k_m, or full; else the smallest."),
    ] = None,
    context: Annotated[
        int, typer.Option(min=0, help="Tokens of prompt and answer; 0 for the model's own limit.")
    ] = 0,
) -> None:
    """Answer on this machine, at http://127.0.0.1:8080/v1/chat/completions, until Ctrl-C.

    It takes the engine that is here: llama.cpp's `llama-server`, the same from the package
    xllamacpp (`pip install 'stratos-distill[serve]'`), or vLLM. Answers are greedy, as the run
    measured them, unless a request says otherwise. No other machine can ask.
    """
    model = model_in(folder, precision)
    if model.is_gguf and (program := shutil.which(_PROGRAM)):
        _tell(model, port)
        _become(program, [*llama_arguments(model, port, context), "--jinja"])
    elif model.is_gguf and importlib.util.find_spec(_WHEEL):
        _tell(model, port)
        _serve_by_wheel(model, port, context)
    elif precision is None and (program := shutil.which(_VLLM)):
        _tell(ServedHere(folder, model.name), port)
        _become(program, vllm_arguments(folder, model.name, port, context))
    else:
        neither = f"{_PROGRAM} is not" if precision else f"neither {_PROGRAM} nor {_VLLM} is"
        raise NoEngine(
            f"nothing here can serve {model.path.name}: {neither} on the path, and the package "
            f"{_WHEEL} is not installed. Install it with `pip install 'stratos-distill[serve]'`"
        )


def _tell(model: ServedHere, port: int) -> None:
    echo(f"{model.path} answers at http://{HOST}:{port}/v1/chat/completions; Ctrl-C ends it")
    sys.stdout.flush()


def model_in(folder: Path, precision: str | None) -> ServedHere:
    """What a pulled folder has to serve.

    Args:
        precision: `full`, or one that weights are quantised to; None for the smallest file.

    Raises:
        ModelNotFound: there is no model, or none in this precision.
    """
    try:
        manifest: dict[str, Any] = dict(json.loads((folder / "manifest.json").read_text()))
    except (OSError, ValueError, TypeError):
        raise ModelNotFound(
            f"{folder} has no manifest.json, so it is no pulled model; "
            f"`stratos pull RUN --to {folder}` makes one"
        ) from None
    name = str(manifest.get("base_model", folder.name)).rpartition("/")[2]
    found = {path.name: path for path in folder.glob("*.gguf")}
    if precision is None:
        if found:
            return ServedHere(min(found.values(), key=lambda path: path.stat().st_size), name)
        return ServedHere(folder, name)
    kinds = {kind: gguf_name(kind) for kind in QUANTISED} | {"full": GGUF_IN_FULL}
    if kinds.get(precision) not in found:
        held = [kind for kind, file in kinds.items() if file in found]
        raise ModelNotFound(
            f"{folder} has no GGUF in {precision!r}; it has {', '.join(held) or 'none'}"
        )
    return ServedHere(found[kinds[precision]], name)


def llama_arguments(model: ServedHere, port: int, context: int) -> list[str]:
    """Of `llama-server`: what the run measured with, but for this machine's size."""
    return [
        *("--model", str(model.path), "--alias", model.name),
        *("--host", HOST, "--port", str(port), "--ctx-size", str(context), "--parallel", "1"),
        *("--temp", "0", "--top-k", "0", "--top-p", "1", "--min-p", "0", "--cache-ram", "0"),
    ]


def vllm_arguments(folder: Path, name: str, port: int, context: int) -> list[str]:
    """Of `vllm`. Sampling is in the folder's generation_config.json."""
    length = ["--max-model-len", str(context)] if context else []
    return [
        *("serve", str(folder), "--served-model-name", name),
        *("--host", HOST, "--port", str(port), *length),
    ]


def _become(program: str, arguments: Sequence[str]) -> None:
    """Turn into the engine: Ctrl-C and signals reach it, and nothing outlives it."""
    os.execv(program, [program, *arguments])


def _serve_by_wheel(model: ServedHere, port: int, context: int) -> None:
    """llama.cpp's server inside the package xllamacpp, which has no command line of its own."""
    import xllamacpp

    asked = xllamacpp.CommonParams()
    asked.model.path, asked.model_alias = str(model.path), {model.name}
    asked.hostname, asked.port = HOST, port
    asked.n_ctx, asked.n_parallel, asked.cache_ram_mib = context, 1, 0
    asked.use_jinja = True
    sampling, given = asked.sampling, xllamacpp.common_params_sampling_config
    sampling.temp, sampling.top_k, sampling.top_p, sampling.min_p = 0.0, 0, 1.0, 0.0
    for name in ("TEMP", "TOP_K", "TOP_P", "MIN_P"):
        sampling.user_sampling_config |= int(
            getattr(given, f"COMMON_PARAMS_SAMPLING_CONFIG_{name}")
        )
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        server = xllamacpp.Server(asked)
    except Exception as error:  # the wheel raises what it likes; its log above says why
        raise NoEngine(f"llama.cpp cannot serve {model.path}: {error}") from error
    echo(f"ready: {server.listening_address}")
    sys.stdout.flush()
    ended.wait()
    os._exit(0)  # tearing the native server down waits for requests in flight
