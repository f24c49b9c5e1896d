"""The instance type that SageMaker started a job on, of those that the job asked for."""

from __future__ import annotations

import os
from collections.abc import Mapping

from training.container.paths import base_folder, read_config


def current_instance_type(environ: Mapping[str, str] = os.environ) -> str | None:
    """As SageMaker says; None outside a training container."""
    found = read_config(base_folder(environ), "resource").get("current_instance_type")
    return str(found) if found else None
