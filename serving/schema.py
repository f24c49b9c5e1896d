"""The OpenAI chat-completions schema, in and out, and the plain `inputs` form."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class ChatMessage(BaseModel):
    """Content may be a string, or text parts as newer clients send them."""

    model_config = ConfigDict(extra="ignore")

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[dict[str, Any]] | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "".join(str(part.get("text", "")) for part in self.content)
        return self.content or ""


class StreamOptions(BaseModel):
    model_config = ConfigDict(extra="ignore")
    include_usage: bool = False


class ChatRequest(BaseModel):
    """What this server honours of the schema; unknown fields are ignored, as clients expect.

    Values that would change the result if ignored (`n` > 1, say) are refused instead.
    """

    model_config = ConfigDict(extra="ignore")

    model: str | None = None
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=1024)]
    max_tokens: Annotated[int | None, Field(ge=1)] = None
    max_completion_tokens: Annotated[int | None, Field(ge=1)] = None
    temperature: Annotated[float | None, Field(ge=0, le=2)] = None
    top_p: Annotated[float | None, Field(gt=0, le=1)] = None
    seed: Annotated[int | None, Field(ge=-(2**63), lt=2**63)] = None
    stop: str | Annotated[list[str], Field(max_length=4)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int | None, Field(ge=0, le=20)] = None
    n: Annotated[int | None, Field(ge=1, le=1)] = None

    @property
    def stop_sequences(self) -> tuple[str, ...]:
        stops = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return tuple(stop for stop in stops if stop)

    @property
    def token_limit(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens


class PlainParameters(BaseModel):
    model_config = ConfigDict(extra="ignore")
    max_new_tokens: Annotated[int | None, Field(ge=1)] = None
    temperature: Annotated[float | None, Field(ge=0, le=2)] = None
    top_p: Annotated[float | None, Field(gt=0, le=1)] = None
    seed: int | None = None
    stop: str | Annotated[list[str], Field(max_length=4)] | None = None


class PlainRequest(BaseModel):
    """`{"inputs": …}`: one question, or several."""

    model_config = ConfigDict(extra="ignore")

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
    """`/invocations` takes either form; which one, the fields tell."""

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
