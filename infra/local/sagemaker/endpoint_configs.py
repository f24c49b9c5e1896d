"""Models and endpoint configurations: what moto drops or refuses of them, mended."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from moto.sagemaker.exceptions import AWSValidationException, ValidationError
from moto.sagemaker.models import FakeEndpointConfig

from infra.local.host.settings import ACCOUNT_ID, REGION
from infra.local.sagemaker.execution_role import MODEL_ROLE
from infra.local.sagemaker.model_registry import package_container
from infra.local.sagemaker.validation import name_violations, refuse_violations

_DROPPED_BY_MOTO = {
    "ExecutionRoleArn": "execution_role_arn",
    "VpcConfig": "vpc_config",
    "EnableNetworkIsolation": "enable_network_isolation",
    "ExplainerConfig": "explainer_config",
    "ShadowProductionVariants": "shadow_production_variants",
}
"""Fields of an endpoint configuration, by the attribute from which moto would describe them."""


def configuration(backend: Any, name: str) -> Any:
    config = backend.endpoint_configs.get(name)
    if config is None:
        arn = FakeEndpointConfig.arn_formatter(name, ACCOUNT_ID, REGION)
        raise ValidationError(message=f'Could not find endpoint configuration "{arn}".')
    return config


def containers_of(
    backend: Any, variants: Sequence[Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]]:
    """The container each variant's model runs, with the model's role, by variant name.

    A variant for components has none.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for variant in variants:
        if "ModelName" not in variant:
            continue
        model = backend.describe_model(variant["ModelName"])
        container: Mapping[str, Any] = model.primary_container or next(iter(model.containers), {})
        if package := container.get("ModelPackageName"):
            container = {**package_container(backend, package), **container}
        found[variant["VariantName"]] = {**container, MODEL_ROLE: model.execution_role_arn}
    return found


def create_endpoint_config(parameters: dict[str, Any], backend: Any) -> dict[str, Any]:
    name = parameters["EndpointConfigName"]
    refuse_violations(name_violations("endpointConfigName", name))
    if name in backend.endpoint_configs:
        arn = backend.endpoint_configs[name].endpoint_config_arn
        raise AWSValidationException(
            f'Cannot create already existing endpoint configuration "{arn}".'
        )
    for variant in parameters["ProductionVariants"]:
        if "ModelName" not in variant and not parameters.get("ExecutionRoleArn"):
            raise AWSValidationException(
                f"Variant {variant['VariantName']} names no model, so it is for inference "
                "components, and these need an ExecutionRoleArn of the configuration."
            )
    config = backend.create_endpoint_config(
        endpoint_config_name=name,
        production_variants=copy.deepcopy(parameters["ProductionVariants"]),
        data_capture_config=parameters.get("DataCaptureConfig"),
        async_inference_config=parameters.get("AsyncInferenceConfig"),
        tags=parameters.get("Tags"),
        kms_key_id=parameters.get("KmsKeyId"),
    )
    for field, attribute in _DROPPED_BY_MOTO.items():
        if parameters.get(field) is not None:
            setattr(config, attribute, parameters[field])
    return {"EndpointConfigArn": config.endpoint_config_arn}


def accept_instance_type(config: Any, instance_type: str) -> None:
    """moto knows a list of 2020; here any name stands for threads of this machine."""
    if not instance_type.startswith("ml."):
        raise ValidationError(
            message=f"'{instance_type}' is not an instance type; give one like ml.m5.large."
        )


def refuse_taken_model(backend: Any, parameters: dict[str, Any]) -> None:
    name = parameters["ModelName"]
    refuse_violations(name_violations("modelName", name))
    if name in backend._models:
        arn = backend._models[name].arn
        raise AWSValidationException(f'Cannot create already existing model "{arn}".')
