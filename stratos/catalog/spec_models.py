"""The models that a spec names, looked at before anything is paid."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from stratos.catalog.cards import folder_card, read_config
from stratos.catalog.chat_template import Conversation, require_template
from stratos.catalog.complete import require_complete
from stratos.catalog.files import Files
from stratos.catalog.model_files import ModelFiles
from stratos.catalog.models import hub_models
from stratos.catalog.safetensors import stored_tensors
from stratos.errors import SpecRejected
from stratos.problems import Problem
from stratos.spec import Spec, Weights

_QUESTION: Conversation = (("user", "What is 2 + 2?"),)


def require_models(spec: Spec, files: Files) -> None:
    """Refuse models that lack weights or a chat template, or that the Hub would not give.

    Raises:
        SpecRejected: with every problem.
    """
    problems = list(_problems(spec, ModelFiles(files)))
    if problems:
        raise SpecRejected(problems)


def require_roles(spec: Spec, files: Files, conversations: Iterable[Conversation]) -> None:
    """Refuse models whose chat template refuses what the dataset holds.

    Args:
        conversations: Of the dataset; the first with each sequence of roles is tried.

    Raises:
        SpecRejected: with every problem.
    """
    kinds: dict[tuple[str, ...], Conversation] = {}
    for conversation in conversations:
        kinds.setdefault(tuple(role for role, _ in conversation), conversation)
    looked, problems = ModelFiles(files), []
    for place, model in _weights(spec):
        if model.path is not None:
            try:
                require_template(looked, model.path.rstrip("/"), list(kinds.values()))
            except ValueError as error:
                problems.append(Problem(path=f"{place}.path", line=None, message=str(error)))
    if problems:
        raise SpecRejected(problems)


def _problems(spec: Spec, files: ModelFiles) -> Iterator[Problem]:
    for place, model in _weights(spec):
        if model.path is None:
            yield from _hub_problems(place, model)
            continue
        folder = model.path.rstrip("/")
        try:
            folder_card(model.name, files, folder, model.licence, layers=model.layers)
            require_complete(folder, read_config(files, folder), stored_tensors(files, folder))
            require_template(files, folder, [_QUESTION])
        except (ValueError, FileNotFoundError) as error:
            yield Problem(path=f"{place}.path", line=None, message=str(error))


def _hub_problems(place: str, model: Weights) -> Iterator[Problem]:
    row = hub_models().get(model.hub or "")
    if row is not None and row.gated and model.hub_token_secret is None:
        message = (
            f"the Hub gives {model.hub} only to who accepted its terms ({row.licence}). Accept "
            "them on its page, put a token into Secrets Manager and name the secret by "
            "`hub_token_secret`"
        )
        yield Problem(path=f"{place}.hub", line=None, message=message)


def _weights(spec: Spec) -> Iterator[tuple[str, Weights]]:
    for role, models in (("teachers", spec.teachers), ("students", spec.students)):
        for index, model in enumerate(models):
            if isinstance(model, Weights):
                yield f"{role}[{index}]", model
