"""A file that the cloud's user changes while it runs, and that the cloud reads at each call."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel

Content = TypeVar("Content", bound=BaseModel)


@dataclass(frozen=True)
class ChangedWhileRunning(Generic[Content]):
    """A file of a model, which is as the model's defaults where there is none."""

    path: Path
    model: type[Content]

    def read(self) -> Content:
        try:
            return self.model.model_validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return self.model()

    def write(self, content: Content) -> None:
        # Put in place whole: the cloud may read it at any moment.
        self.path.parent.mkdir(parents=True, exist_ok=True)
        written = self.path.with_suffix(".new")
        written.write_text(content.model_dump_json(indent=1), encoding="utf-8")
        written.replace(self.path)
