"""The folders and paths of a SageMaker container, in a directory that stands for `/opt/ml`."""

from __future__ import annotations

import re
from pathlib import Path

CONTAINER_ROOT = "/opt/ml"
_CONTAINER_PATH = re.compile(rf"(?<![\w./-]){re.escape(CONTAINER_ROOT)}(?![\w.-])")


class ContainerRoot:
    """One directory laid out as `/opt/ml`."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.code = self.path / "code"
        self.model = self.path / "model"
        self.output = self.path / "output"
        self.output_data = self.output / "data"
        self.failure = self.output / "failure"
        self.input = self.path / "input"
        self.input_config = self.input / "config"
        self.input_data = self.input / "data"

    def create(self) -> None:
        for folder in (
            self.code,
            self.model,
            self.output_data,
            self.output / "intermediate",
            self.input_config,
            self.input_data,
        ):
            folder.mkdir(parents=True, exist_ok=True)

    def channel(self, name: str) -> Path:
        return self.input_data / name

    def localize(self, value: str) -> str:
        """A text with `/opt/ml`, wherever it begins a path, as it is on this machine."""
        return _CONTAINER_PATH.sub(lambda _: str(self.path), value)
