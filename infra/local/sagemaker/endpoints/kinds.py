"""Kinds of endpoints: which one an endpoint is, and how DescribeEndpoint tells of its variants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from moto.sagemaker.exceptions import AWSValidationException


def refuse_other_kind(endpoint: Any, config: Any) -> None:
    """An endpoint with instances does not become serverless, nor does a queue come or go."""
    was_serverless = any("CurrentServerlessConfig" in v for v in endpoint.production_variants)
    becomes_serverless = any("ServerlessConfig" in v for v in config.production_variants)
    if becomes_serverless and not was_serverless:
        raise AWSValidationException(
            f'Cannot update endpoint "{endpoint.arn}" with instances to a serverless one.'
        )
    if takes_components(endpoint):
        raise AWSValidationException(
            f'The embedded cloud does not update endpoint "{endpoint.arn}", whose model is in an '
            "inference component; update that."
        )
    if bool(endpoint.async_inference_config) != bool(config.async_inference_config):
        raise AWSValidationException(
            f'Cannot update endpoint "{endpoint.arn}": it cannot become asynchronous, or cease '
            "to be."
        )


def takes_components(endpoint: Any) -> bool:
    return any("ManagedInstanceScaling" in variant for variant in endpoint.production_variants)


def in_service(
    variants: Sequence[Mapping[str, Any]], types: Mapping[str, str | None]
) -> list[dict[str, Any]]:
    """Configured variants as DescribeEndpoint tells of them; moto loses a weight of zero.

    Args:
        types: Instance type of each variant that has its instances already.
    """
    described = []
    for variant in variants:
        weight = float(variant.get("InitialVariantWeight", 1.0))
        summary = {
            "VariantName": variant["VariantName"],
            "CurrentWeight": weight,
            "DesiredWeight": weight,
        }
        if "ManagedInstanceScaling" in variant:
            summary["ManagedInstanceScaling"] = variant["ManagedInstanceScaling"]
        if "InstancePools" in variant:
            summary["InstancePools"] = [
                {
                    "InstanceType": pool["InstanceType"],
                    "CurrentInstanceCount": variant.get("InitialInstanceCount", 1)
                    if pool["InstanceType"] == types.get(variant["VariantName"])
                    else 0,
                }
                for pool in variant["InstancePools"]
            ]
        for state in ("Current", "Desired"):
            if "InitialInstanceCount" in variant:
                summary[f"{state}InstanceCount"] = variant["InitialInstanceCount"]
            if "ServerlessConfig" in variant:
                summary[f"{state}ServerlessConfig"] = variant["ServerlessConfig"]
        described.append(summary)
    return described
