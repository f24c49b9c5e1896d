"""The deployment's record: three kinds, read as they were written before there were kinds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from stratos.contracts.plan import Server
from stratos.hosting.build import build_deployment
from stratos.hosting.deployment import (
    DEPLOYMENT,
    BatchDeployment,
    ComponentDeployment,
    Deployment,
    EndpointDeployment,
)
from stratos.hosting.ownership import STACK_TAG
from stratos.pipeline.steps import Quality
from tests import factories

BEFORE = Path(__file__).parent / "records_before"
"""As commit cbb61f3 wrote them: one record with the fields of every mode."""
KINDS = {
    "endpoint": ("realtime", EndpointDeployment),
    "queue": ("async", EndpointDeployment),
    "serverless": ("serverless", EndpointDeployment),
    "component": ("scale_to_zero", ComponentDeployment),
    "batch": ("batch", BatchDeployment),
}
OF_AN_ENDPOINT = {
    *("endpoint_name", "endpoint_config_name", "replaces_live", "previous_config_name"),
    *("production_variant", "guardrails", "scaling"),
}
SINCE: dict[str, Any] = {
    "pools": [],
    "more_models": [],
    "pool_in_service": None,
    "types_in_service": [],
}
"""Fields of endpoints that came later, without a choice of instances."""


def record(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((BEFORE / f"{name}.json").read_text())
    return found


def built(mode: str) -> Deployment:
    server = Server(
        instance_type="ml.c7i.xlarge",
        count=1,
        region="us-east-1",
        purchase="on_demand",
        usd_per_hour=0.2,
    )
    spec = factories.spec(hosting={"mode": mode}, constraints={} if mode == "batch" else LIMITS)
    evidence = factories.match_evidence(server, 400.0, mode)
    return build_deployment(
        factories.order(spec, evidence, kms_key_arn="arn:aws:kms:us-east-1:123456789012:key/k")
    )


def fields(value: Any) -> Any:
    """Names at every depth, without what they hold."""
    if isinstance(value, dict):
        return {name: fields(held) for name, held in value.items()}
    return [fields(held) for held in value] if isinstance(value, list) else type(value).__name__


def without_stack(tags: list[dict[str, str]]) -> list[dict[str, str]]:
    return [tag for tag in tags if tag["Key"] != STACK_TAG]


LIMITS = factories.spec().constraints.model_dump(exclude_none=True)


@pytest.mark.parametrize("name", KINDS)
def test_a_record_of_before_is_read_as_its_kind_with_all_that_it_says(name: str) -> None:
    old = record(name)
    read = DEPLOYMENT.validate_python(old)
    assert isinstance(read, KINDS[name][1])
    written = json.loads(read.model_dump_json())
    lost = old.keys() - written.keys()
    assert lost == (OF_AN_ENDPOINT if name == "batch" else set())
    assert written == {key: old.get(key, SINCE.get(key)) for key in written}


@pytest.mark.parametrize("name", KINDS)
def test_a_deployment_says_what_one_of_before_there_were_kinds_said(name: str) -> None:
    """But for its engine, a choice of instances, rights and the stack's tag: what states read."""
    before, now = record(name), json.loads(built(KINDS[name][0]).model_dump_json())
    assert now.pop("engine")["name"] == "llama_cpp"
    for each in (before, now):
        each["deploying_since"] = None
        each["tags"] = without_stack(each["tags"])
        each["model_package"]["CustomerMetadataProperties"].pop("rights", None)
        for container in (
            each["container"],
            *each["model_package"]["InferenceSpecification"]["Containers"],
        ):
            container["Environment"] = {}
        if each["transform_job"] is not None:
            each["transform_job"]["environment"] = {}
            each["transform_job"]["tags"] = without_stack(each["transform_job"]["tags"])
    assert {key: now.pop(key, empty) for key, empty in SINCE.items()} == SINCE
    assert fields(now) == fields({key: before[key] for key in now})


@pytest.mark.parametrize("name", KINDS)
def test_a_record_that_was_written_is_read_back_the_same(name: str) -> None:
    written = built(KINDS[name][0])
    assert DEPLOYMENT.validate_json(written.model_dump_json()) == written
    state = Quality(passed=True, next_attempt=None, reason="", deployment=written)
    assert Quality.model_validate_json(state.model_dump_json()).deployment == written


def test_what_no_kind_has_is_refused() -> None:
    for name in ("endpoint", "component", "batch"):
        with pytest.raises(ValidationError, match="colour"):
            DEPLOYMENT.validate_python(record(name) | {"colour": "red"})
