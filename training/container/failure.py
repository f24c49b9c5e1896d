"""The failure file: what SageMaker gives as the reason of a job that failed."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path

_CHARACTERS = 1024
"""What SageMaker shows of it. https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-output.html"""
_log = logging.getLogger(__name__)


def report_failure(output_dir: Path, error: Exception, *, is_cause: bool = False) -> None:
    """Write `ErrorName: message`, unless another of the job's processes failed first.

    Args:
        is_cause: What another process has written followed from this.
    """
    reason = f"{type(error).__name__}: {error}"
    _log.error("%s", reason)
    output_dir.mkdir(parents=True, exist_ok=True)
    with (
        suppress(FileExistsError),
        (output_dir / "failure").open("w" if is_cause else "x", encoding="utf-8") as file,
    ):
        file.write(reason[:_CHARACTERS])
