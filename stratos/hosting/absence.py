"""How SageMaker says that there is nothing of a name, something already, or nothing to stop."""

from __future__ import annotations

from typing import Any

_IN_WORDS = ("not find", "does not exist", "not found")


def is_absent(error: Exception, *, held_by_tag: bool) -> bool:
    """Whether a call failed because there is nothing of that name.

    SageMaker says so with a `ValidationException`, whose words alone tell it from a bad request.

    Args:
        error: botocore's `ClientError`.
        held_by_tag: The role may use such resources only where they carry the run tag. Then IAM
            comes first: what does not exist has no tags, and access to it is denied. Anywhere
            else a denied access is what it says, and a resource may be there.
    """
    response: dict[str, Any] = getattr(error, "response", {})
    told = response.get("Error", {})
    code, message = told.get("Code", ""), str(told.get("Message", "")).lower()
    if code in ("ValidationException", "ValidationError"):
        return any(words in message for words in _IN_WORDS)
    if code == "AccessDeniedException":
        return held_by_tag
    return code in ("ResourceNotFound", "ResourceNotFoundException")


def is_over(error: Exception) -> bool:
    """Whether a job could not be stopped because it has ended, or is ending, by itself."""
    response: dict[str, Any] = getattr(error, "response", {})
    told = response.get("Error", {})
    message = str(told.get("Message", "")).lower()
    return told.get("Code") == "ValidationException" and "job is in status" in message


def is_taken(error: Exception) -> bool:
    """Whether a call failed because there is something of that name already."""
    response: dict[str, Any] = getattr(error, "response", {})
    message = str(response.get("Error", {}).get("Message", "")).lower()
    return "already exist" in message
