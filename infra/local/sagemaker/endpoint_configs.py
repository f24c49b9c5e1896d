"""Models and endpoint configurations: what moto drops or refuses of them, mended."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moto.sagemaker.exceptions import AWSValidationException, ValidationError
from moto.sagemaker.models import FakeEndpointConfig

from infra.local.sagemaker.execution_role import MODEL_ROLE
from infra.local.sagemaker.model_registry import package_container
from infra.local.sagemaker.validation import refuse_violations

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
        arn = FakeEndpointConfig.arn_formatter(name, backend.account_id, backend.region_name)
        raise ValidationError(message=f'Could not find endpoint configuration "{arn}".')
    return config


@dataclass(frozen=True)
class InstanceOffer:
    """One kind of instance that a variant may get, and the container that runs there."""

    variant: Mapping[str, Any]
    """With its instance type, whether or not there was a choice."""
    container: Mapping[str, Any]

    @property
    def instances(self) -> tuple[str, int]:
        """The instance type, empty if SageMaker chooses it, and how many."""
        count = int(self.variant.get("InitialInstanceCount") or 1)
        return str(self.variant.get("InstanceType") or ""), count


def offers_of(
    backend: Any, variants: Sequence[Mapping[str, Any]]
) -> dict[str, list[InstanceOffer]]:
    """What each variant may get, best first, by its name; one for components has no container."""
    return {
        variant["VariantName"]: [
            InstanceOffer(chosen, _container(backend, chosen["ModelName"]))
            for chosen in _choices(variant)
        ]
        for variant in variants
        if "ModelName" in variant
    }


def containers_of(
    backend: Any, variants: Sequence[Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]]:
    """The container of each variant's own model, with the model's role, by variant name.

    A variant for components has none.
    """
    return {
        one["VariantName"]: _container(backend, one["ModelName"])
        for one in variants
        if "ModelName" in one
    }


def _choices(variant: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The variant for each of its pools; itself alone if it has none."""
    pools = sorted(variant.get("InstancePools") or (), key=lambda pool: int(pool["Priority"]))
    if not pools:
        return [dict(variant)]
    return [
        {
            **variant,
            "InstanceType": pool["InstanceType"],
            "ModelName": pool.get("ModelNameOverride") or variant["ModelName"],
        }
        for pool in pools
    ]


def _container(backend: Any, model_name: str) -> Mapping[str, Any]:
    model = backend.describe_model(model_name)
    container: Mapping[str, Any] = model.primary_container or next(iter(model.containers), {})
    if package := container.get("ModelPackageName"):
        container = {**package_container(backend, package), **container}
    return {**container, MODEL_ROLE: model.execution_role_arn}


def pool_violations(variant: Mapping[str, Any]) -> list[str]:
    """What the service model says of instance pools in words; AWS's own are not known."""
    if variant.get("InstancePools") is None:
        return []
    return [
        f"A variant cannot have both InstancePools and {other}"
        for other in ("InstanceType", "ServerlessConfig")
        if variant.get(other)
    ]


def create_endpoint_config(parameters: dict[str, Any], backend: Any) -> dict[str, Any]:
    name = parameters["EndpointConfigName"]
    if name in backend.endpoint_configs:
        arn = backend.endpoint_configs[name].endpoint_config_arn
        raise AWSValidationException(
            f'Cannot create already existing endpoint configuration "{arn}".'
        )
    for variant in parameters["ProductionVariants"]:
        refuse_violations(pool_violations(variant))
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


def accept_variants(config: Any, variants: Sequence[Mapping[str, Any]]) -> None:
    """moto knows no instance pools, and refuses a variant that has neither of two other fields."""
    for variant in variants:
        for pool in variant.get("InstancePools") or ():
            config.validate_instance_type(pool["InstanceType"])
        if variant.get("InstancePools"):
            continue
        if "InstanceType" in variant:
            config.validate_instance_type(variant["InstanceType"])
        elif "ServerlessConfig" in variant:
            config.validate_serverless_config(variant["ServerlessConfig"])
        else:
            raise ValidationError(
                message=f"Variant {variant['VariantName']} needs one of InstanceType, "
                "InstancePools and ServerlessConfig."
            )


def accept_instance_type(config: Any, instance_type: str) -> None:
    """moto knows a list of 2020; here any name stands for threads of this machine."""
    if not instance_type.startswith("ml."):
        raise ValidationError(
            message=f"'{instance_type}' is not an instance type; give one like ml.m5.large."
        )


def keep_network(backend: Any, parameters: dict[str, Any], _answer: dict[str, Any]) -> None:
    """Describe a new model's network as it was given: moto forgets that it is isolated."""
    model = backend.describe_model(parameters["ModelName"])
    model.enable_network_isolation = parameters.get("EnableNetworkIsolation", False)
    model.vpc_config = parameters.get("VpcConfig")


def refuse_taken_model(backend: Any, parameters: dict[str, Any]) -> None:
    name = parameters["ModelName"]
    if name in backend._models:
        arn = backend._models[name].arn
        raise AWSValidationException(f'Cannot create already existing model "{arn}".')
