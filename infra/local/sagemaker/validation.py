"""What SageMaker refuses in a request, in the words of its ValidationException."""

from __future__ import annotations

import re
from collections.abc import Sequence

from moto.sagemaker.exceptions import AWSValidationException

_NAME_PATTERN = r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
_MAX_NAME_CHARACTERS = 63


def refuse_violations(found: Sequence[str]) -> None:
    """Raise SageMaker's ValidationException when there is anything to refuse."""
    if found:
        noun = "error" if len(found) == 1 else "errors"
        raise AWSValidationException(f"{len(found)} validation {noun} detected: {'; '.join(found)}")


def name_violations(field: str, name: str) -> list[str]:
    """What is wrong with a resource's name, if anything."""
    found = []
    if len(name) > _MAX_NAME_CHARACTERS:
        found.append(
            f"Value '{name}' at '{field}' failed to satisfy constraint: Member must have length "
            f"less than or equal to {_MAX_NAME_CHARACTERS}"
        )
    if not re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*", name):
        found.append(
            f"Value '{name}' at '{field}' failed to satisfy constraint: Member must satisfy "
            f"regular expression pattern: {_NAME_PATTERN}"
        )
    return found
