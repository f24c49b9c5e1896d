"""Models on offer: students and teachers by their dimensions, Bedrock teachers by their prices."""

from __future__ import annotations

from datetime import date
from functools import cache

from pydantic import Field, PositiveInt

from stratos.catalog.bedrock_listing import BedrockListing
from stratos.catalog.exportable import export_obstacle
from stratos.catalog.layers import require_fewer_layers
from stratos.catalog.model_card import ModelCard
from stratos.catalog.shipped import shipped_rows
from stratos.frozen import FrozenModel
from stratos.spec import Bedrock, Weights
from stratos.spec.refusals import did_you_mean

_LEAST_DAYS_LEFT = 90
"""Before its end of life, of a teacher that is considered by default."""
_LARGEST_DEFAULT_STUDENT = 9_000_000_000
"""Weights."""


class HubModel(FrozenModel):
    """A model on the Hugging Face Hub: one row of `data/models.csv`."""

    hub: str
    licence: str
    """SPDX identifier, or `LicenseRef-…`."""
    model_type: str
    """As in its config.json."""
    num_layers: PositiveInt
    hidden_size: PositiveInt
    num_heads: PositiveInt
    num_kv_heads: PositiveInt
    head_dim: PositiveInt
    intermediate_size: PositiveInt | None = None
    num_experts: PositiveInt | None = None
    experts_per_token: PositiveInt | None = None
    expert_size: PositiveInt | None = None
    vocabulary_size: PositiveInt
    tied_embeddings: bool
    context_tokens: PositiveInt
    llama_cpp_context_tokens: PositiveInt | None = None
    """Where a GGUF is written for less: see `stratos.catalog.exportable_families.same_until`."""
    num_parameters: PositiveInt
    num_active_parameters: PositiveInt
    prior_accuracy: float | None = Field(default=None, ge=0, le=1)
    prior_metric: str | None = None
    source: str
    llama_cpp_obstacle: str | None = None
    """Of its tokenizer, which the other columns do not tell of."""

    @property
    def gated(self) -> bool:
        """Whether the Hub wants its terms accepted first, as Meta and Google ask for theirs."""
        return self.licence.startswith(("LicenseRef-llama", "LicenseRef-gemma"))

    def card(self) -> ModelCard:
        return ModelCard(
            name=self.hub.rsplit("/", 1)[-1],
            kind="weights",
            licence=self.licence,
            num_parameters=self.num_parameters,
            num_active_parameters=self.num_active_parameters,
            num_layers=self.num_layers,
            hidden_size=self.hidden_size,
            num_heads=self.num_heads,
            num_kv_heads=self.num_kv_heads,
            head_dim=self.head_dim,
            intermediate_size=self.expert_size or self.intermediate_size,
            experts_per_token=self.experts_per_token if self.num_experts else None,
            vocabulary_size=self.vocabulary_size,
            context_tokens=self.context_tokens,
            llama_cpp_context_tokens=self.llama_cpp_context_tokens,
            llama_cpp_obstacle=self.llama_cpp_obstacle
            or export_obstacle({"model_type": self.model_type}),
            prior_accuracy=self.prior_accuracy,
        )

    def pruned_card(self, name: str, layers: int) -> ModelCard:
        """Describe the model with only this many layers kept.

        Raises:
            ValueError: if it has no more than that.
        """
        require_fewer_layers(self.hub, self.num_layers, layers)
        tables = self.vocabulary_size * self.hidden_size * (1 if self.tied_embeddings else 2)
        outside = tables + self.hidden_size

        def left(parameters: int) -> int:
            return outside + (parameters - outside) // self.num_layers * layers

        return self.card().model_copy(
            update={
                "name": name,
                "num_layers": layers,
                "num_parameters": left(self.num_parameters),
                "num_active_parameters": left(self.num_active_parameters),
                # The published score is the whole model's.
                "prior_accuracy": None,
            }
        )


class BedrockTeacher(FrozenModel):
    """A teacher behind Amazon Bedrock: one row of `data/bedrock.csv`. Prices are on-demand."""

    model_id: str
    scope: str
    """`in-region` (the us-east-1 list), or the geography of a cross-region profile."""
    input_usd_per_million_tokens: float = Field(ge=0)
    output_usd_per_million_tokens: float = Field(gt=0)
    batch_input_usd_per_million_tokens: float | None = None
    batch_output_usd_per_million_tokens: float | None = None
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    end_of_life: date | None = None
    prior_accuracy: float | None = Field(default=None, ge=0, le=1)
    prior_metric: str | None = None
    """Which published score that is; of the open model behind the id."""
    source: str

    def card(self, *, batch: bool = False) -> ModelCard:
        """With the prices of batch inference if asked for and known, else on demand."""
        price_in, price_out = self.input_usd_per_million_tokens, self.output_usd_per_million_tokens
        if batch and self.batch_output_usd_per_million_tokens is not None:
            price_in = self.batch_input_usd_per_million_tokens or price_in
            price_out = self.batch_output_usd_per_million_tokens
        return ModelCard(
            name=self.model_id,
            kind="bedrock",
            input_usd_per_million_tokens=price_in,
            output_usd_per_million_tokens=price_out,
            prior_accuracy=self.prior_accuracy,
        )


@cache
def hub_models() -> dict[str, HubModel]:
    """Every shipped Hub model, by repository name."""
    rows = map(HubModel.model_validate, shipped_rows("models.csv"))
    return {row.hub: row for row in rows}


@cache
def bedrock_teachers() -> dict[str, BedrockTeacher]:
    """Every shipped Bedrock teacher, by model id."""
    rows = map(BedrockTeacher.model_validate, shipped_rows("bedrock.csv"))
    return {row.model_id: row for row in rows}


def default_teachers(
    today: date, listing: BedrockListing | None = None
) -> tuple[BedrockTeacher, ...]:
    """Bedrock teachers to consider if a spec names none.

    They have a published score, in-region prices, and at least 90 days before their end of life. If
    a listing was fetched, it must call them active.
    """
    return tuple(
        row
        for row in bedrock_teachers().values()
        if row.scope == "in-region"
        and row.prior_accuracy is not None
        and (row.end_of_life is None or (row.end_of_life - today).days >= _LEAST_DAYS_LEFT)
        and (listing is None or listing.problem(row.model_id) is None)
    )


def default_students() -> tuple[HubModel, ...]:
    """Hub models to consider if a spec names none: scored, dense, at most 9 billion weights, and
    to be had without a token."""
    return tuple(
        row
        for row in hub_models().values()
        if row.prior_accuracy is not None
        and row.num_experts is None
        and not row.gated
        and row.num_parameters <= _LARGEST_DEFAULT_STUDENT
    )


def hub_card(model: Weights) -> ModelCard:
    """The card of a Hub model, from the shipped table.

    Raises:
        LookupError: when it is not in the table.
        ValueError: if it has no more layers than are to be kept.
    """
    if model.hub not in hub_models():
        raise LookupError(
            f"{model.hub} is not in the model catalog; upload its folder beside the spec "
            "and give `path`, or pick one of `stratos catalog show models`"
            f"{did_you_mean(model.hub or '', list(hub_models()))}"
        )
    row = hub_models()[model.hub]
    card = row.card() if model.layers is None else row.pruned_card(model.name, model.layers)
    return card.model_copy(update={"licence": model.licence}) if model.licence else card


def bedrock_card(model_id: str, *, batch: bool = False) -> ModelCard:
    """The card of a Bedrock teacher, from the shipped table.

    Raises:
        LookupError: when it is not in the table.
    """
    try:
        return bedrock_teachers()[model_id].card(batch=batch)
    except KeyError:
        raise LookupError(
            f"{model_id} has no price in the catalog; give `input_usd_per_million_tokens` and "
            "`output_usd_per_million_tokens` with it, run `stratos catalog refresh`, or pick one "
            "of `stratos catalog show teachers`"
            f"{did_you_mean(model_id, list(bedrock_teachers()))}"
        ) from None


def priced_card(model: Bedrock, *, batch: bool) -> ModelCard:
    """The card of a Bedrock teacher as a spec names it, with the spec's prices if it gives any.

    Raises:
        LookupError: when neither the spec nor the table has a price.
    """
    if model.output_usd_per_million_tokens is None:
        return bedrock_card(model.model_id, batch=batch)
    row = bedrock_teachers().get(model.model_id)
    return ModelCard(
        name=model.name,
        kind="bedrock",
        input_usd_per_million_tokens=model.input_usd_per_million_tokens,
        output_usd_per_million_tokens=model.output_usd_per_million_tokens,
        prior_accuracy=row.prior_accuracy if row is not None else None,
    )
