"""What SageMaker refuses in a request, in the words of its ValidationException."""

from __future__ import annotations

from collections.abc import Sequence

from moto.sagemaker.exceptions import AWSValidationException


def refuse_violations(found: Sequence[str]) -> None:
    """Raise SageMaker's ValidationException when there is anything to refuse."""
    if found:
        noun = "error" if len(found) == 1 else "errors"
        raise AWSValidationException(f"{len(found)} validation {noun} detected: {'; '.join(found)}")
