"""The models that a spec names, looked at before anything is paid."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from stratos.catalog.cards import card_of, student_card
from stratos.catalog.chat_template import Conversation, require_template
from stratos.catalog.model_files import ModelFiles
from stratos.catalog.models import hub_models
from stratos.errors import SpecRejected
from stratos.problems import Problem
from stratos.spec import Bedrock, LlmJudge, Logs, OpenAICompatible, Spec, Teacher, Weights


def require_models(spec: Spec, files: ModelFiles) -> None:
    """Refuse models that no run could use: unknown, of a family that cannot be trained, without
    weights or a chat template, or that the Hub would not give.

    Raises:
        SpecRejected: with every problem.
    """
    problems = list(_problems(spec, files))
    if problems:
        raise SpecRejected(problems)


def require_roles(spec: Spec, files: ModelFiles, conversations: Iterable[Conversation]) -> None:
    """Refuse models whose chat template refuses what the dataset holds.

    Args:
        conversations: Of the dataset, one of each kind.

    Raises:
        SpecRejected: with every problem.
    """
    kinds = list(conversations)
    problems = []
    for place, model in _weights(spec):
        if model.path is not None:
            try:
                require_template(files, model.path.rstrip("/"), kinds)
            except ValueError as error:
                problems.append(Problem(path=f"{place}.path", line=None, message=str(error)))
    if problems:
        raise SpecRejected(problems)


def _problems(spec: Spec, files: ModelFiles) -> Iterator[Problem]:
    for place, model in _models(spec):
        try:
            if place.startswith("students") and isinstance(model, Weights):
                student_card(model, files)
            else:
                card_of(model, files)
            if isinstance(model, Weights) and model.path is not None:
                require_template(files, model.path.rstrip("/"))
        except (ValueError, LookupError, FileNotFoundError) as error:
            yield Problem(path=f"{place}.{_named_by(model)}", line=None, message=str(error))
        if isinstance(model, Weights):
            yield from _hub_problems(place, model)


def _named_by(model: Teacher) -> str:
    """The field of a spec that says which model it is."""
    match model:
        case Weights():
            return "hub" if model.path is None else "path"
        case Bedrock():
            return "model_id"
        case OpenAICompatible():
            return "model"
        case Logs():
            return "kind"


def _hub_problems(place: str, model: Weights) -> Iterator[Problem]:
    row = hub_models().get(model.hub or "")
    if row is not None and row.gated and model.hub_token_secret is None:
        message = (
            f"the Hub gives {model.hub} only to who accepted its terms ({row.licence}). Accept "
            "them on its page, put a token into Secrets Manager and name the secret by "
            "`hub_token_secret`"
        )
        yield Problem(path=f"{place}.hub", line=None, message=message)


def _models(spec: Spec) -> Iterator[tuple[str, Teacher]]:
    """Every model that a spec names, after its place."""
    verifier = spec.task.verifier
    if isinstance(verifier, LlmJudge):
        yield "task.verifier.model", verifier.model
    for index, teacher in enumerate(spec.teachers):
        yield f"teachers[{index}]", teacher
    for index, student in enumerate(spec.students):
        yield f"students[{index}]", student


def _weights(spec: Spec) -> Iterator[tuple[str, Weights]]:
    for place, model in _models(spec):
        if isinstance(model, Weights):
            yield place, model
