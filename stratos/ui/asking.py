"""The playground: one question to the endpoint, the teacher and the untuned student.

Each of them says first whether it can be asked, why not, and what asking costs.
"""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from stratos.cli.endpoint import invoke
from stratos.cli.stack import Stack, client
from stratos.contracts.messages import Message, listed_calls
from stratos.contracts.run import RunRow
from stratos.errors import EndpointNotFound, NotAllowed
from stratos.hosting.chat_request import Said, chat_request, said_in
from stratos.hosting.modes.table import mode_of
from stratos.pipeline.summary import RunSummary
from stratos.spec import Bedrock, Logs, Spec, Teacher
from stratos.ui.settings import UiSettings

Who = Literal["endpoint", "teacher", "untuned"]
LONGEST_QUESTION = 100_000
"""Characters; a request to an endpoint holds 6 MB at most."""
_PATIENCE_SECONDS = 300
_LONGEST_ANSWER_BYTES = 4_000_000


@dataclass(frozen=True)
class Askable:
    """One of those who may be asked.

    Attributes:
        why_not: Why it cannot be asked; None if it can.
        costs: What asking costs or starts beyond what is running; None if nothing.
    """

    who: Who
    title: str
    name: str
    ask: Callable[[str, int], Said] | None
    why_not: str | None = None
    costs: str | None = None


@dataclass(frozen=True)
class PlaygroundAnswer:
    """What one of them said.

    Attributes:
        calls: Tools that it calls, one a line, as JSON.
        failed: Why there is no answer.
    """

    title: str
    name: str
    text: str = ""
    calls: tuple[str, ...] = ()
    seconds: float | None = None
    finished: bool = True
    failed: str | None = None


def askable(
    stack: Stack, row: RunRow, summary: RunSummary, spec: Spec | None, settings: UiSettings
) -> tuple[Askable, ...]:
    """Who may be asked about a run's task."""
    chosen = summary.plans.chosen if summary.plans else None
    teacher = summary.teacher.name if summary.teacher else chosen.teacher if chosen else ""
    student = summary.student.name if summary.student else chosen.student if chosen else ""
    named = [] if spec is None else [one for one in spec.teachers or () if one.name == teacher]
    return (
        _endpoint(stack, row),
        _teacher(named[0] if named else None, teacher, settings.teacher_url),
        _served_elsewhere(
            "untuned", "Untuned student", student, settings.untuned_url, "--untuned-url"
        ),
    )


def put(one: Askable, question: str, max_tokens: int, *, confirmed: bool) -> PlaygroundAnswer:
    """Ask one of them; what goes wrong is its answer.

    Raises:
        NotAllowed: asking costs something that nobody has agreed to.
    """
    if one.ask is None:
        return PlaygroundAnswer(one.title, one.name, failed=one.why_not)
    if one.costs is not None and not confirmed:
        raise NotAllowed(f"{one.title}: {one.costs}. Tick its box to agree to that")
    began = time.monotonic()
    try:
        said = one.ask(question, max_tokens)
    except Exception as error:  # whatever an endpoint or a model's server does is shown
        return PlaygroundAnswer(one.title, one.name, failed=f"{type(error).__name__}: {error}")
    return PlaygroundAnswer(
        one.title,
        one.name,
        said.text,
        tuple(json.dumps(call, ensure_ascii=False) for call in listed_calls(said.calls)),
        time.monotonic() - began,
        said.finished,
    )


def _endpoint(stack: Stack, row: RunRow) -> Askable:
    title = "Endpoint"
    if row.endpoint_name is None:
        way = f"; `stratos batch {row.run_id} FILE` asks its model" if row.batch_model_name else ""
        return Askable("endpoint", title, "none", None, f"this run has none in service{way}")
    if not row.live:
        return Askable("endpoint", title, row.endpoint_name, None, "its time is over")

    def ask(question: str, max_tokens: int) -> Said:
        return invoke(stack, row, question, max_tokens)

    if row.serving_regions:  # always on: no other mode stands in several regions
        name = f"{row.endpoint_name} in {', '.join(row.serving_regions)}"
        return Askable("endpoint", title, name, ask)
    described = stack.sagemaker.describe_endpoint(EndpointName=row.endpoint_name)
    mode, costs = mode_of(described), None
    if not mode.in_call:
        costs = f"it is {mode.name}: the question is put into the bucket, and may start a server"
    elif mode.starts_cold:
        costs = f"it is {mode.name}: a question may start a server, which is billed"
    return Askable("endpoint", title, row.endpoint_name, ask, costs=costs)


def _teacher(spec: Teacher | None, name: str, url: str | None) -> Askable:
    title = "Teacher"
    if url is not None:
        return _served_elsewhere("teacher", title, name, url, "--teacher-url")
    if isinstance(spec, Logs):
        return Askable("teacher", title, name, None, "it is a log, which answers nothing new")
    if isinstance(spec, Bedrock):
        return Askable(
            "teacher",
            title,
            name,
            lambda question, max_tokens: _ask_bedrock(spec, question, max_tokens),
            costs="Amazon Bedrock bills your account for each question and answer",
        )
    if spec is not None and spec.kind == "openai":
        why = "only the run's jobs may read its key. To ask it, name a server that has the key"
        return Askable("teacher", title, name, None, f"{why}: `stratos ui --teacher-url URL`")
    return _served_elsewhere("teacher", title, name, None, "--teacher-url")


def _served_elsewhere(who: Who, title: str, name: str, url: str | None, option: str) -> Askable:
    if url is None:
        why = (
            "nothing serves it: it has weights and no endpoint. Start it in any server of OpenAI's "
            f"chat completions, such as `stratos serve`, and name that: `stratos ui {option} URL`"
        )
        return Askable(who, title, name or "not chosen yet", None, why)
    return Askable(
        who,
        title,
        name or url,
        lambda question, max_tokens: _ask_server(url, name, question, max_tokens),
    )


def _ask_bedrock(spec: Bedrock, question: str, max_tokens: int) -> Said:
    runtime = client("bedrock-runtime", longest_seconds=_PATIENCE_SECONDS)
    answer = runtime.converse(
        modelId=spec.model_id,
        messages=[{"role": "user", "content": [{"text": question}]}],
        inferenceConfig={"maxTokens": max_tokens, "temperature": 0},
    )
    parts = answer["output"]["message"]["content"]
    text = "".join(part.get("text", "") for part in parts)
    return Said(text, finished=answer.get("stopReason") != "max_tokens")


def _ask_server(url: str, name: str, question: str, max_tokens: int) -> Said:
    base = url.rstrip("/")
    listed = _fetched(f"{base}/models").get("data") or [{"id": name}]
    messages = [Message(role="user", content=question)]
    return said_in(
        _fetched(
            f"{base}/chat/completions", chat_request(messages, str(listed[0]["id"]), max_tokens)
        )
    )


def _fetched(url: str, body: object = None) -> dict[str, Any]:
    """The JSON at an address that the person who started the server has named.

    Raises:
        EndpointNotFound: nothing answers there, or not with JSON.
    """
    sent = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, sent, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE_SECONDS) as answer:
            found = json.loads(answer.read(_LONGEST_ANSWER_BYTES))
    except (OSError, ValueError) as error:
        raise EndpointNotFound(f"{url} does not answer: {error}") from error
    if not isinstance(found, dict):
        raise EndpointNotFound(f"{url} answers with JSON that is no object")
    return found
