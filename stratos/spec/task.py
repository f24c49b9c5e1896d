"""What the model must do, and how an answer is judged."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field, field_validator, model_validator

from stratos.frozen import FrozenModel
from stratos.spec.constraints import LONGEST_COMPLETION_TOKENS, CompletionTokens
from stratos.spec.json_schema import check_schema
from stratos.spec.models import Bedrock, OpenAICompatible
from stratos.spec.paths import BucketPath, bucket_path

FormatName = Literal[
    "prompt_completion",
    "openai_chat",
    "anthropic_messages",
    "bedrock_conversation",
    "bedrock_log",
    "bedrock_batch",
    "openai_batch",
    "anthropic_batch",
    "stored_completion",
    "litellm",
    "langfuse",
    "request_response",
    "sharegpt",
    "alpaca",
    "gsm8k",
    "input_output",
    "columns",
]
"""Formats of a dataset's rows, as [datasets.md](datasets.md#formats) shows them.
`stratos.dataset.formats` reads them."""


PersonalData = Literal["email", "phone", "card", "iban", "ip"]
"""What has a form by which it is found; names have none."""
_ALL_PERSONAL_DATA: tuple[PersonalData, ...] = get_args(PersonalData)


def _all_kinds(asked: object) -> object:
    return _ALL_PERSONAL_DATA if asked == "all" else asked


ToRedact = Annotated[
    tuple[PersonalData, ...],
    BeforeValidator(_all_kinds, json_schema_input_type=Literal["all"] | tuple[PersonalData, ...]),
]


class Exact(FrozenModel):
    """The answer equals the gold answer, character by character, after trimming."""

    kind: Literal["exact"]


class Normalised(FrozenModel):
    """Equal, case, width and runs of space and punctuation aside: see [words](answers.md#words)."""

    kind: Literal["normalised"]


class Number(FrozenModel):
    """Equal as numbers, however they are written: see [numbers](answers.md#numbers)."""

    kind: Literal["number"]
    tolerance: Annotated[float, Field(ge=0)] = 0.0


class Choice(FrozenModel):
    """One of a fixed list of labels, alone or in a sentence: see [labels](answers.md#labels)."""

    kind: Literal["choice"]
    choices: Annotated[tuple[str, ...], Field(min_length=2)]
    """Any two must differ by more than case, width, space and punctuation."""


class SetOf(FrozenModel):
    """Equal as sets of items: see [sets](answers.md#sets)."""

    kind: Literal["set"]
    separator: str = " "


class JsonSchema(FrozenModel):
    """Equal as JSON values, and valid under a schema where one is given: see
    [JSON](answers.md#json)."""

    kind: Literal["json"]
    json_schema: dict[str, object] | None = None
    """Draft 2020-12, or the draft that its `$schema` names; nothing is fetched."""

    @field_validator("json_schema")
    @classmethod
    def _is_schema(cls, schema: dict[str, object] | None) -> dict[str, object] | None:
        if schema is not None:
            check_schema(schema)
        return schema


class Regex(FrozenModel):
    """The reply matches a pattern in full. Needs no gold answer.

    It is matched in linear time by Rust's `regex`, which has no lookahead, lookbehind,
    back-references, atomic groups and possessive quantifiers. A pattern with them is refused, and
    one that stands for more than 10,000 characters once its repetitions are written out.
    """

    kind: Literal["regex"]
    pattern: str


class ToolCalls(FrozenModel):
    """The tools that are called, and their arguments, are the gold ones, equal as JSON values.

    Answer and gold are JSON: a list of `{"name": …, "arguments": {…}}`, and `[]` where nothing is
    to be called. The gold answer may name several right answers: see
    [Tool calls](objectives.md#tool-calls).
    """

    kind: Literal["tool_call"]
    ordered: bool = False
    """Whether the order of several calls in one reply counts."""
    text: Literal["exact", "normalised"] = "exact"
    """How texts in arguments are compared: as the verifier of that name does."""
    tolerance: Annotated[float, Field(ge=0)] = 0.0
    """How far a number in an argument may be from the gold one."""
    argument_tolerance: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    """The same for arguments of these names, in place of `tolerance`."""
    ignored_arguments: tuple[str, ...] = ()
    """Arguments that are not compared, such as an id that the model makes up."""
    optional_arguments: tuple[str, ...] = ()
    """Arguments that may be left out, and are compared where they are given."""


class LlmJudge(FrozenModel):
    """A model behind an API decides, by the criteria given. Needs no gold answer; if there is one,
    the judge sees it. Its tokens count toward the budget. It is asked only inside the jobs: the
    load test measures no accuracy with it, and reinforcement takes no rewards from it."""

    kind: Literal["judge"]
    model: Annotated[Bedrock | OpenAICompatible, Field(discriminator="kind")]
    criteria: Annotated[str, Field(min_length=1)]
    """What makes an answer right, in words."""
    max_new_tokens: Annotated[int, Field(ge=16, le=LONGEST_COMPLETION_TOKENS)] = 512
    """Longest verdict, including its reason."""

    @field_validator("criteria")
    @classmethod
    def _are_written(cls, criteria: str) -> str:
        if criteria.lstrip().startswith("TODO"):
            raise ValueError("these are not written yet; say in words what makes an answer right")
        return criteria

    @model_validator(mode="after")
    def _answers_at_once(self) -> LlmJudge:
        if self.model.kind == "bedrock" and self.model.batch:
            raise ValueError("a judge is asked in every job; give its model without `batch: true`")
        return self


Verifier = Annotated[
    Exact | Normalised | Number | Choice | SetOf | JsonSchema | ToolCalls | Regex | LlmJudge,
    Field(discriminator="kind"),
]


class Columns(FrozenModel):
    """Which columns or fields of a table hold what."""

    prompt: Annotated[str, Field(min_length=1)]
    answer: str | None = None
    system: str | None = None
    """A system message before the prompt."""
    id: str | None = None
    group: str | None = None
    """Rows with the same value stay together when the dataset is split."""
    workload: str | None = None


class Task(FrozenModel):
    """What the model must do, and how an answer is judged."""

    dataset: BucketPath
    """A `.jsonl`, `.json`, `.csv` (each may be `.gz`) or `.parquet` file, or a prefix of several,
    relative to the spec."""
    format: Literal["auto", FormatName] = "auto"
    columns: Columns | None = None
    """Names the columns of a table, such as a CSV file, whose rows are in none of the formats."""
    learn: Literal["last", "all"] = "last"
    """Which replies of a conversation are learned, each as a record of its own. A reply with
    `weight: 0` never is."""
    max_history_characters: Annotated[int, Field(ge=0)] = 32_000
    """Of what is said between the system message and the last question. What is more is cut from
    the beginning, by whole turns, and counted."""
    verifier: Verifier
    answer_marker: str = "####"
    """The final answer is what follows the last marker; without a marker, the whole completion.
    The default prompts ask teachers for it. Where no marker is asked for, and in logged replies,
    `####` with text below it is a heading (see
    [gold answers](answers.md#gold-answers-in-logged-replies)). Empty: there is no marker."""
    checker: BucketPath | None = None
    """Python file with `check(question, answer, rationale) -> list[str]`, which returns the
    problems of a rationale; an empty list if every step holds. Runs only inside jobs, without
    files, network or other processes, and bounded in time and memory (see
    [the checker](objectives.md#the-checker))."""
    max_reply_tokens: CompletionTokens = 512
    """Longest reply to a question, when probing, evaluating and measuring the endpoint."""
    probe_records: Annotated[int, Field(ge=20, le=5_000)] = 200
    heldout_records: Annotated[int, Field(ge=50, le=20_000)] = 500
    on_bad_line: Literal["stop", "skip"] = "stop"
    max_bad_share: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Of all lines that may be bad with `on_bad_line: skip`; more stop the run."""
    redact: ToRedact = ()
    """Kinds of personal data that become placeholders such as `<EMAIL_1>`, before anything but the
    upload is stored: `[email, phone, card, iban, ip]`, or `all`. Names are not found. The model
    learns placeholders, so give it questions that were redacted in the same way."""
    phone_regions: tuple[Annotated[str, Field(pattern="^[A-Z]{2}$")], ...] = ()
    """Countries whose phone numbers are found without `+`, as ISO 3166 codes such as `US` or `DE`.
    The more there are, the more other numbers are taken for phone numbers."""

    @model_validator(mode="after")
    def _columns_have_their_format(self) -> Task:
        if self.columns is not None and self.format not in ("auto", "columns"):
            raise ValueError(f"`columns` names what rows hold; remove `format: {self.format}`")
        if self.columns is None and self.format == "columns":
            raise ValueError(
                "`format: columns` needs `columns`, such as {prompt: text, answer: label}"
            )
        return self

    @model_validator(mode="after")
    def _regions_are_of_phones(self) -> Task:
        if self.phone_regions and "phone" not in self.redact:
            raise ValueError("`phone_regions` are for `redact: [phone]`, which is not asked for")
        return self

    @field_validator("dataset", "checker")
    @classmethod
    def _inside(cls, path: str | None) -> str | None:
        return path if path is None else bucket_path(path)
