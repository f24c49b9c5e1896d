"""What is known of who may train on a teacher's answers: the spec's word, the provider's terms.

Plain facts with their sources, no legal advice: whether terms forbid a use is for others to say.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from urllib.parse import urlsplit

from stratos.catalog.model_card import ModelCard
from stratos.catalog.models import hub_models
from stratos.catalog.shipped import shipped_rows
from stratos.frozen import FrozenModel
from stratos.spec import Bedrock, OpenAICompatible, Spec, Teacher, Weights


class ProviderTerms(FrozenModel):
    """One row of `data/terms.csv`: what a provider says of training on outputs."""

    provider: str
    host: str | None = None
    """Of its API."""
    bedrock: str | None = None
    """`any`: of all models on Bedrock."""
    licence: str | None = None
    """Of weights."""
    terms: str | None = None
    """In short words. None is unknown."""
    url: str
    seen: date
    """The day on which this was read."""

    @property
    def told(self) -> str:
        if self.terms is None:
            return f"{self.provider}'s terms are not in the catalog; they are at {self.url}"
        return f"{self.provider}: {self.terms} ({self.url}, seen on {self.seen})"


@cache
def provider_terms() -> tuple[ProviderTerms, ...]:
    """Every shipped row."""
    return tuple(map(ProviderTerms.model_validate, shipped_rows("terms.csv")))


def terms_of(model: Teacher) -> ProviderTerms | None:
    """The row of a teacher's provider or licence, if there is one."""
    for row in provider_terms():
        match model:
            case Bedrock():
                found = row.bedrock == "any"
            case OpenAICompatible():
                found = row.host is not None and row.host == urlsplit(model.base_url).hostname
            case Weights():
                found = row.licence is not None and row.licence == weights_licence(model)
            case _:
                found = False
        if found:
            return row
    return None


def told_rights(model: Teacher) -> str:
    """Who may train on a teacher's answers, as far as anybody has said, in one line."""
    stated = None if isinstance(model, Weights) else model.rights
    if stated is not None:
        return f"{model.name}: {stated.told}, says the spec"
    terms = terms_of(model)
    if terms is not None:
        return f"{model.name}: no rights are stated in the spec. {terms.told}"
    if isinstance(model, Weights):
        licence = weights_licence(model) or "unknown"
        return f"{model.name}: the licence of its weights is {licence}"
    return (
        f"{model.name}: nobody has said who may train on its answers; the catalog has no terms of "
        "its provider, and the spec no `rights`"
    )


def rights_in(spec: Spec, teacher: Teacher) -> tuple[str, ...]:
    """The same of all whose answers one teacher's student learns: logs come first."""
    logs = [one for one in spec.teachers if one.kind == "logs" and one != teacher]
    return tuple(told_rights(one) for one in (*logs, teacher))


def open_rights(spec: Spec, card: ModelCard) -> tuple[str, ...]:
    """What a plan says of the answers that its student learns: where the spec states no rights.

    Args:
        card: The teacher's. Weights are named only where their licence speaks of outputs.
    """
    learned = [one for one in spec.teachers if one.name == card.name or one.kind == "logs"]
    if not spec.teachers and card.kind == "bedrock":
        learned = [Bedrock(kind="bedrock", model_id=card.name)]
    return tuple(
        told_rights(one)
        for one in learned
        if (terms_of(one) is not None if isinstance(one, Weights) else one.rights is None)
    )


def weights_licence(model: Weights) -> str | None:
    """SPDX identifier: the spec's word, else the catalog's; None where neither has one."""
    known = hub_models().get(model.hub or "")
    return model.licence or (known.licence if known is not None else None)
