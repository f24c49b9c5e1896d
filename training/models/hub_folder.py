"""A model of the Hugging Face Hub as a folder on this machine, of one commit."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    RevisionResolutionError,
)

from stratos.spec import Weights
from stratos.spec.hosts import HUB
from training.container.secrets import read_secret

_WANTED = ["*.safetensors", "*.json", "*.jinja", "*.model", "*.txt"]
_UNWANTED = ["*/*", "consolidated*"]
"""Copies of the weights in other layouts."""


@cache
def folder_of_hub(weights: Weights) -> Path:
    """Fetch a repository; the folder is named after its commit.

    Raises:
        ValueError: it is not there, or not for this token.
    """
    assert weights.hub is not None
    secret = weights.hub_token_secret
    # Without a secret nobody's: the library would use a login that is saved on this machine.
    named_by = "hub_token_secret"
    token = read_secret(secret, "token", named_by=named_by, host=HUB) if secret else False
    try:
        fetched = snapshot_download(
            weights.hub,
            revision=weights.revision,
            token=token,
            allow_patterns=_WANTED,
            ignore_patterns=_UNWANTED,
        )
    except (LocalEntryNotFoundError, RevisionResolutionError, OSError) as error:
        raise ValueError(_told(weights, error)) from error
    return Path(fetched)


def commit_of(weights: Weights) -> str | None:
    """The commit that was read of a model on the Hub; None of any other."""
    return folder_of_hub(weights).name if weights.hub is not None else None


def _told(weights: Weights, error: Exception) -> str:
    """What was wrong and what to do, without what the service said of the request."""
    hub, secret = weights.hub, weights.hub_token_secret
    with_token = f"with the token of the secret {secret!r}" if secret else "without a token"
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, HfHubHTTPError):
        cause = cause.__cause__
    status = cause.response.status_code if isinstance(cause, HfHubHTTPError) else None
    if isinstance(cause, RevisionNotFoundError):
        return f"{hub} has no revision {weights.revision!r}; look at its commits on the Hub"
    if isinstance(cause, GatedRepoError) or status in (401, 403):
        return (
            f"the Hub does not give {hub} {with_token} (HTTP {status}): it is gated, private or "
            "not there. Accept its terms on its page, make a token that may read it, put that "
            "into Secrets Manager and name the secret by `hub_token_secret`"
        )
    if isinstance(cause, RepositoryNotFoundError):
        return f"the Hub has no {hub} that can be read {with_token}; check the name"
    reason = f"HTTP {status}" if status else type(error).__name__
    return (
        f"{hub} could not be fetched from the Hub ({reason}); the job needs a way to it. Try "
        "again, or upload the model's folder beside the spec and give `path`"
    )
