"""Bedrock's own list of models: which teachers a region still offers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Literal, Protocol

from stratos.frozen import FrozenModel

GEOGRAPHIES = ("apac", "au", "eu", "global", "in", "jp", "us")
"""Prefixes of cross-region profiles, which the list names by their foundation model."""


class BedrockClient(Protocol):
    """boto3's `bedrock` client, as far as it is used."""

    def list_foundation_models(self, **request: Any) -> Mapping[str, Any]: ...


class ListedModel(FrozenModel):
    """One model of the list."""

    model_id: str
    lifecycle: Literal["active", "legacy"]
    """Legacy models have an end of life, and accept no new users."""
    chats: bool
    """Reads text and writes text."""


class BedrockListing(FrozenModel):
    """What Bedrock offered in one region on one day: `catalog/teachers.json`."""

    region: str
    as_of: date
    models: tuple[ListedModel, ...]

    def problem(self, model_id: str) -> str | None:
        """Why a teacher should not be chosen by default; None if there is no reason."""
        listed = self._find(model_id)
        if listed is None:
            return f"Bedrock did not offer {model_id} in {self.region} on {self.as_of}"
        if listed.lifecycle == "legacy":
            return f"{model_id} was legacy in {self.region} on {self.as_of}"
        return None if listed.chats else f"{model_id} does not answer text with text"

    def offers(self, model_id: str) -> bool:
        """Whether a call can succeed: legacy models still answer those who use them."""
        listed = self._find(model_id)
        return listed is not None and listed.chats

    def _find(self, model_id: str) -> ListedModel | None:
        geography, _, base = model_id.partition(".")
        names = (model_id, base) if geography in GEOGRAPHIES else (model_id,)
        return next((row for row in self.models if row.model_id in names), None)


def fetch_listing(client: BedrockClient, region: str, today: date) -> BedrockListing:
    """Read the list; it comes in one page.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListFoundationModels.html
    """
    response = client.list_foundation_models()
    return BedrockListing(
        region=region, as_of=today, models=tuple(parse_models(response["modelSummaries"]))
    )


def parse_models(summaries: Iterable[Mapping[str, Any]]) -> Iterable[ListedModel]:
    """Models out of their summaries; one without a lifecycle counts as active."""
    for row in summaries:
        status = row.get("modelLifecycle", {}).get("status", "ACTIVE")
        modalities = (row.get("inputModalities", ()), row.get("outputModalities", ()))
        yield ListedModel(
            model_id=row["modelId"],
            lifecycle="legacy" if status == "LEGACY" else "active",
            chats=all("TEXT" in modality for modality in modalities),
        )
