"""Teachers and students that a run may use: those of the spec, or else of the catalog."""

from __future__ import annotations

from dataclasses import dataclass

from lambdas.aws.catalog_files import CatalogFiles
from lambdas.aws.settings import settings
from lambdas.aws.spec_folder import SpecFolder
from stratos.catalog.bedrock_listing import BedrockListing
from stratos.catalog.cards import card_of, student_card
from stratos.catalog.model_card import ModelCard
from stratos.catalog.model_files import ModelFiles
from stratos.catalog.models import default_students, default_teachers
from stratos.contracts.run import RunRef
from stratos.errors import NoFeasiblePlan
from stratos.moment import now
from stratos.spec import Bedrock, LlmJudge, Spec, Teacher, Weights


@dataclass(frozen=True)
class ModelPool:
    """Candidates of one run with their cards; names are those of the cards."""

    teachers: dict[str, Teacher]
    students: dict[str, Weights]
    cards: dict[str, ModelCard]
    """By `<role>/<name>`: a teacher and a student may have the same name."""
    files: ModelFiles
    """Those of the spec's folder."""

    def teacher_cards(self) -> tuple[ModelCard, ...]:
        return tuple(self.cards[f"teacher/{name}"] for name in self.teachers)

    def student_cards(self) -> tuple[ModelCard, ...]:
        return tuple(self.cards[f"student/{name}"] for name in self.students)


def model_pool(run: RunRef, spec: Spec) -> ModelPool:
    """Describe every candidate.

    Raises:
        NoFeasiblePlan: when one cannot be described, with the reason.
    """
    listing = _listing(run)
    hub = [Weights(hub=row.hub) for row in default_students()]
    teachers: list[Teacher] = list(spec.teachers)
    if not teachers:
        offered = default_teachers(now().date(), listing)
        teachers = [Bedrock(kind="bedrock", model_id=row.model_id) for row in offered]
        teachers += hub
    students = list(spec.students) or hub
    verifier = spec.task.verifier
    judges = [verifier.model] if isinstance(verifier, LlmJudge) else []
    _refuse_gone([*teachers, *judges], listing)

    files = ModelFiles(SpecFolder(run))
    try:
        for judge in judges:
            card_of(judge, files)
        cards = {f"teacher/{m.name}": card_of(m, files) for m in teachers}
        cards |= {f"student/{m.name}": student_card(m, files) for m in students}
    except (ValueError, LookupError, FileNotFoundError) as error:
        raise NoFeasiblePlan(str(error)) from error
    return ModelPool({m.name: m for m in teachers}, {m.name: m for m in students}, cards, files)


def _listing(run: RunRef) -> BedrockListing | None:
    """What Bedrock offers in this region, if that was fetched."""
    listing = CatalogFiles(run).find_bedrock_listing()
    return listing if listing is not None and listing.region == settings().aws_region else None


def _refuse_gone(teachers: list[Teacher], listing: BedrockListing | None) -> None:
    if listing is None:
        return
    for teacher in teachers:
        if not isinstance(teacher, Bedrock) or teacher.is_profile:
            continue
        if not listing.offers(teacher.model_id):
            raise NoFeasiblePlan(
                f"{listing.problem(teacher.model_id)}; name another teacher, or run "
                "`stratos catalog refresh` if Bedrock offers it by now"
            )
