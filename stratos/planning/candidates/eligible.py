"""Which models are eligible, before any server is considered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stratos.catalog.model_card import ModelCard
from stratos.contracts.jobs import ModelRole
from stratos.errors import NoFeasiblePlan
from stratos.planning.forecast.sizing import Requests
from stratos.planning.forecast.transformer import transformer
from stratos.planning.front import non_dominated
from stratos.spec import Constraints

MAX_SCREENED = 12
_MOST_NAMED = 3
"""Models that an error names for one reason."""
"""More than a spec may name, so only the catalog's own lists are ever shortened."""


@dataclass(frozen=True)
class Eligibility:
    """What a model must satisfy in its role.

    Attributes:
        probed: Names that were probed; None before probing.
        missed: Students that already missed their accuracy gate in this run.
        white_box: Its token distribution must be readable.
        explains: It must explain given answers.
        requests: That it must hold; None for a model that answers none.
    """

    role: ModelRole
    constraints: Constraints
    probed: set[str] | None
    missed: frozenset[str] = frozenset()
    white_box: bool = False
    explains: bool = False
    requests: Requests | None = None

    def obstacle(self, card: ModelCard) -> str | None:
        """Why a model is not eligible, or None."""
        licences = self.constraints.licences
        if licences is not None and card.kind == "weights" and card.licence not in licences:
            return f"licence {card.licence or 'unknown'} is not among those allowed"
        if card.name in self.missed:
            return "it already missed its accuracy gate in this run"
        if self.probed is not None and card.name not in self.probed:
            return "its probe failed or it was not on the shortlist"
        if card.kind == "logs" and self.explains:
            return "logged replies explain nothing, which strategies injection and blend need"
        if card.kind != "weights" and self.white_box:
            return "its token distribution cannot be read, which training.kd_weight needs"
        if card.kind != "weights":
            unpriced = card.output_usd_per_million_tokens is None
            return "its price is unknown" if unpriced else None
        try:
            transformer(card)
        except ValueError as error:
            return str(error)
        return None if self.requests is None else self.requests.obstacle(card, "cuda")


def listed(rejected: Mapping[str, str]) -> str:
    """Models by why they are left out, the commonest reason first."""
    by_reason: dict[str, list[str]] = {}
    for name, why in rejected.items():
        by_reason.setdefault(why, []).append(name)
    told = sorted(by_reason.items(), key=lambda item: -len(item[1]))
    return "; ".join(f"{_names(names)}: {why}" for why, names in told)


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMED])
    more = len(names) - _MOST_NAMED
    return shown if more <= 0 else f"{shown} and {more} more"


def eligible(
    cards: Sequence[ModelCard], eligibility: Eligibility, rejected: dict[str, str]
) -> list[ModelCard]:
    """The eligible models; the others are added to `rejected`, with the reason.

    Raises:
        NoFeasiblePlan: if none is left.
    """
    obstacles = {card.name: eligibility.obstacle(card) for card in cards}
    found = [card for card in cards if obstacles[card.name] is None]
    kept = screen(found)
    for card in found:
        if card not in kept:
            obstacles[card.name] = (
                "others have better published scores for their price or size; "
                "name it in the spec to have it probed"
            )
    role = eligibility.role
    reasons = {name: f"{role}: {why}" for name, why in obstacles.items() if why is not None}
    if not kept:
        raise NoFeasiblePlan(
            f"no {role} is left to choose from. {listed(reasons) or 'none was given'}. Name "
            f"others under `{role}s`, or allow their licences in constraints.licences"
        )
    rejected.update(reasons)
    return kept


def screen(cards: Sequence[ModelCard], limit: int = MAX_SCREENED) -> list[ModelCard]:
    """The cards with the best published scores for their price or size, in their given order.

    First those that no other of their kind beats in both, by score; then the next best scores. A
    model without a score has to be named in the spec.
    """
    if len(cards) <= limit:
        return list(cards)
    scored = [card for card in cards if card.prior_accuracy is not None]
    best: list[ModelCard] = []
    for paid in (True, False):
        kind = [card for card in scored if (card.kind != "weights") is paid]
        if kind:
            points = np.array([[-(card.prior_accuracy or 0.0), _cost(card)] for card in kind])
            best += [kind[row] for row in non_dominated(points)]
    best.sort(key=lambda card: -(card.prior_accuracy or 0.0))
    rest = [card for card in scored if card not in best]
    rest.sort(key=lambda card: -(card.prior_accuracy or 0.0))
    kept = {card.name for card in [*best, *rest][:limit]}
    return [card for card in cards if card.name in kept]


def _cost(card: ModelCard) -> float:
    """Output price of a paid model, size of one that runs on our servers."""
    if card.kind == "weights":
        return float(card.num_parameters or np.inf)
    price = card.output_usd_per_million_tokens
    return np.inf if price is None else price
