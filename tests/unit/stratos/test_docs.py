"""The generated pages say what the models say."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from stratos import docs
from stratos.docs import field_docs, models_of, pages, schema_text
from stratos.pipeline.summary import RunSummary
from stratos.spec import Spec
from tests import factories
from tests.summaries import succeeded_run

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("path", pages(DOCS), ids=lambda path: path.name)
def test_a_page_in_the_repository_is_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == pages(DOCS)[path]


def test_the_spec_schema_accepts_a_good_spec_and_refuses_an_unknown_field() -> None:
    schema = json.loads(schema_text(Spec))
    good = yaml.safe_load(factories.spec_text())
    jsonschema.validate(good, schema)
    with pytest.raises(jsonschema.ValidationError, match="constraintz"):
        jsonschema.validate(good | {"constraintz": {}}, schema)


def test_the_run_schema_accepts_the_summary_of_a_run() -> None:
    schema = json.loads(schema_text(RunSummary))
    jsonschema.validate(json.loads(succeeded_run().model_dump_json()), schema)


def test_every_field_of_the_spec_is_on_the_page() -> None:
    page = docs.spec_reference()
    for model in models_of(Spec):
        section = page.partition(f"## {model.__name__}\n")[2].partition("\n## ")[0]
        written = json.loads(schema_text(model))["properties"]  # not what Stratos notes itself
        assert set(written) <= set(model.model_fields)
        for name in written:
            assert f"| `{name}` |" in section


def test_descriptions_are_the_docstrings_under_the_fields() -> None:
    schema = json.loads(schema_text(Spec))
    written = field_docs(Spec)["schedule"]
    assert schema["properties"]["schedule"]["description"] == written
    assert "to run again if inputs have changed" in written
