"""What the entry point of AWS's llama.cpp image makes of its environment.

`sagemaker_entrypoint.sh` and `llama_cpp_sagemaker.conf.template` of aws/deep-learning-containers
(scripts/docker/llama_cpp) are what is followed here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from serving.llama_cpp.arguments import arguments_of

_DEFAULT_PORT = 8080
_DEFAULT_FOLDER = "/opt/ml/model"


class EntryRefused(ValueError):
    """Nothing can be served with this environment; the message says why."""


@dataclass(frozen=True)
class Entry:
    """What is started.

    Attributes:
        port: SageMaker's, where requests come in.
        arguments: Of `llama-server`, beyond host and port.
    """

    port: int
    arguments: tuple[str, ...]

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Entry:
        """Read the container's environment.

        Raises:
            EntryRefused: there is no model, or the port is no number.
        """
        port = environment.get("SAGEMAKER_BIND_TO_PORT") or str(_DEFAULT_PORT)
        if not port.isdecimal():
            raise EntryRefused(f"SAGEMAKER_BIND_TO_PORT is {port!r}; give it a port number.")
        arguments = arguments_of(environment)
        if "--model" not in arguments:
            folder = Path(environment.get("SM_LLAMA_CPP_MODEL_DIR") or _DEFAULT_FOLDER)
            arguments += ["--model", str(_first_gguf(folder))]
        return cls(int(port), (*arguments, *_threads(arguments, environment)))


def _first_gguf(folder: Path) -> Path:
    found = [*sorted(folder.glob("*.gguf")), *sorted(folder.glob("*/*.gguf"))]
    if not found:
        # The image starts a server without a model here, which is healthy and answers nothing.
        raise EntryRefused(
            f"{folder} holds no *.gguf, nor do its folders; put one there or name it in "
            "SM_LLAMA_CPP_MODEL."
        )
    return found[0]


def _threads(arguments: list[str], environment: Mapping[str, str]) -> list[str]:
    """llama-server takes all cores of its container, and as many for prompts as for answers."""
    added = []
    if "--threads" in arguments:
        threads = arguments[arguments.index("--threads") + 1]
    else:
        threads = environment.get("OMP_NUM_THREADS") or str(len(os.sched_getaffinity(0)))
        added += ["--threads", threads]
    if "--threads-batch" not in arguments:
        added += ["--threads-batch", threads]
    return added
