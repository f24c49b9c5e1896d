"""Which kinds of personal data a task leaves out."""

from __future__ import annotations

import pytest

from stratos.spec import Task
from tests import factories
from tests.unit.stratos.spec.spec_files import changed, problems_of


def task(**changes: object) -> Task:
    return Task.model_validate(factories.spec().task.model_dump() | changes)


def test_all_names_every_kind_and_is_read_back_as_such():
    whole = task(redact="all")
    assert whole.redact == ("email", "phone", "card", "iban", "ip")
    assert Task.model_validate_json(whole.model_dump_json()) == whole
    assert task(redact=["email"]).redact == ("email",)
    assert task().redact == ()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"redact": "names"}, "needed: a list"),
        ({"redact": ["names"]}, "needed: one of email, phone, card, iban, ip"),
        ({"phone_regions": ["US"]}, "`phone_regions` are for `redact: [phone]`"),
        ({"redact": "all", "phone_regions": ["uk"]}, "^[A-Z]{2}$"),
    ],
)
def test_what_cannot_be_redacted_is_told(changes: dict[str, object], told: str):
    section = factories.spec().task.model_dump(mode="json", exclude_unset=True) | changes
    (problem,) = problems_of(changed(task=section))
    assert told in problem.message
