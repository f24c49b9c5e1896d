"""What a student would write next, by its weights and by a file made of them: nearly the same.

A tensor in the wrong order loads and answers, so nothing else shows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM

from serving.export.stored_tensors import open_tensors
from stratos.errors import NotExportable
from stratos.spec import CpuPrecision

LIKELIEST = 50
"""Tokens that are looked at."""
MOST_PARAMETERS = 2_000_000_000
"""Of a student that is read once more for this, in float32: 8 GB, for seconds. Larger ones are not,
since the machine may have no room for them beside what it trained."""
_APART: dict[CpuPrecision, float] = {
    "float32": 0.02,
    "float16": 0.05,
    "q8_0": 0.1,
    "q4_k_m": 0.4,
}
"""Nats of divergence that rounding explains. Tiny random models of the families were at most
0.0006, 0.007 and 0.07 apart in float16, q8_0 and q4_k_m, and 0.05 to 0.8 with rows out of order."""


def num_parameters(folder: Path) -> int:
    """How many numbers a model folder holds."""
    with open_tensors(folder) as tensors:
        return sum(torch.Size(tensors.shape(name)).numel() for name in tensors.names)


@torch.no_grad()
def next_token(folder: Path, prompt: Sequence[int]) -> Tensor | None:
    """The logarithms of each token's probability after a prompt, in float32.

    Returns:
        None for a student that is too large to be read once more.
    """
    if num_parameters(folder) > MOST_PARAMETERS:
        return None
    config = AutoConfig.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, config=config, dtype=torch.float32)
    logits: Tensor = model.eval()(torch.tensor([list(prompt)]), use_cache=False).logits[0, -1]
    return logits.log_softmax(-1)


def require_alike(ours: Tensor, theirs: Mapping[int, float], precision: CpuPrecision) -> None:
    """Refuse a file that would write something else than the weights.

    Args:
        theirs: The likeliest tokens of llama.cpp with the logarithms of their probabilities.

    Raises:
        NotExportable: it diverges further than its rounding explains.
    """
    found = divergence(ours, theirs)
    if found > _APART[precision]:
        raise NotExportable(
            f"llama.cpp expects other next tokens of the file than transformers of the weights "
            f"({found:.2f} nats apart, {_APART[precision]:g} are allowed in {precision}); a tensor "
            "is written in a way that llama.cpp reads otherwise. Host the student with vLLM"
        )


def divergence(ours: Tensor, theirs: Mapping[int, float]) -> float:
    """How far llama.cpp's expectation is from ours, in nats, over our likeliest tokens."""
    best = ours.topk(min(LIKELIEST, len(ours)))
    least = min(theirs.values())
    return sum(
        float(logarithm.exp()) * (float(logarithm) - theirs.get(int(token), least))
        for logarithm, token in zip(best.values, best.indices, strict=True)
    )
