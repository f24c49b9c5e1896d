"""Upload a pulled model to the Hugging Face Hub, or to whatever HF_ENDPOINT names."""

from __future__ import annotations

from pathlib import Path

from stratos.errors import NotUploaded

QUOTES_THE_DATASET = ("run.json", "report.html")
"""Files of a pulled folder with questions and answers in them."""


def push(folder: Path, repository: str) -> str:
    """Upload a folder as a model, but for what quotes the dataset, and return its page.

    A repository that is missing is made, private. The token is found as huggingface_hub finds it:
    HF_TOKEN, or `hf auth login`.

    Raises:
        NotUploaded: huggingface_hub is not installed, or the Hub refused.
    """
    try:
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError
    except ImportError:
        raise NotUploaded(
            f"{folder} is complete, but was not uploaded: huggingface_hub is not installed. "
            "`pip install 'stratos-distill[hub]'`"
        ) from None
    hub = HfApi()
    try:
        hub.create_repo(repository, private=True, exist_ok=True)
        hub.upload_folder(
            repo_id=repository,
            folder_path=folder,
            commit_message="A model distilled by Stratos",
            ignore_patterns=list(QUOTES_THE_DATASET),
        )
    except Exception as error:
        known = isinstance(error, HfHubHTTPError | HFValidationError | OSError)
        if not known and not type(error).__module__.startswith("httpx"):  # the name changed once
            raise
        reason = str(error).partition("\n")[0].rstrip(".")
        raise NotUploaded(
            f"{folder} is complete, but {repository} was not uploaded: {reason}. Set HF_TOKEN to a "
            "token that may write there, and give the same command again: nothing is downloaded "
            "twice"
        ) from error
    return f"{hub.endpoint}/{repository}"
