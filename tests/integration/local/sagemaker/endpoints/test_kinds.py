"""Kinds of endpoints, and what is told of their variants."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from moto.sagemaker.exceptions import AWSValidationException

from infra.local.sagemaker.endpoints.kinds import in_service, refuse_other_kind, takes_components

INSTANCES = {"VariantName": "main", "InitialInstanceCount": 2}
SERVERLESS = {"VariantName": "main", "ServerlessConfig": {"MaxConcurrency": 1}}
COMPONENTS = {"VariantName": "main", "ManagedInstanceScaling": {"Status": "ENABLED"}}


def endpoint(*variants: dict[str, object], queue: object = None) -> SimpleNamespace:
    told = in_service(variants, {})
    return SimpleNamespace(arn="arn", production_variants=told, async_inference_config=queue)


def config(*variants: dict[str, object], queue: object = None) -> SimpleNamespace:
    return SimpleNamespace(production_variants=variants, async_inference_config=queue)


def test_a_variant_is_told_with_its_weight_and_its_instances() -> None:
    (told,) = in_service([INSTANCES | {"InitialVariantWeight": 0.0}], {})
    assert (told["CurrentWeight"], told["CurrentInstanceCount"]) == (0.0, 2)


def test_only_an_endpoint_for_components_takes_them() -> None:
    assert takes_components(endpoint(COMPONENTS))
    assert not takes_components(endpoint(INSTANCES))


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        (endpoint(INSTANCES), config(SERVERLESS), "to a serverless one"),
        (endpoint(COMPONENTS), config(COMPONENTS), "inference component"),
        (endpoint(INSTANCES), config(INSTANCES, queue={"q": 1}), "cannot become asynchronous"),
    ],
)
def test_an_endpoint_does_not_become_one_of_another_kind(
    before: SimpleNamespace, after: SimpleNamespace, problem: str
) -> None:
    with pytest.raises(AWSValidationException, match=problem):
        refuse_other_kind(before, after)
