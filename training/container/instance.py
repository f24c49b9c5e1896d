"""The instance type that SageMaker started a job on, of those that the job asked for."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

_INPUT_CONFIG = "/opt/ml/input/config"


def current_instance_type(environ: Mapping[str, str] = os.environ) -> str | None:
    """As the toolkit says, or else SageMaker itself; None outside a training container."""
    if told := environ.get("SM_CURRENT_INSTANCE_TYPE"):
        return told
    path = Path(environ.get("SM_INPUT_CONFIG_DIR", _INPUT_CONFIG)) / "resourceconfig.json"
    try:
        found = json.loads(path.read_bytes())["current_instance_type"]
    except (FileNotFoundError, KeyError):
        return None
    return str(found)
