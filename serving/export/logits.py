"""What a model would write next, by its weights and by its file for llama.cpp: nearly the same.

A tensor in the wrong order loads and answers, so nothing else shows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel

from serving.memory import available_memory_bytes
from stratos.catalog.files import FilesOnDisk
from stratos.catalog.safetensors import stored_tensors
from stratos.errors import NotExportable
from stratos.spec import CpuPrecision

LIKELIEST = 50
"""Tokens that are looked at."""
READING_APART = 0.3
"""Nats that explain themselves where llama.cpp and transformers read one file: llama.cpp rounds
activations too. Real models of 4 bits were within 0.02."""
_IN_FLOAT32_PARAMETERS = 2_000_000_000
"""Of a student that is read once more in float32: 8 GB, for seconds. Larger ones are in bfloat16,
where the machine has room for that beside what it trained."""
_ROUNDING: dict[CpuPrecision, float] = {
    "float32": 0.02,
    "float16": 0.05,
    "q8_0": 0.1,
    "q4_k_m": 0.4,
}
"""Nats of divergence that are let pass. Tiny random models of the families were at most 0.0006,
0.007 and 0.07 apart in float16, q8_0 and q4_k_m, and 0.05 to 0.8 with rows out of order. So only
the file in full precision is checked for its tensors; in q4_k_m, gross faults alone are found."""
_ROUNDING_OF_BFLOAT16 = 0.1
"""Nats on top where our side computes in bfloat16: far above the 0.001 of SmolLM2-135M-Instruct, as
it must never refuse a large student for rounding."""


@dataclass(frozen=True)
class NextToken:
    """What a student would write after a prompt.

    Attributes:
        log_probs: Of each token; None for a student that has no room to be read once more.
        dtype: That it was computed in.
    """

    prompt: tuple[int, ...]
    log_probs: Tensor | None
    dtype: torch.dtype = torch.float32

    def most_apart(self, precision: CpuPrecision) -> float:
        """The nats by which a file of that precision may diverge."""
        ours = _ROUNDING_OF_BFLOAT16 if self.dtype == torch.bfloat16 else 0.0
        return _ROUNDING[precision] + ours


def num_parameters(folder: Path) -> int:
    """How many numbers a model folder holds."""
    tensors = stored_tensors(FilesOnDisk(folder.parent), folder.name)
    return sum(tensor.num_elements for tensor in tensors)


def next_token(folder: Path, prompt: Sequence[int]) -> NextToken:
    """Read a student once more and ask it for the token after a prompt."""
    count, asked = num_parameters(folder), tuple(prompt)
    dtype = torch.float32 if count <= _IN_FLOAT32_PARAMETERS else torch.bfloat16
    if dtype == torch.bfloat16 and count * dtype.itemsize > available_memory_bytes():
        return NextToken(asked, None, dtype)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
    return NextToken(asked, log_probs(model.eval(), asked), dtype)


@torch.no_grad()
def log_probs(model: PreTrainedModel, prompt: Sequence[int]) -> Tensor:
    """The logarithms of each token's probability after a prompt."""
    tokens = torch.tensor([list(prompt)], device=model.device)
    logits: Tensor = model(tokens, use_cache=False).logits[0, -1]
    return logits.float().cpu().log_softmax(-1)


def require_alike(ours: Tensor, theirs: Mapping[int, float], most: float) -> None:
    """Refuse a file that would write something else than the weights.

    Args:
        theirs: The likeliest tokens of llama.cpp with the logarithms of their probabilities.
        most: Nats of divergence that are allowed.

    Raises:
        NotExportable: it diverges further.
    """
    found = divergence(ours, theirs)
    if found > most:
        raise NotExportable(
            f"llama.cpp expects other next tokens of the file than transformers of the weights "
            f"({found:.2f} nats apart, {most:g} are allowed); one of them reads a tensor in "
            "another way, so vLLM must serve the model"
        )


def divergence(ours: Tensor, theirs: Mapping[int, float]) -> float:
    """How far llama.cpp's expectation is from ours, in nats, over our likeliest tokens."""
    best = ours.topk(min(LIKELIEST, len(ours)))
    least = min(theirs.values())
    return sum(
        float(logarithm.exp()) * (float(logarithm) - theirs.get(int(token), least))
        for logarithm, token in zip(best.values, best.indices, strict=True)
    )
