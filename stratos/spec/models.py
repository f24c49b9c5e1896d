"""Models a spec may name: weights, and teachers behind an API."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from stratos.frozen import FrozenModel
from stratos.spec.addresses import service_address
from stratos.spec.paths import BucketPath, bucket_path


class Weights(FrozenModel):
    """A model whose weights are at hand: safetensors or a GGUF in the spec's folder, or safetensors
    on the Hugging Face Hub."""

    kind: Literal["weights"] = "weights"
    path: BucketPath | None = None
    """Folder with config.json, tokenizer and safetensors, relative to the spec; or one GGUF file,
    such as llama.cpp and Ollama keep, of any name."""
    hub: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")] | None = None
    """Repository on the Hub, such as `Qwen/Qwen3-0.6B`."""
    revision: Annotated[str, Field(pattern=r"^[\w.-]+(/[\w.-]+)*$", max_length=255)] | None = None
    """Commit, tag or branch of the repository; its main branch by default. A run reads one commit
    from its first job to its last and records it. Only a commit's full hash names the same weights
    in the next run, too."""
    hub_token_secret: str | None = None
    """Name of the Secrets Manager secret that holds a token of the Hub, for a gated or private
    repository: the token itself, or JSON with a field `token`. The rule for its name is that of
    `api_key_secret`."""
    licence: str | None = None
    """SPDX identifier; looked up in the catalog for Hub models."""
    layers: Annotated[int, Field(ge=2)] | None = None
    """Students only: keep this many decoder layers, evenly spaced, including the first and the
    last. Given the teacher's own weights, this makes a smaller student with the same vocabulary."""

    @model_validator(mode="after")
    def _one_source(self) -> Weights:
        if (self.path is None) == (self.hub is None):
            raise ValueError("give exactly one of `path` and `hub`")
        if self.path is not None:
            bucket_path(self.path)
            for field in ("revision", "hub_token_secret"):
                if getattr(self, field) is not None:
                    raise ValueError(f"`{field}` belongs to `hub`; a `path` has none")
        return self

    @property
    def folder(self) -> str:
        """Last part of the path or of the repository's name."""
        return (self.path or self.hub or "").rstrip("/").rsplit("/", 1)[-1]

    @property
    def name(self) -> str:
        return self.folder if self.layers is None else f"{self.folder}-{self.layers}-layers"


class Rights(FrozenModel):
    """Who may train a model on a teacher's answers, in your words: they are shown in the plan, and
    kept in the model card and the model registry. Nothing is decided by them."""

    statement: Annotated[str, Field(min_length=1, max_length=500)]
    """Such as `our contract of 2026-03 allows it`."""
    source: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    """Where that can be looked up."""

    @property
    def told(self) -> str:
        return self.statement if self.source is None else f"{self.statement} ({self.source})"


class Bedrock(FrozenModel):
    """A teacher behind Amazon Bedrock."""

    kind: Literal["bedrock"]
    model_id: Annotated[str, Field(min_length=1)]
    """As Bedrock names it, or the ARN of an inference profile. An application inference profile
    needs the two prices below: the catalog cannot know which model is behind it."""
    batch: bool = False
    """Batch inference: about half the price, hours instead of seconds."""
    input_usd_per_million_tokens: Annotated[float, Field(ge=0)] | None = None
    """Instead of the catalog's price; what is paid for a batch where `batch: true`."""
    output_usd_per_million_tokens: Annotated[float, Field(ge=0)] | None = None
    rights: Rights | None = None
    """Who may train on its answers, as you know it."""

    @model_validator(mode="after")
    def _both_prices(self) -> Bedrock:
        given = (self.input_usd_per_million_tokens, self.output_usd_per_million_tokens)
        if (given[0] is None) != (given[1] is None):
            raise ValueError(
                "give both of `input_usd_per_million_tokens` and `output_usd_per_million_tokens`, "
                "or neither"
            )
        return self

    @property
    def is_profile(self) -> bool:
        """Whether it is named by an ARN, which no list of models has."""
        return self.model_id.startswith("arn:")

    @property
    def name(self) -> str:
        return self.model_id


class OpenAICompatible(FrozenModel):
    """A teacher behind any URL that speaks the OpenAI chat-completions schema."""

    kind: Literal["openai"]
    base_url: Annotated[str, Field(pattern=r"^https?://")]
    """What precedes `/chat/completions`, such as `https://api.openai.com/v1`. A query, such as
    Azure's `?api-version=2024-10-21`, is kept behind it."""
    model: Annotated[str, Field(min_length=1)]
    api_key_secret: str | None = None
    """Name of the Secrets Manager secret that holds the key. It must begin with the stack's prefix,
    such as `stratos/` and a name of yours: the stack's jobs may read no other secret. Its tag
    `stratos:hosts` names the hosts that it may be sent to."""
    input_usd_per_million_tokens: Annotated[float, Field(ge=0)] = 0.0
    output_usd_per_million_tokens: Annotated[float, Field(ge=0)] = 0.0
    rights: Rights | None = None
    """Who may train on its answers, as you know it."""

    @field_validator("base_url")
    @classmethod
    def _names_one_host(cls, url: str) -> str:
        return service_address(url)

    @property
    def name(self) -> str:
        return self.model


class Logs(FrozenModel):
    """The replies that the dataset has already: those that are right are learned, none is paid for.
    Beside live teachers, they come first, and a live teacher is asked only for the rest."""

    kind: Literal["logs"]
    input_usd_per_million_tokens: Annotated[
        float, Field(ge=0, exclude_if=lambda price: price == 0)
    ] = 0.0
    """Of the model that wrote them. The report says by it what the student saves; no run pays."""
    output_usd_per_million_tokens: Annotated[
        float, Field(ge=0, exclude_if=lambda price: price == 0)
    ] = 0.0
    rights: Rights | None = None
    """Who may train on its answers, as you know it."""

    @property
    def name(self) -> str:
        return "logs"


Teacher = Annotated[Weights | Bedrock | OpenAICompatible | Logs, Field(discriminator="kind")]
