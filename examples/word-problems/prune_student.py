"""Make the student base: the Mahjong example's, with layers taken out.

    python examples/word-problems/prune_student.py

What is left has lost what the whole model could do, and learns it from the teacher in minutes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

HERE = Path(__file__).parent
WHOLE = HERE.parent / "mahjong-waits" / "models" / "student-base"
KEPT_LAYERS = (0, 1, 3)


def prune(model: PreTrainedModel, kept: tuple[int, ...]) -> PreTrainedModel:
    """Keep some layers of a model, in their order; the model given is changed."""
    layers = [model.model.layers[index] for index in kept]
    for index, layer in enumerate(layers):
        layer.self_attn.layer_idx = index
    model.model.layers = torch.nn.ModuleList(layers)
    model.config.num_hidden_layers = len(layers)
    model.config.layer_types = [model.config.layer_types[index] for index in kept]
    return model


def main() -> None:
    """Read the command line and write the pruned model."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--layers", type=int, nargs="+", default=list(KEPT_LAYERS))
    parser.add_argument("--folder", type=Path, default=HERE / "models" / "student-base")
    given = parser.parse_args()
    model = AutoModelForCausalLM.from_pretrained(WHOLE, dtype=torch.bfloat16)
    pruned = prune(model, tuple(given.layers))
    pruned.save_pretrained(given.folder)
    AutoTokenizer.from_pretrained(WHOLE).save_pretrained(given.folder)
    print(f"{given.folder}: {sum(weight.numel() for weight in pruned.parameters()):,} parameters")


if __name__ == "__main__":
    main()
