"""A verifier that cannot do its work is refused when a spec is read, and only then."""

from __future__ import annotations

import json

import pytest
from pydantic import TypeAdapter

from stratos.spec import Choice, Spec, Verifier
from stratos.spec.reader import read_document
from stratos.spec.verifier_faults import verifier_faults
from tests import factories


def problems_of(verifier):
    spec = factories.spec_dict()
    spec["task"]["verifier"] = verifier
    return [(problem.path, str(problem)) for problem in read_document(json.dumps(spec)).problems]


@pytest.mark.parametrize(
    ("verifier", "field", "told"),
    [
        ({"kind": "choice", "choices": ["yes", "no", "Yes."]}, "choices", "'yes' and 'Yes.' are"),
        ({"kind": "choice", "choices": ["café", "cafe\u0301"]}, "choices", "rename one of the two"),
        ({"kind": "regex", "pattern": "(?!a)b"}, "pattern", "lookahead"),
        ({"kind": "regex", "pattern": "("}, "pattern", "unclosed group"),
        (
            {"kind": "json", "json_schema": {"items": {"pattern": "^(?!a)"}}},
            "json_schema",
            "lookahead",
        ),
        (
            {"kind": "json", "json_schema": {"patternProperties": {"a++": {}}}},
            "json_schema",
            "possessive",
        ),
    ],
)
def test_a_fault_is_told_with_its_place(verifier, field, told):
    [(path, problem)] = problems_of(verifier)
    assert path == f"task.verifier.{field}"
    assert told in problem


def test_labels_that_signs_tell_apart_are_no_fault():
    labels = ("C", "C++", "C#", "1", "-1", "दिन", "दीन")
    assert not list(verifier_faults(Choice(kind="choice", choices=labels)))


def test_a_record_from_before_is_still_read():
    for verifier in (
        {"kind": "choice", "choices": ["yes", "Yes"]},
        {"kind": "regex", "pattern": "(?!a)b"},
        {"kind": "json", "json_schema": {"pattern": "(?!a)b"}},
    ):
        assert TypeAdapter(Verifier).validate_python(verifier).kind == verifier["kind"]
        spec = factories.spec_dict()
        spec["task"]["verifier"] = verifier
        assert Spec.model_validate(spec).task.verifier.kind == verifier["kind"]
