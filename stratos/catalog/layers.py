"""Which layers of a decoder are kept where a smaller one is cut out of it."""

from __future__ import annotations


def require_fewer_layers(name: str, there: int, kept: int) -> None:
    """Refuse to keep as many layers of a model as there are, or a single one.

    Raises:
        ValueError: with both numbers.
    """
    if not 2 <= kept < there:
        raise ValueError(f"{name} has {there} layers; `layers: {kept}` must be below that")


def kept_layers(there: int, kept: int) -> list[int]:
    """Choose layers, evenly spaced from the first to the last.

    A student that starts from every second layer of its teacher loses little
    (DistilBERT, arXiv 1910.01108, section 3).

    Raises:
        ValueError: when the model has no more than that.
    """
    require_fewer_layers("the model", there, kept)
    return [round(index * (there - 1) / (kept - 1)) for index in range(kept)]
