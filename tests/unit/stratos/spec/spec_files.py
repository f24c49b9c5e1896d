"""Spec files for tests, and what is wrong with them."""

from __future__ import annotations

import pytest

from stratos.errors import SpecRejected
from stratos.problems import Problem
from stratos.spec.reader import read_spec
from tests import factories


def problems_of(content: str | bytes) -> list[Problem]:
    with pytest.raises(SpecRejected) as caught:
        read_spec(content)
    return list(caught.value.problems)


def changed(**sections: object) -> str:
    return factories.spec_text(**sections)
