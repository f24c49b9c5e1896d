"""What the model registry is told of a version."""

from __future__ import annotations

import re

import pytest

from stratos.contracts.plan import Server
from stratos.hosting.model_package import description, licence_of, model_package
from stratos.spec import Bedrock, OpenAICompatible, Teacher, Weights
from tests import factories

SERVER = Server(
    instance_type="ml.c7i.xlarge",
    count=1,
    region="us-east-1",
    purchase="on_demand",
    usd_per_hour=0.2,
)


@pytest.mark.parametrize(
    ("model", "licence"),
    [
        (Weights(path="m", licence="MIT"), "MIT"),
        (Weights(path="m"), "unknown"),
        (Weights(hub="Qwen/Qwen3-0.6B"), "Apache-2.0"),
        (Weights(hub="Qwen/Qwen3-0.6B", licence="MIT"), "MIT"),
        (Bedrock(kind="bedrock", model_id="x"), "terms of Amazon Bedrock"),
        (
            OpenAICompatible(kind="openai", base_url="https://api.example.com/v1", model="x"),
            "terms of api.example.com",
        ),
    ],
)
def test_a_licence_is_the_specs_word_or_the_catalogs_or_the_providers_terms(
    model: Teacher, licence: str
) -> None:
    assert licence_of(model) == licence


def test_properties_hold_only_what_sagemaker_takes() -> None:
    teacher = Weights(path="models/a (b), c", licence="(MIT OR Apache-2.0) " + "x" * 300)
    package = model_package(
        factories.run_ref(),
        factories.spec(approval="required"),
        factories.match_evidence(serving=SERVER, p95_latency_ms=400.0),
        factories.evaluate_result(),
        {"Image": "i"},
        factories.lineage().model_copy(update={"teacher": teacher}),
        instance_types="SupportedRealtimeInferenceInstanceTypes",
    )
    properties = package["CustomerMetadataProperties"]
    assert len(properties) <= 50
    for value in properties.values():
        assert re.fullmatch(r"[\w\s.:/=+\-@]{1,256}", value), value
    assert properties["teacher_source"] == "spec:models/a _b__ c"
    assert package["ModelApprovalStatus"] == "PendingManualApproval"


def test_a_description_of_a_decision_is_one_line_of_bounded_length() -> None:
    assert description("a\nb  c") == "a b c"
    assert len(description("x" * 5000)) == 1024
