"""What a request may say: the OpenAI chat-completions schema, and the plain `inputs` form.

Types are strict, as JSON's are: `"5"` and `true` are no integers.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Zero = Annotated[float | None, Field(ge=0, le=0)]
Empty = Annotated[list[Any] | None, Field(max_length=0)]
Stops = str | Annotated[list[str], Field(max_length=4)] | None


class RequestModel(BaseModel):
    """Unknown fields are ignored, as clients expect."""

    model_config = ConfigDict(extra="ignore", strict=True, protected_namespaces=())


class TextPart(RequestModel):
    """Newer clients send content in parts; this server reads text only."""

    type: Literal["text"] = "text"
    text: str


class ChatMessage(RequestModel):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[TextPart] | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content or ""


class StreamOptions(RequestModel):
    include_usage: bool = False


class TextFormat(RequestModel):
    type: Literal["text"]


class JsonObjectFormat(RequestModel):
    """Any JSON object."""

    type: Literal["json_object"]


class NamedSchema(RequestModel):
    name: str = "answer"
    schema_: Annotated[dict[str, Any], Field(alias="schema")]


class JsonSchemaFormat(RequestModel):
    """An answer that satisfies a JSON Schema."""

    type: Literal["json_schema"]
    json_schema: NamedSchema


ResponseFormat = Annotated[
    TextFormat | JsonObjectFormat | JsonSchemaFormat, Field(discriminator="type")
]


class ChatRequest(RequestModel):
    """What this server honours of the schema.

    Values that would change the answer if ignored (`n` above 1, tools, penalties) are refused.
    """

    model: str | None = None
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=1024)]
    max_tokens: Annotated[int | None, Field(ge=1)] = None
    max_completion_tokens: Annotated[int | None, Field(ge=1)] = None
    temperature: Annotated[float | None, Field(ge=0, le=2)] = None
    top_p: Annotated[float | None, Field(gt=0, le=1)] = None
    seed: Annotated[int | None, Field(ge=-(2**63), lt=2**63)] = None
    stop: Stops = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int | None, Field(ge=0, le=20)] = None
    response_format: ResponseFormat | None = None
    n: Annotated[int | None, Field(ge=1, le=1)] = None
    frequency_penalty: Zero = None
    presence_penalty: Zero = None
    logit_bias: Annotated[dict[str, Any] | None, Field(max_length=0)] = None
    tools: Empty = None

    @property
    def stop_sequences(self) -> tuple[str, ...]:
        stops = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return tuple(stop for stop in stops if stop)

    @property
    def token_limit(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens


class PlainParameters(RequestModel):
    max_new_tokens: Annotated[int | None, Field(ge=1)] = None
    temperature: Annotated[float | None, Field(ge=0, le=2)] = None
    top_p: Annotated[float | None, Field(gt=0, le=1)] = None
    seed: Annotated[int | None, Field(ge=-(2**63), lt=2**63)] = None
    stop: Stops = None


class PlainRequest(RequestModel):
    """`{"inputs": …}`: one question, or several."""

    inputs: str | Annotated[list[str], Field(min_length=1, max_length=64)]
    parameters: PlainParameters = PlainParameters()

    def as_chats(self) -> list[ChatRequest]:
        """The same questions as chat requests."""
        questions = [self.inputs] if isinstance(self.inputs, str) else self.inputs
        options = self.parameters.model_dump(exclude={"max_new_tokens"}, exclude_none=True)
        return [
            ChatRequest(
                messages=[ChatMessage(role="user", content=question)],
                max_tokens=self.parameters.max_new_tokens,
                **options,
            )
            for question in questions
        ]


class InvocationRequest(BaseModel):
    """`/invocations` takes either form; the fields tell which."""

    chat: ChatRequest | None = None
    plain: PlainRequest | None = None

    @model_validator(mode="before")
    @classmethod
    def _by_fields(cls, body: Any) -> Any:
        if not isinstance(body, dict):
            raise ValueError("the body must be a JSON object")
        if "messages" in body:
            return {"chat": body}
        if "inputs" in body:
            return {"plain": body}
        raise ValueError("the body has neither `messages` (chat) nor `inputs` (plain)")
