"""Numbers of the network in the metadata of a GGUF."""

from __future__ import annotations

from stratos.catalog.gguf_header import GgufHeader


class GgufSizes:
    """Numbers of one file, by their keys without the architecture.

    Raises:
        ValueError: a number is missing or is none, naming the file and the key.
    """

    def __init__(self, header: GgufHeader, name: str) -> None:
        self._header, self._name = header, name

    def of(self, key: str, default: int | None = None) -> int:
        """A positive integer; of a list with one for each layer, the one that all have."""
        full = f"{self._header.architecture}.{key}"
        value = self._header.metadata.get(full, default)
        if isinstance(value, tuple) and len(set(value)) == 1:
            value = value[0]
        if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
            raise ValueError(
                f"{self._name} needs a positive integer {full}, has {value!r}; upload the model's "
                "folder of safetensors instead"
            )
        return value

    def number(self, key: str, default: float | None = None) -> float:
        full = f"{self._header.architecture}.{key}"
        value = self._header.number(full)
        value = default if value is None else value
        if value is None:
            raise ValueError(f"{self._name} has no {full}; convert the model again")
        return value


def rounded(value: float) -> float:
    """A number that was rounded to 32 bits, as people write it."""
    return float(f"{value:.7g}")
